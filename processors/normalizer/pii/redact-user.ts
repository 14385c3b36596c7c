/** The normalized customer as a whole. */
import type { NormalizedUser } from "../../../schemas/types.gen.ts"
import type { DropReason } from "../identity/field.ts"
import type { PersonalData } from "./personal-data.ts"

/**
 * Whether nothing is left by which any platform could find the customer. A birthday, a place or a gender alone finds nobody;
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
export const redactUser = (
  user: NormalizedUser,
  personal: PersonalData,
  drop: (field: string, reason: DropReason) => void
): NormalizedUser => {
  // One by one, since reading a field by a name that changes is slow, and nearly always nothing is found.
  const found =
    containsPii(user.user_agent, personal) ||
    containsPii(user.zip_plain, personal) ||
    containsPii(user.city_plain, personal) ||
    containsPii(user.state_plain, personal) ||
    isPersonal(user.lead_id, personal) ||
    isPersonal(user.fb_login_id, personal) ||
    isPersonal(user.page_scoped_user_id, personal) ||
    isPersonal(user.ig_sid, personal) ||
    isPersonal(user.subscription_id, personal) ||
    isPersonal(user.anon_id, personal) ||
    isPersonal(user.sc_cookie1, personal) ||
    isPersonal(user.ttp, personal) ||
    user.click_ids !== null
  if (!found) return user
  let clean = user
  for (const field of clearFields) {
    if (!(ids.has(field) ? isPersonal(user[field], personal) : containsPii(user[field], personal))) continue
    clean = { ...clean, [field]: null }
    drop(`user.${field}`, "personal_data")
  }
  if (clean.click_ids === null) return clean
  const named = Object.entries(clean.click_ids)
  const opaque = named.filter(([, id]) => !isPersonal(id, personal))
  if (opaque.length === named.length) return clean
  drop("user.click_ids", "personal_data")
  return { ...clean, click_ids: opaque.length === 0 ? null : Object.fromEntries(opaque) }
}

/** What is as short as a code of a state tells nothing. */
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

const clearFields = [
  "user_agent",
  "zip_plain",
  "city_plain",
  "state_plain",
  "lead_id",
  "fb_login_id",
  "page_scoped_user_id",
  "ig_sid",
  "subscription_id",
  "anon_id",
  "sc_cookie1",
  "ttp"
] as const satisfies ReadonlyArray<keyof NormalizedUser>

const ids: ReadonlySet<string> = new Set([
  "lead_id",
  "fb_login_id",
  "page_scoped_user_id",
  "ig_sid",
  "subscription_id",
  "anon_id",
  "sc_cookie1",
  "ttp"
])
