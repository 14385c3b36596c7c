/** Meta's `user_data` (Meta, customer information parameters): hashed fields as lists, click and browser ids in clear. */
import type { NormalizedUser } from "../../../schemas/types.gen.ts"
import type { JsonObject, MappingContext } from "../connector.ts"
import { flattenString } from "../mapping/flatten-string.ts"
import { externalIds, phoneHashes } from "../mapping/identifiers.ts"
import { type PayloadBuilder, put } from "../mapping/result.ts"

export const formatUserData = (user: NormalizedUser, context: MappingContext): JsonObject =>
  userData(user, context, null)

/**
 * As `formatUserData`; `clickTime` (milliseconds) stands in for the moment that fbclid was first seen, where that is not
 * known, when the fbc cookie is missing and has to be built: `fb.1.<ms>.<fbclid>`.
 */
export const userData = (user: NormalizedUser, context: MappingContext, clickTime: number | null): PayloadBuilder => {
  const data: PayloadBuilder = {}
  if (user.email.length > 0) data["em"] = user.email
  const phones = phoneHashes(user, "digits", context.connection.mapping.defaultCountry)
  if (phones.length > 0) data["ph"] = phones
  putList(data, "fn", user.first_name)
  putList(data, "ln", user.last_name)
  putList(data, "ge", user.gender)
  putList(data, "db", user.date_of_birth)
  putList(data, "ct", user.city)
  putList(data, "st", user.state)
  putList(data, "zp", user.zip)
  putList(data, "country", user.country)
  const ids = externalIds(user, context.connection)
  if (ids.length > 0) data["external_id"] = ids
  put(data, "client_ip_address", user.ip)
  put(data, "client_user_agent", user.user_agent)
  put(data, "fbc", user.fbc ?? builtFbc(user, clickTime))
  put(data, "fbp", user.fbp)
  put(data, "madid", user.madid?.toLowerCase())
  put(data, "anon_id", user.anon_id)
  put(data, "lead_id", user.lead_id)
  put(data, "fb_login_id", user.fb_login_id)
  put(data, "subscription_id", user.subscription_id)
  put(data, "ctwa_clid", user.ctwa_clid)
  return data
}

const builtFbc = (user: NormalizedUser, clickTime: number | null): string | null => {
  if (user.fbclid === null || user.fbclid === "") return null
  const seen = user.fbclid_time ?? clickTime
  return seen === null ? null : flattenString("fb.1.", seen, ".", user.fbclid)
}

const putList = (data: PayloadBuilder, key: string, hash: string | null): void => {
  if (hash !== null) data[key] = [hash]
}

/** Combinations of `user_data` that Meta does not match on and refuses (Meta, best practices of the Conversions API). */

const invalidSets: ReadonlyArray<ReadonlySet<string>> = [
  new Set(["ct", "country", "st", "zp", "ge", "client_user_agent"]),
  new Set(["db", "client_user_agent"]),
  new Set(["fn", "ge"]),
  new Set(["ln", "ge"])
]

/** The business's side of a message; they tell nothing of the customer. */
const accounts: ReadonlySet<string> = new Set(["page_id", "whatsapp_business_account_id", "ig_account_id"])

/** Whether nothing, or only an invalid combination or a part of one, identifies the customer. */
export const identityTooWeak = (userData: JsonObject): boolean => {
  const keys = Object.keys(userData).filter((key) => !accounts.has(key))
  for (const set of invalidSets) {
    let within = true
    for (const key of keys) {
      if (!set.has(key)) {
        within = false
        break
      }
    }
    if (within) return true
  }
  return false
}
