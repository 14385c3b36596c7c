/** The whole customer: every form that some platform documents, normalized and hashed once. */
import type { NormalizedPhone, NormalizedUser, RawUser } from "../../schemas/types.gen.ts"
import { dateOrderOf, normalizeBirthDate } from "./birth-date.ts"
import { type CityForms, normalizeCity } from "./city.ts"
import {
  normalizeClickId,
  normalizeFbc,
  normalizeFbp,
  normalizeLocale,
  normalizeMobileId,
  normalizePlatformId,
  normalizeUserAgent
} from "./click-ids.ts"
import { countryOfHash, normalizeCountry } from "./country.ts"
import { normalizeEmail } from "./email.ts"
import { normalizeExternalId } from "./external-id.ts"
import { type DropReason, dropped, type Field, kept } from "./field.ts"
import { normalizeGender } from "./gender.ts"
import { normalizeIp } from "./ip.ts"
import { memo } from "./memo.ts"
import { type NameForms, normalizeFirstName, normalizeLastName } from "./name.ts"
import { digitsForm, normalizePhone, tiktokForm } from "./phone.ts"
import { alreadyHashed, sha256 } from "./sha256.ts"
import { normalizeState } from "./state.ts"
import { add, type Drop, each, take } from "./take.ts"
import { sealedWhatsAppUserId } from "./whatsapp-user-id.ts"
import { normalizeZip, type ZipForms } from "./zip.ts"

export interface UserContext {
  /** ISO 3166-1 alpha-2, upper case: the default countries of the connections. */
  readonly defaultCountries: ReadonlyArray<string>
  /** The moment of the event, in milliseconds since the epoch: nobody is born after it. */
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
    date_of_birth: take("user.date_of_birth", raw.date_of_birth, birthday, drop),
    gender: take("user.gender", raw.gender, hashedGender, drop),
    ip: token("user.ip", raw.ip, normalizeIp),
    user_agent: token("user.user_agent", raw.user_agent, normalizeUserAgent),
    fbp: token("user.fbp", raw.fbp, normalizeFbp),
    fbc: token("user.fbc", raw.fbc, normalizeFbc),
    fbclid: token("user.fbclid", raw.fbclid, normalizeClickId),
    fbclid_time: firstSeen(raw.fbclid_time, context),
    gclid: token("user.gclid", raw.gclid, normalizeClickId),
    gbraid: token("user.gbraid", raw.gbraid, normalizeClickId),
    wbraid: token("user.wbraid", raw.wbraid, normalizeClickId),
    dclid: token("user.dclid", raw.dclid, normalizeClickId),
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
    whatsapp_user_sealed: sealedWhatsAppUserId(raw.whatsapp_user_id, context)
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
    const same = (other: NormalizedPhone) =>
      other.e164 === phone.e164 && other.default_country === phone.default_country
    if (!phones.some(same)) phones.push(phone)
  }
  each("user.phone", values, context.drop, (value) => {
    const hashed = alreadyHashed(value)
    // Nobody can tell which form was hashed: each platform gets the hash as it came.
    if (hashed !== null) {
      return addPhone({ default_country: null, digits: hashed, e164: hashed, tiktok: hashed, sealed: null })
    }
    const rule = (raw: string) => normalizePhone(raw, country, context.defaultCountries)
    for (const { e164, defaultCountry } of take("user.phone", value, rule, context.drop) ?? []) {
      const plus = sha256(e164)
      const tiktok = tiktokForm(e164)
      addPhone({
        default_country: defaultCountry,
        digits: sha256(digitsForm(e164)),
        e164: plus,
        tiktok: tiktok === e164 ? plus : sha256(tiktok),
        sealed: context.sealRecipient === null ? null : context.sealRecipient(e164)
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

/** Applies a rule to what is not hashed yet; a hash stands for the value in each form that travels hashed. */
const orHash =
  <Forms, Hashed>(rule: (raw: string) => Field<Forms>, hash: (forms: Forms) => Hashed, as: (hash: string) => Hashed) =>
  (value: string): Field<Hashed> => {
    const hashed = alreadyHashed(value)
    if (hashed !== null) return kept(as(hashed))
    const result = rule(value)
    return "value" in result ? kept(hash(result.value)) : dropped(result.dropped)
  }

const cached = <A>(rule: (value: string) => A): ((value: string) => A) => memo(32_768, rule)

const hashName = (forms: NameForms): NameForms => {
  const plain = forms.plain === null ? null : sha256(forms.plain)
  if (forms.google === forms.plain) return { plain, google: plain }
  return { plain, google: forms.google === null ? null : sha256(forms.google) }
}
const asName = (hash: string): NameForms => ({ plain: hash, google: hash })
const noName: NameForms = { plain: null, google: null }
const hashedFirstName = cached(orHash(normalizeFirstName, hashName, asName))
const hashedLastName = cached(orHash(normalizeLastName, hashName, asName))

interface HashedCity {
  readonly hash: string | null
  readonly snap: string | null
  readonly plain: string | null
}
const noCity: HashedCity = { hash: null, snap: null, plain: null }
const hashCity = ({ plain, snap }: CityForms): HashedCity => ({ hash: sha256(plain), snap: sha256(snap), plain })
const hashedCity = cached(orHash(normalizeCity, hashCity, (hash): HashedCity => ({ hash, snap: hash, plain: null })))

/** Rules that need the country are cached under `<country>|<value>`. */
const withCountry =
  <Forms>(rule: (raw: string, country: string | null) => Field<Forms>) =>
  (key: string): Field<Forms> => {
    const bar = key.indexOf("|")
    return rule(key.slice(bar + 1), bar === 0 ? null : key.slice(0, bar))
  }

interface HashedState {
  readonly hash: string
  readonly plain: string | null
}
const hashedState = cached(
  withCountry((raw, country) =>
    orHash(
      (value) => normalizeState(value, country),
      (plain): HashedState => ({ hash: sha256(plain), plain }),
      (hash): HashedState => ({ hash, plain: null })
    )(raw)
  )
)

interface HashedZip {
  readonly hash: string | null
  readonly snap: string | null
  readonly google: string | null
}
const noZip: HashedZip = { hash: null, snap: null, google: null }
const hashZip = ({ plain, snap, google }: ZipForms): HashedZip => {
  const hash = plain === null ? null : hashedCode(plain)
  return { hash, snap: snap === plain ? hash : sha256(snap), google }
}
/** Codes come again, codes with the digits of a street don't. */
const hashedCode = cached(sha256)
const hashedZip = (raw: string, country: string | null): Field<HashedZip> => {
  const hashed = alreadyHashed(raw)
  if (hashed !== null) return kept({ hash: hashed, snap: hashed, google: null })
  const result = normalizeZip(raw, country)
  return "value" in result ? kept(hashZip(result.value)) : result
}

const hashedCountry = cached(
  orHash(
    normalizeCountry,
    (code) => ({ hash: sha256(code.toLowerCase()), code: code as string | null }),
    (hash) => ({ hash, code: countryOfHash(hash) })
  )
)
const hashedGender = cached(orHash(normalizeGender, sha256, (hash) => hash))

/** The event's time and the country decide only where a date is not sure without them; the others are remembered. */
const birthDate = (value: string, country: string | null, { eventTime }: UserContext): Field<string> => {
  const known = surelyBorn(value)
  if (known !== null && known.millis <= eventTime) return known.field
  const hashed = alreadyHashed(value)
  if (hashed !== null) return kept(hashed)
  const date = normalizeBirthDate(value, eventTime, dateOrderOf(value, country))
  return "value" in date ? kept(sha256(date.value)) : date
}

const surelyBorn = cached((value: string): { readonly field: Field<string>; readonly millis: number } | null => {
  const date = alreadyHashed(value) === null ? normalizeBirthDate(value, Number.POSITIVE_INFINITY) : null
  if (date === null || !("value" in date)) return null
  const [year, month, day] = [date.value.slice(0, 4), date.value.slice(4, 6), date.value.slice(6)]
  return { field: kept(sha256(date.value)), millis: Date.UTC(Number(year), Number(month) - 1, Number(day)) }
})
