/** A normalized event as an element of Snapchat's `data` (Snapchat, Conversions API v3). */

import parameters from "../../../schemas/catalog/parameters.json" with { type: "json" }
import type { NormalizedEvent, NormalizedUser } from "../../../schemas/types.gen.ts"
import type { Connection } from "../../connections/connection.ts"
import type { JsonObject, MappingContext, MapResult } from "../connector.ts"
import { appDataWithId } from "../mapping/app-data.ts"
import { commerceOf, deliveryCategory, distinct, type Product, productIds } from "../mapping/commerce.ts"
import { type CompiledConnection, compile, groupText } from "../mapping/compile.ts"
import { consentDecision, setDataProcessing } from "../mapping/consent.ts"
import { addListedCustom, settleCustomData } from "../mapping/custom-data.ts"
import { noMapping, platformEventOf } from "../mapping/event-name.ts"
import { deadlineOf, seconds, tooOld } from "../mapping/event-time.ts"
import { externalIds, phoneHashes } from "../mapping/identifiers.ts"
import { amount } from "../mapping/numbers.ts"
import { type Dropped, isEmpty, type PayloadBuilder, put, rejected, skipped } from "../mapping/result.ts"
import { applyParameters } from "../mapping/rules.ts"
import { originOf } from "../mapping/start.ts"

type Source = "WEB" | "MOBILE_APP" | "OFFLINE"

/** Maps the event. The batch group tells the asset that the request goes to: the pixel or the app. */
export const mapEvent = (event: NormalizedEvent, context: MappingContext): MapResult => {
  const { connection } = context
  const compiled = compile(connection)
  const consent = consentDecision(event.consent, connection)
  if (consent._tag === "Skip") return skipped("consent", consent.message)
  const named = platformEventOf(event, compiled)
  if (named === null) return noMapping(event, compiled)
  const deadline = deadlineOf(event.event_time, "default", context)
  const late = tooOld(deadline, context, "Snapchat takes events of the last 37 days.")
  if (late !== null) return late

  const source = sourceOf(event, connection)
  const dropped: Array<Dropped> = []
  const user = formatUserData(event.user, context)
  const custom = customData(event, compiled, dropped)
  const refusal = missing(event, named.name, source, user, custom, connection)
  if (refusal !== null) return refusal

  const payload: PayloadBuilder = {
    event_name: named.name,
    event_time: seconds(event.event_time),
    event_id: event.event_id
  }
  payload["action_source"] = source
  put(payload, "event_source_url", event.event_source_url)
  put(payload, "integration", connection.partnerName)
  payload["user_data"] = user
  if (!isEmpty(custom)) payload["custom_data"] = custom
  if (source === "MOBILE_APP") {
    const app = appDataWithId(event.app)
    if (app._tag === "Incomplete")
      return rejected("missing_app_data", `Snapchat refuses app events without app_data: ${app.message}.`)
    payload["app_data"] = app.data
  }
  setDataProcessing(payload, "snapchat", event.user, consent.restricted, event.consent?.sale_of_data ?? null)
  const asset = connection.account[source === "MOBILE_APP" ? "app_id" : "pixel_id"] ?? ""
  const batchGroup = groupText(compiled, asset, { asset })
  return { _tag: "Payload", platformEvent: named.name, payload, batchGroup, deadline, dropped, sealedRecipient: null }
}

/** An event that nobody called a website event, and that has no URL, is an offline one. */
const sourceOf = (event: NormalizedEvent, connection: Connection): Source => {
  const origin = originOf(event, connection)
  if (origin.source === "app") return "MOBILE_APP"
  if (origin.source === "website") return origin.stated || event.event_source_url ? "WEB" : "OFFLINE"
  return "OFFLINE"
}

const missing = (
  event: NormalizedEvent,
  name: string,
  source: Source,
  user: PayloadBuilder,
  custom: PayloadBuilder,
  connection: Connection
): MapResult | null => {
  const asset = source === "MOBILE_APP" ? "app_id" : "pixel_id"
  if (!connection.account[asset]) {
    return rejected(
      "missing_account_id",
      `For Snapchat this is a ${source} event, and the connection's account has no ${asset}.`
    )
  }
  if (!identifies(user)) {
    return rejected(
      "insufficient_identity",
      "Snapchat needs em, ph, madid, or client_ip_address and client_user_agent together."
    )
  }
  if (source === "WEB" && !event.event_source_url) {
    return rejected("missing_event_source_url", "Snapchat requires event_source_url of WEB events.")
  }
  if (name !== "PURCHASE") return null
  if (custom["value"] === undefined) return rejected("missing_value", "Snapchat requires value of a PURCHASE.")
  return custom["currency"] === undefined
    ? rejected("missing_currency", "Snapchat requires currency of a PURCHASE.")
    : null
}

/** Snapchat's `custom_data` (Snapchat, Conversions API v3 parameters): quantities and prices are strings, the list is closed. */

const listed: ReadonlySet<string> = new Set(parameters.snapchat.names)

/** Builds it. Custom properties that Snapchat has no name for stay behind, unless a parameter rule sends them. */
export const customData = (
  event: NormalizedEvent,
  compiled: CompiledConnection,
  dropped: Array<Dropped>
): PayloadBuilder => {
  const commerce = commerceOf(event, dropped)
  const data: PayloadBuilder = {}
  put(data, "value", commerce.value)
  put(data, "currency", commerce.currency)
  if (commerce.products.length > 0) putProducts(data, commerce.products)
  put(data, "num_items", commerce.count)
  putText(data, event, dropped)
  const predicted = event.properties?.predicted_ltv ?? null
  if (predicted !== null) {
    const value = amount(predicted, commerce.currency)
    if (value._tag === "Amount") data["predicted_ltv"] = value.value
    else dropped.push({ field: "properties.predicted_ltv", reason: value.reason })
  }
  addListedCustom(data, event, listed, dropped)
  applyParameters(data, compiled.parameters, event, dropped)
  settleCustomData(data, event, dropped)
  return data
}

const putProducts = (data: PayloadBuilder, products: ReadonlyArray<Product>): void => {
  data["content_ids"] = productIds(products)
  data["contents"] = products.map((product) => {
    const content: PayloadBuilder = { id: product.id }
    if (product.quantity !== null) content["quantity"] = decimal(product.quantity)
    if (product.price !== null) content["item_price"] = decimal(product.price)
    put(content, "brand", product.brand)
    put(content, "delivery_category", product.deliveryCategory)
    return content
  })
  const brands = distinct(products.flatMap(({ brand }) => (brand ? [brand] : [])))
  if (brands.length > 0) data["brands"] = brands
}

/** A number as a decimal string, never in exponent notation. */
const decimal = (value: number): string => {
  const text = String(value)
  return text.includes("e") ? withoutZeros(value.toFixed(20)) : text
}

/** Of a number with a decimal point: without the zeros at its end, and without the point where nothing follows it. */
const withoutZeros = (text: string): string => {
  let end = text.length
  while (text.endsWith("0", end)) end--
  return text.slice(0, text.endsWith(".", end) ? end - 1 : end)
}

const putText = (data: PayloadBuilder, event: NormalizedEvent, dropped: Array<Dropped>): void => {
  const properties = event.properties
  if (properties === null) return
  put(data, "content_name", properties.content_name)
  put(data, "content_category", properties.content_category)
  put(data, "content_type", properties.content_type)
  put(data, "order_id", properties.order_id)
  put(data, "search_string", properties.search_string)
  put(data, "sign_up_method", properties.sign_up_method)
  put(data, "status", properties.status)
  put(
    data,
    "delivery_category",
    deliveryCategory(properties.delivery_category, "properties.delivery_category", dropped)
  )
}

/** Snapchat's `user_data` (Snapchat, Conversions API v3 parameters): hashed fields as lists, the rest in clear. */

export const formatUserData = (user: NormalizedUser, context: MappingContext): PayloadBuilder => {
  const data: PayloadBuilder = {}
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

const putList = (data: PayloadBuilder, key: string, hash: string | null): void => {
  if (hash !== null) data[key] = [hash]
}
