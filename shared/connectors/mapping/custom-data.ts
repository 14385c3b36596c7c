/** Free custom properties on their way into a payload. */
import type { NormalizedEvent } from "../../../schemas/types.gen.ts"
import { currencies } from "./catalog.ts"
import { deliveryCategory } from "./commerce.ts"
import { numberFrom } from "./numbers.ts"
import { type Dropped, type PayloadBuilder, put } from "./result.ts"

type Scalar = string | number | boolean

/** The custom properties that hold a value, in the order of their names, so that a producer's map order changes no byte. */
export const customEntries = (
  event: NormalizedEvent,
  dropped: Array<Dropped>
): ReadonlyArray<readonly [string, Scalar]> => {
  const custom = event.properties?.custom
  if (custom === undefined) return noEntries
  const names = Object.keys(custom)
  if (names.length === 0) return noEntries
  if (names.length > 1) names.sort()
  const entries: Array<readonly [string, Scalar]> = []
  for (const name of names) {
    const value = custom[name]!
    if (value === null) continue
    if (name === "" || name === "__proto__") dropped.push({ field: "properties.custom", reason: "invalid_name" })
    else if (typeof value === "number" && !Number.isFinite(value)) dropCustom(name, "not_a_number", dropped)
    else entries.push([name, value])
  }
  return entries
}

/** Adds them beside the documented parameters, which they may fill where the event left them open but never replace. */
export const addCustom = (target: PayloadBuilder, event: NormalizedEvent, dropped: Array<Dropped>): void => {
  for (const [name, value] of customEntries(event, dropped)) {
    addOne(target, name, value, dropped)
  }
}

/** For platforms with a closed list: adds those whose names are in it, and says of the others that they stay behind. */
export const addListedCustom = (
  target: PayloadBuilder,
  event: NormalizedEvent,
  listed: ReadonlySet<string>,
  dropped: Array<Dropped>
): void => {
  for (const [name, value] of customEntries(event, dropped)) {
    if (!listed.has(name)) dropCustom(name, "not_supported", dropped)
    else addOne(target, name, value, dropped)
  }
}

/** A documented name with a value of another type would fail the request, and with it the events beside this one. */
const addOne = (target: PayloadBuilder, name: string, value: Scalar, dropped: Array<Dropped>): void => {
  if (Object.hasOwn(target, name)) dropCustom(name, "name_taken", dropped)
  else if (lists.has(name) || (numbers.has(name) && !isAmount(value))) dropCustom(name, "invalid_type", dropped)
  else if (name === "delivery_category") {
    put(target, name, deliveryCategory(String(value), `properties.custom.${name}`, dropped))
  } else target[name] = texts.has(name) ? String(value) : value
}

/** Parameters that are lists, or belong to an amount: a custom property, being one value, cannot be any of them. */
const lists: ReadonlySet<string> = new Set(["contents", "content_ids", "brands", "currency"])
const numbers: ReadonlySet<string> = new Set(["value", "net_revenue", "predicted_ltv", "num_items"])
/** TikTok refuses a request in which one of them is a number. */
const texts: ReadonlySet<string> = new Set([
  "content_type",
  "content_name",
  "content_category",
  "order_id",
  "shop_id",
  "search_string",
  "description",
  "customer_type",
  "sign_up_method",
  "status",
  "item_number"
])
const isAmount = (value: Scalar): boolean => typeof value === "number" && value >= 0

const dropCustom = (name: string, reason: string, dropped: Array<Dropped>) =>
  dropped.push({ field: `properties.custom.${name}`, reason })

const noEntries: ReadonlyArray<readonly [string, Scalar]> = []

/** The last look at custom data, after custom properties and parameter rules: what would fail the whole request stays behind. */

/**
 * Amounts become numbers and currencies codes of ISO 4217, or are left out; a content type goes only beside contents or
 * their ids, since it says what they are. What is left out is noted by where it came from.
 */
export const settleCustomData = (data: PayloadBuilder, event: NormalizedEvent, dropped: Array<Dropped>): void => {
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

const settleAmount = (data: PayloadBuilder, name: (typeof amounts)[number], dropped: Array<Dropped>): void => {
  const given = data[name]
  if (given === undefined || (typeof given === "number" && given >= 0)) return
  const value = numberFrom(given)
  if (value._tag === "Amount") data[name] = value.value
  else leaveOut(data, name, `parameters.${name}`, value.reason, dropped)
}

const leaveOut = (data: PayloadBuilder, name: string, field: string, reason: string, dropped: Array<Dropped>): void => {
  delete data[name]
  dropped.push({ field, reason })
}

const originOf = (name: "content_type", { properties }: NormalizedEvent): string => {
  if (properties?.[name]) return `properties.${name}`
  return properties !== null && Object.hasOwn(properties.custom, name)
    ? `properties.custom.${name}`
    : `parameters.${name}`
}
