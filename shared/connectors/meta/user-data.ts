/** Meta's `user_data` (Meta, customer information parameters): hashed fields as lists, click and browser ids in clear. */
import type { NormalizedUser } from "../../../schemas/types.gen.ts"
import type { Connection } from "../../connections/connection.ts"
import type { JsonObject } from "../connector.ts"
import { flattenString } from "../mapping/flatten-string.ts"
import { putHashedUser } from "../mapping/identifiers.ts"
import { type PayloadBuilder, put } from "../mapping/result.ts"

export const formatUserData = (user: NormalizedUser, connection: Connection): JsonObject =>
  userData(user, connection, null)

/**
 * As `formatUserData`; `clickTime` (milliseconds) stands for the time when fbclid was first seen, where that is not
 * known, when the fbc cookie is missing and has to be built: `fb.1.<ms>.<fbclid>`.
 */
export const userData = (user: NormalizedUser, connection: Connection, clickTime: number | null): PayloadBuilder => {
  const data: PayloadBuilder = {}
  putHashedUser(data, user, connection, user)
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

/** Combinations that Meta does not match on and refuses (Meta, best practices of the Conversions API). */
const invalidSets: ReadonlyArray<ReadonlySet<string>> = [
  new Set(["ct", "country", "st", "zp", "ge", "client_user_agent"]),
  new Set(["db", "client_user_agent"]),
  new Set(["fn", "ge"]),
  new Set(["ln", "ge"])
]

/** The business's side of a message; they do not identify the customer. */
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
