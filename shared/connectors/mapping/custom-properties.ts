/** Free custom properties on their way into a payload. */
import type { NormalizedEvent } from "../../../schemas/types.gen.ts"
import { deliveryCategory } from "./commerce.ts"
import { type Dropped, type Mutable, put } from "./result.ts"

type Scalar = string | number | boolean

/** The custom properties that hold a value, in the order of their names, so that a producer's map order changes no byte. */
export const customEntries = (
  event: NormalizedEvent,
  dropped: Array<Dropped>
): ReadonlyArray<readonly [string, Scalar]> => {
  const custom = event.properties?.custom
  if (custom === undefined) return none
  const names = Object.keys(custom)
  if (names.length === 0) return none
  if (names.length > 1) names.sort()
  const entries: Array<readonly [string, Scalar]> = []
  for (const name of names) {
    const value = custom[name]!
    if (value === null) continue
    if (name === "" || name === "__proto__") dropped.push({ field: "properties.custom", reason: "invalid_name" })
    else if (typeof value === "number" && !Number.isFinite(value)) drop(name, "not_a_number", dropped)
    else entries.push([name, value])
  }
  return entries
}

/** Adds them beside the documented parameters, which they may fill where the event left them open but never replace. */
export const addCustom = (target: Mutable, event: NormalizedEvent, dropped: Array<Dropped>): void => {
  for (const [name, value] of customEntries(event, dropped)) {
    add(target, name, value, dropped)
  }
}

/** For platforms with a closed list: adds those whose names are in it, and says of the others that they stay behind. */
export const addListedCustom = (
  target: Mutable,
  event: NormalizedEvent,
  listed: ReadonlySet<string>,
  dropped: Array<Dropped>
): void => {
  for (const [name, value] of customEntries(event, dropped)) {
    if (!listed.has(name)) drop(name, "not_supported", dropped)
    else add(target, name, value, dropped)
  }
}

/** A documented name with a value of another type would fail the request, and with it the events beside this one. */
const add = (target: Mutable, name: string, value: Scalar, dropped: Array<Dropped>): void => {
  if (Object.hasOwn(target, name)) drop(name, "name_taken", dropped)
  else if (lists.has(name) || (numbers.has(name) && !isAmount(value))) drop(name, "invalid_type", dropped)
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

const drop = (name: string, reason: string, dropped: Array<Dropped>) =>
  dropped.push({ field: `properties.custom.${name}`, reason })

const none: ReadonlyArray<readonly [string, Scalar]> = []
