/**
 * An event's custom data on its way into a payload: amounts, what the platform adds, free custom properties, parameter rules; and
 * `app_data`.
 */
import type { App, NormalizedEvent } from "../../../schemas/types.gen.ts"
import type { CompiledConnection } from "../connector.ts"
import { commerceToSend } from "./amounts.ts"
import { currencies } from "./catalog.ts"
import { amount, amountMax, type Commerce, deliveryCategory, numberFrom } from "./commerce.ts"
import { type Dropped, type PayloadBuilder, put } from "./payload.ts"
import { applyParameters } from "./rules.ts"

/**
 * Custom data of the form that several platforms share: `value` and `currency`, then what `putPlatform` adds, then custom
 * properties (all, or those of the catalog where its list is closed), then parameter rules. What the platform has no use for
 * is noted in `dropped`.
 */
export const buildCustomData = (
  event: NormalizedEvent,
  compiled: CompiledConnection,
  dropped: Array<Dropped>,
  putPlatform: (data: PayloadBuilder, event: NormalizedEvent, commerce: Commerce, dropped: Array<Dropped>) => void
): PayloadBuilder => {
  const commerce = commerceToSend(event, compiled, dropped)
  const data: PayloadBuilder = {}
  if (commerce.value !== null) data["value"] = commerce.value
  if (commerce.currency) data["currency"] = commerce.currency
  putPlatform(data, event, commerce, dropped)
  const { open, names } = compiled.connector.catalog.parameters
  const isWithoutAmounts = commerce.withoutAmounts === true
  if (open) addCustom(data, event, compiled, isWithoutAmounts, dropped)
  else addListedCustom(data, event, compiled, names, isWithoutAmounts, dropped)
  applyParameters(data, compiled.parameters, event, dropped)
  // What the event itself gives, and its free properties, are amounts and currencies already.
  if (compiled.parameters.length > 0) settleMoney(data, commerce.currency, dropped)
  settleContentType(data, event, dropped)
  return data
}

/** The customer's expected value over time. */
export const putPredictedValue = (
  data: PayloadBuilder,
  event: NormalizedEvent,
  { currency, withoutAmounts }: Commerce,
  dropped: Array<Dropped>
): void => {
  const predicted = event.properties?.predicted_ltv ?? null
  if (predicted === null) return
  const value = amount(predicted, currency)
  if (withoutAmounts === true) dropped.push({ field: "properties.predicted_ltv", reason: "unknown_currency" })
  else if (value._tag === "Amount") data["predicted_ltv"] = value.value
  else dropped.push({ field: "properties.predicted_ltv", reason: value.reason })
}

/** The event's delivery category, where it is one that platforms take. */
export const putDeliveryCategory = (data: PayloadBuilder, event: NormalizedEvent, dropped: Array<Dropped>): void =>
  put(
    data,
    "delivery_category",
    deliveryCategory(event.properties?.delivery_category ?? null, "properties.delivery_category", dropped)
  )

type Scalar = string | number | boolean

/**
 * The custom properties that hold a value and may go to this connection, in the order of their names, so that a producer's map order
 * changes no byte.
 */
export const customEntries = (
  event: NormalizedEvent,
  { freeProperties }: Pick<CompiledConnection, "freeProperties">,
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
    else if (freeProperties !== null && !freeProperties.has(name)) dropCustom(name, "not_allowed", dropped)
    else entries.push([name, value])
  }
  return entries
}

/** Adds them beside the documented parameters, which they may fill where the event left them open but never replace. */
const addCustom = (
  target: PayloadBuilder,
  event: NormalizedEvent,
  compiled: CompiledConnection,
  isWithoutAmounts: boolean,
  dropped: Array<Dropped>
): void => {
  for (const [name, value] of customEntries(event, compiled, dropped)) {
    addOne(target, name, value, isWithoutAmounts, dropped)
  }
}

/** For platforms with a closed list: adds those whose names are in it, and says of the others that they stay behind. */
const addListedCustom = (
  target: PayloadBuilder,
  event: NormalizedEvent,
  compiled: CompiledConnection,
  listed: ReadonlySet<string>,
  isWithoutAmounts: boolean,
  dropped: Array<Dropped>
): void => {
  for (const [name, value] of customEntries(event, compiled, dropped)) {
    if (!listed.has(name)) dropCustom(name, "not_supported", dropped)
    else addOne(target, name, value, isWithoutAmounts, dropped)
  }
}

/**
 * A documented name with a value of another type would fail the request, and with it the events beside this one; an amount whose currency
 * is not known would be read in the account's.
 */
const addOne = (
  target: PayloadBuilder,
  name: string,
  value: Scalar,
  isWithoutAmounts: boolean,
  dropped: Array<Dropped>
): void => {
  if (Object.hasOwn(target, name)) dropCustom(name, "name_taken", dropped)
  else if (lists.has(name) || (numbers.has(name) && !isAmount(value))) dropCustom(name, "invalid_type", dropped)
  else if (isWithoutAmounts && isOfMoney(name)) dropCustom(name, "unknown_currency", dropped)
  else if (name === "delivery_category") {
    put(target, name, deliveryCategory(String(value), `properties.custom.${name}`, dropped))
  } else target[name] = texts.has(name) ? String(value) : value
}

/** Parameters that are lists, or belong to an amount: a custom property, being one value, cannot be any of them. */
const lists: ReadonlySet<string> = new Set(["contents", "content_ids", "brands", "currency"])
const numbers: ReadonlySet<string> = new Set(["value", "net_revenue", "predicted_ltv", "num_items"])
/** Some platforms refuse a request in which one of them is a number. */
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
const isAmount = (value: unknown): boolean => typeof value === "number" && value >= 0 && value <= amountMax

const dropCustom = (name: string, reason: string, dropped: Array<Dropped>) =>
  dropped.push({ field: `properties.custom.${name}`, reason })

const noEntries: ReadonlyArray<readonly [string, Scalar]> = []

/**
 * Amounts that a rule sets become numbers and currencies codes of ISO 4217, or are left out and noted. In the place of a currency
 * that is not one the event's own counts; without one the amounts are left out too, which would be read in the account's.
 */
const settleMoney = (data: PayloadBuilder, own: string | null, dropped: Array<Dropped>): void => {
  for (const name of amounts) settleAmount(data, name, dropped)
  const currency = data["currency"]
  if (currency === undefined || (typeof currency === "string" && currencies.has(currency))) return
  const code = typeof currency === "string" ? currency.trim().toUpperCase() : ""
  if (currencies.has(code)) data["currency"] = code
  else {
    leaveOut(data, "currency", "parameters.currency", "unknown_currency", dropped)
    if (own !== null) data["currency"] = own
    else
      for (const name of amountsOfMoney)
        if (data[name] !== undefined) leaveOut(data, name, `properties.${name}`, "unknown_currency", dropped)
  }
}

/** What counts money beside prices. */
export const amountsOfMoney = ["value", "predicted_ltv", "net_revenue"] as const
const isOfMoney = (name: string): boolean => (amountsOfMoney as ReadonlyArray<string>).includes(name)

/** A content type goes only beside contents or their ids, since it says what they are. */
const settleContentType = (data: PayloadBuilder, event: NormalizedEvent, dropped: Array<Dropped>): void => {
  if (data["content_type"] === undefined || data["contents"] !== undefined || data["content_ids"] !== undefined) return
  leaveOut(data, "content_type", originOf("content_type", event), "without_contents", dropped)
}

const amounts = ["value", "predicted_ltv", "num_items", "net_revenue"] as const

const settleAmount = (data: PayloadBuilder, name: (typeof amounts)[number], dropped: Array<Dropped>): void => {
  const given = data[name]
  if (given === undefined || isAmount(given)) return
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

/** `app_data` of app events: Meta's and Snapchat's are the same (Meta, app data parameters; Snapchat, parameters). */
export type AppData =
  | { readonly _tag: "AppData"; readonly data: PayloadBuilder }
  | { readonly _tag: "Incomplete"; readonly message: string }

/** How many positional strings `extinfo` holds. */
const extinfoLength = 16

/** Builds it, or says what is missing of what is required: both tracking flags and 16 strings, the first a2 or i2. */
export const appData = (app: App | null): AppData => {
  if (app === null)
    return incomplete(
      "app events need app.advertiser_tracking_enabled, app.application_tracking_enabled and app.extinfo"
    )
  if (app.advertiser_tracking_enabled === null) return incomplete("app.advertiser_tracking_enabled is missing")
  if (app.application_tracking_enabled === null) return incomplete("app.application_tracking_enabled is missing")
  if (app.extinfo.length !== extinfoLength) return incomplete(`app.extinfo needs ${extinfoLength} strings`)
  if (app.extinfo[0] !== "a2" && app.extinfo[0] !== "i2")
    return incomplete("the first string of app.extinfo must be a2 or i2")
  const data: PayloadBuilder = {
    advertiser_tracking_enabled: app.advertiser_tracking_enabled ? 1 : 0,
    application_tracking_enabled: app.application_tracking_enabled ? 1 : 0,
    extinfo: app.extinfo
  }
  return { _tag: "AppData", data }
}

/** Snapchat's has the app's id in it. */
export const appDataWithId = (app: App | null): AppData => {
  const built = appData(app)
  if (built._tag === "AppData") put(built.data, "app_id", app?.app_id)
  return built
}

const incomplete = (message: string): AppData => ({ _tag: "Incomplete", message })
