/** The last look at custom data, after custom properties and parameter rules: what would fail the whole request stays behind. */
import type { NormalizedEvent } from "../../../schemas/types.gen.ts"
import { currencies } from "./catalog.ts"
import { numberFrom } from "./numbers.ts"
import type { Dropped, Mutable } from "./result.ts"

/**
 * Amounts become numbers and currencies codes of ISO 4217, or are left out; a content type goes only beside contents or
 * their ids, since it says what they are. What is left out is noted by where it came from.
 */
export const settleCustomData = (data: Mutable, event: NormalizedEvent, dropped: Array<Dropped>): void => {
  for (const name of amounts) settleAmount(data, name, dropped)
  const currency = data["currency"]
  if (currency !== undefined && !(typeof currency === "string" && currencies.has(currency))) {
    const code = typeof currency === "string" ? currency.trim().toUpperCase() : ""
    if (currencies.has(code)) data["currency"] = code
    else leaveOut(data, "currency", "parameters.currency", "unknown_currency", dropped)
  }
  if (data["content_type"] === undefined || data["contents"] !== undefined || data["content_ids"] !== undefined) return
  leaveOut(data, "content_type", originOf("content_type", event), "without_contents", dropped)
}

const amounts = ["value", "predicted_ltv", "num_items", "net_revenue"] as const

const settleAmount = (data: Mutable, name: (typeof amounts)[number], dropped: Array<Dropped>): void => {
  const given = data[name]
  if (given === undefined || (typeof given === "number" && given >= 0)) return
  const value = numberFrom(given)
  if (value._tag === "Amount") data[name] = value.value
  else leaveOut(data, name, `parameters.${name}`, value.reason, dropped)
}

const leaveOut = (data: Mutable, name: string, field: string, reason: string, dropped: Array<Dropped>): void => {
  delete data[name]
  dropped.push({ field, reason })
}

const originOf = (name: "content_type", { properties }: NormalizedEvent): string => {
  if (properties?.[name]) return `properties.${name}`
  return properties !== null && Object.hasOwn(properties.custom, name)
    ? `properties.custom.${name}`
    : `parameters.${name}`
}
