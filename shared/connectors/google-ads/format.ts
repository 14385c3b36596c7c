/** Forms that conversions and adjustments of the Google Ads API share. */

import type { Account } from "../google/account.ts"
import { flattenString } from "../mapping/flatten-string.ts"

/** `yyyy-MM-dd HH:mm:ss+00:00`, always in UTC: no T, no Z, an offset. */
export const dateTime = (millis: number): string => {
  const text = new Date(millis).toISOString()
  return flattenString(text.slice(0, 10), " ", text.slice(11, 19), "+00:00")
}

/** The customer id, digits only. */
export const customerOf = (account: Account): string => (account["customer_id"] ?? "").replaceAll("-", "")
