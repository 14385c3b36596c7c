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
import { add, type Drop, type DropReason, each, type Field, kept, take } from "./field.ts"
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
  hashedFirstName,
  hashedGender,
  hashedLastName,
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
  const state = take("user.state", raw.state, (value) => hashedState(`${country.code ?? ""}|${value}`), drop)
  const zip = take("user.zip", raw.zip, (value) => hashedZip(value, country.code), drop) ?? noZip
  if (zip.hash === null && zip.google !== null) drop("user.zip", "invalid_zip")
  const birthday = (value: string): Field<string> => birthDate(value, country.code, context)
  const token = (field: string, value: string | null, rule: (raw: string) => Field<string>): string | null =>
    value === null ? null : take(field, value, rule, drop)
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
    anonymous_id: anonymousId(raw.anonymous_id, drop),
    date_of_birth: take("user.date_of_birth", raw.date_of_birth, birthday, drop),
    gender: take("user.gender", raw.gender, hashedGender, drop),
    ip: token("user.ip", raw.ip, normalizeIp),
    user_agent: token("user.user_agent", raw.user_agent, normalizeUserAgent),
    fbp: token("user.fbp", raw.fbp, normalizeFbp),
    fbc: token("user.fbc", click.fbc, normalizeFbc),
    fbclid: token("user.fbclid", click.fbclid, normalizeClickId),
    fbclid_time: firstSeen(raw.fbclid_time, context),
    gclid: token("user.gclid", raw.gclid, normalizeGoogleClickId),
    gbraid: token("user.gbraid", raw.gbraid, normalizeGoogleClickId),
    wbraid: token("user.wbraid", raw.wbraid, normalizeGoogleClickId),
    dclid: token("user.dclid", raw.dclid, normalizeGoogleClickId),
    ttclid: token("user.ttclid", raw.ttclid, normalizeClickId),
    ttp: token("user.ttp", raw.ttp, normalizeClickId),
    sc_click_id: token("user.sc_click_id", raw.sc_click_id, normalizeClickId),
    sc_cookie1: token("user.sc_cookie1", raw.sc_cookie1, normalizeClickId),
    ctwa_clid: token("user.ctwa_clid", raw.ctwa_clid, normalizeClickId),
    madid: token("user.madid", raw.madid, normalizeMobileId),
    anon_id: token("user.anon_id", raw.anon_id, normalizePlatformId),
    lead_id: token("user.lead_id", raw.lead_id, normalizePlatformId),
    fb_login_id: token("user.fb_login_id", raw.fb_login_id, normalizePlatformId),
    page_scoped_user_id: token("user.page_scoped_user_id", raw.page_scoped_user_id, normalizePlatformId),
    ig_sid: token("user.ig_sid", raw.ig_sid, normalizePlatformId),
    subscription_id: token("user.subscription_id", raw.subscription_id, normalizePlatformId),
    locale: token("user.locale", raw.locale, normalizeLocale),
    whatsapp_user_sealed: sealedWhatsAppUserId(raw.whatsapp_user_id, context.sealRecipient, drop),
    click_ids: raw.click_ids === null ? null : clickIdsByName(raw.click_ids, drop)
  }
}

const emailForms = (values: RawUser["email"], drop: Drop) => {
  const plain: Array<string> = []
  const google: Array<string> = []
  each("user.email", values, drop, (value) => {
    const hashed = alreadyHashed(value)
    if (hashed !== null) {
      add(plain, hashed)
      return add(google, hashed)
    }
    const forms = take("user.email", value, normalizeEmail, drop)
    if (forms === null) return
    const hash = sha256(forms.plain)
    add(plain, hash)
    if (forms.google !== null) add(google, forms.google === forms.plain ? hash : sha256(forms.google))
  })
  return { plain, google }
}

const phoneForms = (values: RawUser["phone"], country: string | null, context: UserContext) => {
  const phones: Array<NormalizedPhone> = []
  const addPhone = (phone: NormalizedPhone): void => {
    const known = phones.findIndex(
      (other) => other.e164 === phone.e164 && other.default_country === phone.default_country
    )
    if (known < 0) phones.push(phone)
    else if (!phone.assumed_international) phones[known] = phone
  }
  each("user.phone", values, context.drop, (value) => {
    const hashed = alreadyHashed(value)
    // Which form was hashed is not known: each platform gets the hash as it came.
    if (hashed !== null) {
      return addPhone({
        default_country: null,
        digits: hashed,
        e164: hashed,
        tiktok: hashed,
        sealed: null,
        assumed_international: false
      })
    }
    const rule = (raw: string) => normalizePhone(raw, country, context.defaultCountries)
    for (const { e164, defaultCountry, assumed } of take("user.phone", value, rule, context.drop) ?? []) {
      const plus = sha256(e164)
      const tiktok = tiktokForm(e164)
      addPhone({
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

const externalIds = (values: RawUser["external_id"], drop: Drop): ReadonlyArray<string> => {
  const ids: Array<string> = []
  each("user.external_id", values, drop, (value) => {
    const hashed = alreadyHashed(value)
    if (hashed !== null) return add(ids, hashed)
    const plain = take("user.external_id", value, normalizeExternalId, drop)
    if (plain !== null) add(ids, sha256(plain))
  })
  return ids
}

const anonymousId = (value: string | null, drop: Drop): string | null => {
  if (value === null) return null
  const hashed = alreadyHashed(value)
  if (hashed !== null) return hashed
  const plain = take("user.anonymous_id", value, normalizeExternalId, drop)
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
const birthDate = (value: string, country: string | null, { eventTime }: UserContext): Field<string> => {
  const known = surelyBorn(value)
  if (known !== null && known.millis <= eventTime) return known.field
  const hashed = alreadyHashed(value)
  if (hashed !== null) return kept(hashed)
  const date = normalizeBirthDate(value, eventTime, dateOrderOf(value, country))
  return "value" in date ? kept(sha256(date.value)) : date
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
  const hashes = [...user.email]
  for (const { e164 } of user.phones) add(hashes, e164)
  for (const id of user.external_id) add(hashes, id)
  if (user.anonymous_id !== null) add(hashes, user.anonymous_id)
  return hashes
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
