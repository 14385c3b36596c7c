/** Combinations of `user_data` that Meta does not match on and refuses (Meta, best practices of the Conversions API). */
import type { JsonObject } from "../connector.ts"

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
