/** Snapchat's `user_data` (Snapchat, Conversions API v3 parameters): hashed fields as lists, the rest in clear. */
import type { NormalizedUser } from "../../../schemas/types.gen.ts"
import type { JsonObject, MappingContext } from "../connector.ts"
import { externalIds, phoneHashes } from "../mapping/identifiers.ts"
import { type Mutable, put } from "../mapping/result.ts"

export const formatUserData = (user: NormalizedUser, context: MappingContext): Mutable => {
  const data: Mutable = {}
  if (user.email.length > 0) data["em"] = user.email
  const phones = phoneHashes(user, "digits", context.connection.mapping.defaultCountry)
  if (phones.length > 0) data["ph"] = phones
  putList(data, "fn", user.first_name)
  putList(data, "ln", user.last_name)
  putList(data, "ge", user.gender)
  putList(data, "db", user.date_of_birth)
  putList(data, "ct", user.city_snap)
  putList(data, "st", user.state)
  putList(data, "zp", user.zip_snap)
  putList(data, "country", user.country)
  const ids = externalIds(user, context.connection)
  if (ids.length > 0) data["external_id"] = ids
  put(data, "client_ip_address", user.ip)
  put(data, "client_user_agent", user.user_agent)
  put(data, "sc_click_id", user.sc_click_id)
  put(data, "sc_cookie1", user.sc_cookie1)
  put(data, "madid", user.madid?.toLowerCase())
  put(data, "lead_id", user.lead_id)
  put(data, "subscription_id", user.subscription_id)
  return data
}

/** Whether Snapchat takes it: an email, a phone, a mobile id, or IP address and user agent together. */
export const identifies = (data: JsonObject): boolean =>
  data["em"] !== undefined ||
  data["ph"] !== undefined ||
  data["madid"] !== undefined ||
  (data["client_ip_address"] !== undefined && data["client_user_agent"] !== undefined)

const putList = (data: Mutable, key: string, hash: string | null): void => {
  if (hash !== null) data[key] = [hash]
}
