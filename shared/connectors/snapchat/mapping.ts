/** A normalized event as an element of Snapchat's `data` (Snapchat, Conversions API v3). */
import type { NormalizedEvent, NormalizedUser } from "../../../schemas/types.gen.ts"
import type { Connection } from "../../connections/connection.ts"
import type { CompiledConnection, JsonObject, MapResult } from "../connector.ts"
import { type Commerce, decimal, distinct, type Product } from "../mapping/commerce.ts"
import { locationPairsOf, setDataProcessing } from "../mapping/consent.ts"
import { appDataWithId, buildCustomData, putDeliveryCategory, putPredictedValue } from "../mapping/custom-data.ts"
import { type Dropped, hashedUser, isEmpty, type PayloadBuilder, put, rejected } from "../mapping/payload.ts"
import { actionSourceOf, groupText, type MappingStart, mapping, seconds } from "../mapping/start.ts"
import catalog from "./catalog.json" with { type: "json" }

/** Maps the event, or says why Snapchat would refuse it. */
export const mapEvent = mapping<Source>({
  target: (event, compiled) => sourceOf(event, compiled),
  payload: (event, start) => payloadOf(event, start)
})

type Source = "WEB" | "MOBILE_APP" | "OFFLINE"

const pairs = locationPairsOf(catalog.limited_data_use)

/** Builds the payload. The batch group names the asset that the request goes to: the pixel or the app. */
const payloadOf = (event: NormalizedEvent, start: MappingStart<Source>): MapResult => {
  const { compiled, connection, deadline, named, restricted, target: source } = start
  const dropped: Array<Dropped> = []
  const user = formatUserData(event.user, connection)
  const custom = buildCustomData(event, compiled, dropped, putCustomData)
  const refusal = missing(event, named.name, source, user, custom, connection)
  if (refusal !== null) return refusal

  const payload: PayloadBuilder = {
    event_name: named.name,
    event_time: seconds(event.event_time),
    event_id: event.event_id
  }
  payload["action_source"] = source
  if (event.event_source_url) payload["event_source_url"] = event.event_source_url
  put(payload, "integration", connection.partnerName)
  payload["user_data"] = user
  if (!isEmpty(custom)) payload["custom_data"] = custom
  if (source === "MOBILE_APP") {
    const app = appDataWithId(event.app)
    if (app._tag === "Incomplete")
      return rejected("missing_app_data", `Snapchat refuses app events without app_data: ${app.message}.`)
    payload["app_data"] = app.data
  }
  setDataProcessing(payload, pairs, event.user, restricted, event.consent?.sale_of_data ?? null)
  const asset = connection.account[source === "MOBILE_APP" ? "app_id" : "pixel_id"] ?? ""
  const batchGroup = groupText(compiled, asset, { asset })
  return { _tag: "Payload", platformEvent: named.name, payload, batchGroup, deadline, dropped, sealedRecipient: null }
}

/** An event that was not called a website event, and that has no URL, is an offline one. */
const sourceOf = (event: NormalizedEvent, { connection }: CompiledConnection): Source => {
  const origin = actionSourceOf(event, connection)
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

/** `user_data` (Snapchat, Conversions API v3 parameters): hashed fields as lists, the rest in clear. */
export const formatUserData = (user: NormalizedUser, connection: Connection): PayloadBuilder => {
  const { first_name, last_name, state } = user
  const forms = { first_name, last_name, state, city: user.city_snap, zip: user.zip_snap }
  const data = hashedUser(user, connection, forms)
  if (user.ip) data["client_ip_address"] = user.ip
  if (user.user_agent) data["client_user_agent"] = user.user_agent
  if (user.sc_click_id) data["sc_click_id"] = user.sc_click_id
  if (user.sc_cookie1) data["sc_cookie1"] = user.sc_cookie1
  if (user.madid) data["madid"] = user.madid.toLowerCase()
  put(data, "lead_id", user.lead_id)
  put(data, "subscription_id", user.subscription_id)
  return data
}

/** Whether Snapchat takes it: an email, a phone, a mobile id, or IP address and user agent together. */
const identifies = (data: JsonObject): boolean =>
  data["em"] !== undefined ||
  data["ph"] !== undefined ||
  data["madid"] !== undefined ||
  (data["client_ip_address"] !== undefined && data["client_user_agent"] !== undefined)

/** What `custom_data` holds beside amounts and listed custom properties: quantities and prices are strings. */
const putCustomData = (
  data: PayloadBuilder,
  event: NormalizedEvent,
  commerce: Commerce,
  dropped: Array<Dropped>
): void => {
  if (commerce.products.length > 0) putProducts(data, commerce)
  if (commerce.count !== null) data["num_items"] = commerce.count
  putText(data, event, dropped)
  putPredictedValue(data, event, commerce, dropped)
}

const putProducts = (data: PayloadBuilder, { ids, products }: Commerce): void => {
  data["content_ids"] = ids
  data["contents"] = products.map((product) => {
    const content: PayloadBuilder = { id: product.id }
    if (product.quantity !== null) content["quantity"] = decimal(product.quantity)
    if (product.price !== null) content["item_price"] = decimal(product.price)
    if (product.brand) content["brand"] = product.brand
    put(content, "delivery_category", product.deliveryCategory)
    return content
  })
  const brands = brandsOf(products)
  if (brands.length > 0) data["brands"] = brands
}

const brandsOf = (products: ReadonlyArray<Product>): ReadonlyArray<string> => {
  const brands: Array<string> = []
  for (let index = 0; index < products.length; index++) {
    const { brand } = products[index]!
    // Those of a cart mostly come from one.
    if (brand && brand !== brands[brands.length - 1]) brands.push(brand)
  }
  return distinct(brands)
}

const putText = (data: PayloadBuilder, event: NormalizedEvent, dropped: Array<Dropped>): void => {
  const properties = event.properties
  if (properties === null) return
  put(data, "content_name", properties.content_name)
  put(data, "content_category", properties.content_category)
  if (properties.content_type) data["content_type"] = properties.content_type
  if (properties.order_id) data["order_id"] = properties.order_id
  put(data, "search_string", properties.search_string)
  put(data, "sign_up_method", properties.sign_up_method)
  put(data, "status", properties.status)
  putDeliveryCategory(data, event, dropped)
}
