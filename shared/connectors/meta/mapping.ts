/** A normalized event as an element of Meta's `data` (Meta, server event parameters). */
import type { NormalizedEvent } from "../../../schemas/types.gen.ts"
import type { CompiledConnection, MapResult } from "../connector.ts"
import { appData } from "../mapping/app-data.ts"
import { type Commerce, productIds } from "../mapping/commerce.ts"
import { locationPairsOf, setDataProcessing } from "../mapping/consent.ts"
import { buildCustomData, putDeliveryCategory, putPredictedValue } from "../mapping/custom-data.ts"
import { canonicalNameOf } from "../mapping/event-name.ts"
import { seconds } from "../mapping/event-time.ts"
import { type Dropped, isEmpty, type PayloadBuilder, put, rejected } from "../mapping/result.ts"
import { type ActionSource, type MappingStart, mapping, originOf } from "../mapping/start.ts"
import catalog from "./catalog.json" with { type: "json" }
import { messageUserData, missingOfMessage, putChannel } from "./message.ts"
import { identityTooWeak, userData } from "./user-data.ts"

/** Maps the event, or says why Meta would refuse it. */
export const mapEvent = mapping<ActionSource>({
  target: (event, compiled) => sourceOf(event, compiled),
  ageSource: (source) => source,
  payload: (event, start) => payloadOf(event, start)
})

const pairs = locationPairsOf(catalog.limited_data_use)
const messagingNames: ReadonlyMap<string, string> = new Map(Object.entries(catalog.messaging_events))

/** Builds the payload, or says why Meta would refuse it. */
const payloadOf = (event: NormalizedEvent, start: MappingStart<ActionSource>): MapResult => {
  const { compiled, connection, deadline, restricted, target: source } = start
  const name = nameOf(event, start.named.name, source, compiled)
  const dropped: Array<Dropped> = []
  const isMessage = source === "business_messaging"
  const user = userData(event.user, connection, event.event_time)
  if (isMessage) messageUserData(user, event, connection, dropped)
  const custom = buildCustomData(event, compiled, dropped, putCustomData)
  const refusal = missing(event, name, source, user, custom)
  if (refusal !== null) return refusal

  const payload: PayloadBuilder = { event_name: name, event_time: seconds(event.event_time), event_id: event.event_id }
  payload["action_source"] = source
  if (isMessage) putChannel(payload, event, dropped)
  else {
    put(payload, "event_source_url", event.event_source_url)
    put(payload, "referrer_url", event.referrer_url)
  }
  // Meta then does not optimise ads with the event; it is still attributed.
  if (event.consent?.ad_personalization === "denied") payload["opt_out"] = true
  payload["user_data"] = user
  if (!isEmpty(custom)) payload["custom_data"] = custom
  if (source === "app") {
    const app = appData(event.app)
    if (app._tag === "Incomplete")
      return rejected("missing_app_data", `Meta refuses app events without app_data: ${app.message}.`)
    payload["app_data"] = app.data
  }
  setDataProcessing(payload, pairs, event.user, restricted, event.consent?.sale_of_data ?? null)
  return { _tag: "Payload", platformEvent: name, payload, batchGroup: "", deadline, dropped, sealedRecipient: null }
}

/** An event that was not called a website event, and that has no URL, is not one: Meta would ask for the URL. */
const sourceOf = (event: NormalizedEvent, compiled: CompiledConnection): ActionSource => {
  const origin = originOf(event, compiled.connection)
  return origin.source === "website" && !origin.stated && !event.event_source_url ? "other" : origin.source
}

/** Messages have another name for a lead, unless the connection overrides it. */
const nameOf = (event: NormalizedEvent, name: string, source: ActionSource, compiled: CompiledConnection): string => {
  if (source !== "business_messaging") return name
  const canonical = canonicalNameOf(event, compiled)
  return name === compiled.names.get(canonical) ? (messagingNames.get(canonical) ?? name) : name
}

const missing = (
  event: NormalizedEvent,
  name: string,
  source: ActionSource,
  user: PayloadBuilder,
  custom: PayloadBuilder
): MapResult | null => {
  if (identityTooWeak(user)) {
    return rejected(
      "insufficient_identity",
      "Meta can't match a customer by these identifiers alone; it needs one more, such as email, phone, external_id, fbc or fbp (100/2804050)."
    )
  }
  if (source === "website" && !event.event_source_url) {
    return rejected("missing_event_source_url", "Meta requires event_source_url of website events (100).")
  }
  if (source === "business_messaging") {
    const refusal = missingOfMessage(event, user)
    if (refusal !== null) return refusal
  }
  if (name !== "Purchase") return null
  if (custom["value"] === undefined)
    return rejected("missing_value", "Meta requires value of a Purchase (100/2804009).")
  return custom["currency"] === undefined
    ? rejected("missing_currency", "Meta requires currency of a Purchase (100/2804009).")
    : null
}

/** What `custom_data` holds beside amounts and custom properties (Meta, custom data parameters). */
const putCustomData = (
  data: PayloadBuilder,
  event: NormalizedEvent,
  commerce: Commerce,
  dropped: Array<Dropped>
): void => {
  putText(data, event, dropped)
  putProducts(data, event, commerce)
  putPredictedValue(data, event, commerce.currency, dropped)
}

const putText = (data: PayloadBuilder, event: NormalizedEvent, dropped: Array<Dropped>): void => {
  const properties = event.properties
  if (properties === null) return
  put(data, "content_name", properties.content_name)
  put(data, "content_category", properties.content_category)
  put(data, "order_id", properties.order_id)
  put(data, "search_string", properties.search_string)
  put(data, "status", properties.status)
  putDeliveryCategory(data, event, dropped)
}

const putProducts = (data: PayloadBuilder, event: NormalizedEvent, commerce: Commerce): void => {
  const { products } = commerce
  if (products.length > 0) {
    data["content_ids"] = productIds(products)
    data["contents"] = products.map((product) => {
      const content: PayloadBuilder = { id: product.id }
      put(content, "quantity", product.quantity)
      put(content, "item_price", product.price)
      put(content, "delivery_category", product.deliveryCategory)
      return content
    })
  }
  put(data, "content_type", event.properties?.content_type ?? (products.length > 0 ? "product" : null))
  put(data, "num_items", commerce.count)
}
