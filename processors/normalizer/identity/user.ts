/** The whole customer: every form that some platform documents, normalized and hashed once. */
import type { NormalizedPhone, NormalizedUser, RawUser } from "../../../schemas/types.gen.ts"
import { hashedCity, hashedCountry, hashedState, hashedZip, noCity, noZip } from "./address.ts"
import {
  clickIdsByName,
  metaClick,
  normalizeClickId,
  normalizeFbc,
  normalizeFbp,
  normalizeGoogleClickId,
  normalizePlatformId
} from "./click-ids.ts"
import { normalizeEmail } from "./email.ts"
import { type Drop, type DropReason, each, noValues, take, takeIn, withValue } from "./field.ts"
import {
  normalizeExternalId,
  normalizeIp,
  normalizeLocale,
  normalizeMobileId,
  normalizeUserAgent,
  sealedWhatsAppUserId
} from "./other-fields.ts"
import {
  dateOrderOf,
  hashedGender,
  hashOfUsualBirthday,
  knownFirstName,
  knownLastName,
  noName,
  normalizeBirthDate,
  surelyBorn
} from "./person.ts"
import { digitsForm, normalizePhone, tiktokForm } from "./phone.ts"
import { alreadyHashed, sha256 } from "./text.ts"

export interface UserContext {
  /** ISO 3166-1 alpha-2, upper case: the default countries of the connections. */
  readonly defaultCountries: ReadonlyArray<string>
  /** The time of the event, in milliseconds since the epoch: no one is born after it. */
  readonly eventTime: number
  /** Seals an E.164 number or a business-scoped user id for WhatsApp; null where no connection needs it. */
  readonly sealRecipient: ((recipient: string) => string) | null
  /** Called for each value left out. */
  readonly drop: (field: string, reason: DropReason) => void
}

export const normalizeUser = (raw: RawUser, context: UserContext): NormalizedUser => {
  const { drop } = context
  const country = countryForms(raw.country, drop)
  const emails = emailForms(raw.email, drop)
  const firstName = take("user.first_name", raw.first_name, hashedFirstName, drop) ?? noName
  const lastName = take("user.last_name", raw.last_name, hashedLastName, drop) ?? noName
  const city = take("user.city", raw.city, hashedCity, drop) ?? noCity
  const state = takeIn("user.state", raw.state, hashedState, country.code, drop)
  const zip = takeIn("user.zip", raw.zip, hashedZip, country.code, drop) ?? noZip
  if (zip.hash === null && zip.google !== null) drop("user.zip", "invalid_zip")
  const click = metaClick(raw)
  return {
    email: emails.plain,
    email_google: emails.google,
    phones: phoneForms(raw.phone, country.code, context),
    first_name: firstName.plain,
    first_name_google: firstName.google,
    last_name: lastName.plain,
    last_name_google: lastName.google,
    city: city.hash,
    city_snap: city.snap,
    city_plain: city.plain,
    state: state === null ? null : state.hash,
    state_plain: state === null ? null : state.plain,
    zip: zip.hash,
    zip_snap: zip.snap,
    zip_plain: zip.google,
    country: country.hash,
    country_code: country.code,
    external_id: externalIds(raw.external_id, drop),
    anonymous_id: hashOfId("user.anonymous_id", raw.anonymous_id, drop),
    date_of_birth: birthDate(raw.date_of_birth, country.code, context),
    gender: take("user.gender", raw.gender, hashedGender, drop),
    ip: take("user.ip", raw.ip, normalizeIp, drop),
    user_agent: take("user.user_agent", raw.user_agent, normalizeUserAgent, drop),
    fbp: take("user.fbp", raw.fbp, normalizeFbp, drop),
    fbc: take("user.fbc", click.fbc, normalizeFbc, drop),
    fbclid: take("user.fbclid", click.fbclid, normalizeClickId, drop),
    fbclid_time: firstSeen(raw.fbclid_time, context),
    gclid: take("user.gclid", raw.gclid, normalizeGoogleClickId, drop),
    gbraid: take("user.gbraid", raw.gbraid, normalizeGoogleClickId, drop),
    wbraid: take("user.wbraid", raw.wbraid, normalizeGoogleClickId, drop),
    dclid: take("user.dclid", raw.dclid, normalizeGoogleClickId, drop),
    ttclid: take("user.ttclid", raw.ttclid, normalizeClickId, drop),
    ttp: take("user.ttp", raw.ttp, normalizeClickId, drop),
    sc_click_id: take("user.sc_click_id", raw.sc_click_id, normalizeClickId, drop),
    sc_cookie1: take("user.sc_cookie1", raw.sc_cookie1, normalizeClickId, drop),
    ctwa_clid: take("user.ctwa_clid", raw.ctwa_clid, normalizeClickId, drop),
    madid: take("user.madid", raw.madid, normalizeMobileId, drop),
    anon_id: take("user.anon_id", raw.anon_id, normalizePlatformId, drop),
    lead_id: take("user.lead_id", raw.lead_id, normalizePlatformId, drop),
    fb_login_id: take("user.fb_login_id", raw.fb_login_id, normalizePlatformId, drop),
    page_scoped_user_id: take("user.page_scoped_user_id", raw.page_scoped_user_id, normalizePlatformId, drop),
    ig_sid: take("user.ig_sid", raw.ig_sid, normalizePlatformId, drop),
    subscription_id: take("user.subscription_id", raw.subscription_id, normalizePlatformId, drop),
    locale: take("user.locale", raw.locale, normalizeLocale, drop),
    whatsapp_user_sealed: sealedWhatsAppUserId(raw.whatsapp_user_id, context.sealRecipient, drop),
    click_ids: raw.click_ids === null ? null : clickIdsByName(raw.click_ids, drop)
  }
}

const hashedFirstName = (raw: string) => knownFirstName(raw).field
const hashedLastName = (raw: string) => knownLastName(raw).field

const emailForms = (values: RawUser["email"], drop: Drop) => {
  let plain = noValues
  let google = noValues
  each("user.email", values, drop, (value) => {
    const hashed = alreadyHashed(value)
    if (hashed !== null) {
      plain = withValue(plain, hashed)
      google = withValue(google, hashed)
      return
    }
    const forms = take("user.email", value, normalizeEmail, drop)
    if (forms === null) return
    const hash = sha256(forms.plain)
    plain = withValue(plain, hash)
    if (forms.google !== null) google = withValue(google, forms.google === forms.plain ? hash : sha256(forms.google))
  })
  return { plain, google }
}

const phoneForms = (values: RawUser["phone"], country: string | null, context: UserContext) => {
  let phones: ReadonlyArray<NormalizedPhone> = noPhones
  each("user.phone", values, context.drop, (value) => {
    const hashed = alreadyHashed(value)
    // Which form was hashed is not known: each platform gets the hash as it came.
    if (hashed !== null) {
      phones = withPhone(phones, {
        default_country: null,
        digits: hashed,
        e164: hashed,
        tiktok: hashed,
        sealed: null,
        assumed_international: false
      })
      return
    }
    const read = normalizePhone(value, country, context.defaultCountries)
    if ("dropped" in read) return context.drop("user.phone", read.dropped)
    for (const { e164, defaultCountry, assumed } of read.value) {
      const plus = sha256(e164)
      const tiktok = tiktokForm(e164)
      phones = withPhone(phones, {
        default_country: defaultCountry,
        digits: sha256(digitsForm(e164)),
        e164: plus,
        tiktok: tiktok === e164 ? plus : sha256(tiktok),
        sealed: context.sealRecipient === null ? null : context.sealRecipient(e164),
        assumed_international: assumed
      })
    }
  })
  return phones
}

/** A number that the event itself has a country for comes before the same one that was assumed. */
const withPhone = (phones: ReadonlyArray<NormalizedPhone>, phone: NormalizedPhone): ReadonlyArray<NormalizedPhone> => {
  if (phones.length === 0) return [phone]
  const known = phones.findIndex(
    (other) => other.e164 === phone.e164 && other.default_country === phone.default_country
  )
  if (known < 0) return [...phones, phone]
  return phone.assumed_international ? phones : phones.with(known, phone)
}
const noPhones: ReadonlyArray<NormalizedPhone> = []

const externalIds = (values: RawUser["external_id"], drop: Drop): ReadonlyArray<string> => {
  let ids = noValues
  each("user.external_id", values, drop, (value) => {
    const hash = hashOfId("user.external_id", value, drop)
    if (hash !== null) ids = withValue(ids, hash)
  })
  return ids
}

const hashOfId = (field: string, value: string | null, drop: Drop): string | null => {
  if (value === null) return null
  const hashed = alreadyHashed(value)
  if (hashed !== null) return hashed
  const plain = take(field, value, normalizeExternalId, drop)
  return plain === null ? null : sha256(plain)
}

const countryForms = (
  value: string | null,
  drop: Drop
): { readonly hash: string | null; readonly code: string | null } =>
  take("user.country", value, hashedCountry, drop) ?? { hash: null, code: null }

/** A first-seen time after the event, or before the platform had click ids, would date the click wrongly. */
const firstSeen = (time: number | null, { drop, eventTime }: UserContext): number | null => {
  if (time === null) return null
  if (Number.isSafeInteger(time) && time >= 1_000_000_000_000 && time <= eventTime) return time
  drop("user.fbclid_time", "invalid_time")
  return null
}

/** The event's time and the country decide only where a date is not sure without them; the others are remembered. */
const birthDate = (value: string | null, country: string | null, { drop, eventTime }: UserContext): string | null => {
  if (value === null) return null
  const usual = hashOfUsualBirthday(value, eventTime)
  if (usual !== null) return usual
  const known = surelyBorn(value)
  if (known !== null && known.millis <= eventTime) return known.hash
  const hashed = alreadyHashed(value)
  if (hashed !== null) return hashed
  const date = normalizeBirthDate(value, eventTime, dateOrderOf(value, country))
  if ("value" in date) return sha256(date.value)
  drop("user.date_of_birth", date.dropped)
  return null
}

/**
 * Whether nothing is left by which any platform could find the customer. A birthday, a place or a gender alone finds no one;
 * a birthday beside one of the others is taken by Meta (best practices of the Conversions API).
 */
export const isWithoutIdentity = (user: NormalizedUser): boolean => {
  if (user.email.length > 0 || user.phones.length > 0 || user.external_id.length > 0) return false
  for (const field of identifiers) if (user[field] !== null) return false
  return user.date_of_birth === null || besideBirthday.every((field) => user[field] === null)
}

/** SHA-256 of each identifier by which a person asks to be erased or withdraws consent: emails, phones in E.164, external and anonymous ids. */
export const personHashes = (user: NormalizedUser): ReadonlyArray<string> => {
  // Without a Set, which would make V8 keep each in its table of texts; a customer has few.
  const hashes: Array<string> = []
  for (const email of user.email) addOnce(hashes, email)
  for (const { e164 } of user.phones) addOnce(hashes, e164)
  for (const id of user.external_id) addOnce(hashes, id)
  if (user.anonymous_id !== null) addOnce(hashes, user.anonymous_id)
  return hashes
}

const addOnce = (list: Array<string>, text: string): void => {
  if (!list.includes(text)) list.push(text)
}

const identifiers = [
  "anonymous_id",
  "first_name",
  "last_name",
  "first_name_google",
  "last_name_google",
  "ip",
  "user_agent",
  "fbp",
  "fbc",
  "fbclid",
  "gclid",
  "gbraid",
  "wbraid",
  "dclid",
  "ttclid",
  "ttp",
  "sc_click_id",
  "sc_cookie1",
  "ctwa_clid",
  "madid",
  "anon_id",
  "lead_id",
  "fb_login_id",
  "page_scoped_user_id",
  "ig_sid",
  "subscription_id",
  "whatsapp_user_sealed",
  "click_ids"
] as const satisfies ReadonlyArray<keyof NormalizedUser>

const besideBirthday = ["city", "state", "zip", "country", "gender"] as const satisfies ReadonlyArray<
  keyof NormalizedUser
>
