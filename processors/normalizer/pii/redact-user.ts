/** The normalized customer as a whole. */
import type { NormalizedUser } from "../../../schemas/types.gen.ts"
import type { Drop } from "../identity/field.ts"
import type { PersonalData } from "./personal-data.ts"

/**
 * Whether nothing is left by which any platform could find the customer. A birthday, a place or a gender alone finds no one;
 * a birthday beside one of the others is taken by Meta (best practices of the Conversions API).
 */
export const isWithoutIdentity = (user: NormalizedUser): boolean => {
  if (user.email.length > 0 || user.phones.length > 0 || user.external_id.length > 0) return false
  for (const field of identifiers) if (user[field] !== null) return false
  return user.date_of_birth === null || besideBirthday.every((field) => user[field] === null)
}

/**
 * Takes personal data out of the fields that travel in clear, whose own grammar does not already forbid it. An opaque id may
 * share digits with the customer.
 */
export const redactUser = (user: NormalizedUser, personal: PersonalData, drop: Drop): NormalizedUser => {
  // Field by field, since reading a field by a name that changes is slow; nearly always nothing is found.
  let redacted = redact(user, "user_agent", containsPii(user.user_agent, personal), drop)
  redacted = redact(redacted, "zip_plain", containsPii(user.zip_plain, personal), drop)
  redacted = redact(redacted, "city_plain", containsPii(user.city_plain, personal), drop)
  redacted = redact(redacted, "state_plain", containsPii(user.state_plain, personal), drop)
  redacted = redact(redacted, "lead_id", isPersonal(user.lead_id, personal), drop)
  redacted = redact(redacted, "fb_login_id", isPersonal(user.fb_login_id, personal), drop)
  redacted = redact(redacted, "page_scoped_user_id", isPersonal(user.page_scoped_user_id, personal), drop)
  redacted = redact(redacted, "ig_sid", isPersonal(user.ig_sid, personal), drop)
  redacted = redact(redacted, "subscription_id", isPersonal(user.subscription_id, personal), drop)
  redacted = redact(redacted, "anon_id", isPersonal(user.anon_id, personal), drop)
  redacted = redact(redacted, "sc_cookie1", isPersonal(user.sc_cookie1, personal), drop)
  redacted = redact(redacted, "ttp", isPersonal(user.ttp, personal), drop)
  return user.click_ids === null ? redacted : redactClickIds(redacted, user.click_ids, personal, drop)
}

const redact = (user: NormalizedUser, field: keyof NormalizedUser, isFound: boolean, drop: Drop): NormalizedUser => {
  if (!isFound) return user
  drop(`user.${field}`, "personal_data")
  return { ...user, [field]: null }
}

const redactClickIds = (
  user: NormalizedUser,
  clickIds: Readonly<Record<string, string>>,
  personal: PersonalData,
  drop: Drop
): NormalizedUser => {
  const named = Object.entries(clickIds)
  const opaque = named.filter(([, id]) => !isPersonal(id, personal))
  if (opaque.length === named.length) return user
  drop("user.click_ids", "personal_data")
  return { ...user, click_ids: opaque.length === 0 ? null : Object.fromEntries(opaque) }
}

/** A value as short as the code of a state contains nothing. */
const containsPii = (value: string | null, personal: PersonalData): boolean =>
  value !== null && value.length > 4 && personal.inCode(value)

const isPersonal = (id: string | null, personal: PersonalData): boolean => id !== null && personal.inId(id)

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
