/** TikTok's `user` (TikTok, Events API 2.0): email, phone and external id as lists of hashes; city, state and country in clear. */
import type { NormalizedUser } from "../../../schemas/types.gen.ts"
import type { JsonObject, MappingContext } from "../connector.ts"
import { externalIds, mobileSystem, phoneHashes } from "../mapping/identifiers.ts"
import { type Mutable, put } from "../mapping/result.ts"

export const formatUserData = (user: NormalizedUser, context: MappingContext): JsonObject => userData(user, [], context)

/** As `formatUserData`; `extinfo` of an app event tells whether a mobile advertising id is Apple's or Google's. */
export const userData = (user: NormalizedUser, extinfo: ReadonlyArray<string>, context: MappingContext): Mutable => {
  const data: Mutable = {}
  if (user.email.length > 0) data["email"] = user.email
  const phones = phoneHashes(user, "tiktok", context.connection.mapping.defaultCountry)
  if (phones.length > 0) data["phone"] = phones
  const ids = externalIds(user, context.connection)
  if (ids.length > 0) data["external_id"] = ids
  put(data, "ttclid", user.ttclid)
  put(data, "ttp", user.ttp)
  put(data, "ip", user.ip)
  put(data, "user_agent", user.user_agent)
  put(data, "locale", user.locale)
  put(data, "first_name", user.first_name)
  put(data, "last_name", user.last_name)
  put(data, "city", user.city_plain)
  put(data, "state", user.state_plain)
  put(data, "country", user.country_code?.toLowerCase())
  put(data, "zip_code", user.zip)
  if (user.madid !== null) {
    const system = mobileSystem(user.user_agent, extinfo)
    if (system === "ios") data["idfa"] = user.madid.toUpperCase()
    else if (system === "android") data["gaid"] = user.madid.toLowerCase()
  }
  return data
}

const matchKeys = ["email", "phone", "external_id", "ttclid", "ttp", "idfa", "gaid"] as const

/** Whether TikTok has something to match on: an identifier, or IP address and user agent together. */
export const identifies = (data: JsonObject): boolean => {
  for (const key of matchKeys) if (data[key] !== undefined) return true
  return data["ip"] !== undefined && data["user_agent"] !== undefined
}
