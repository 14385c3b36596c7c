/** A normalized event as an element of Meta's `data` (Meta, server event parameters). */
import type { NormalizedEvent } from "../../../schemas/types.gen.ts"
import type { MappingContext, MapResult } from "../connector.ts"
import { appData } from "../mapping/app-data.ts"
import { metaMessagingNames } from "../mapping/catalog.ts"
import { type Commerce, commerceOf, deliveryCategory, productIds } from "../mapping/commerce.ts"
import { type CompiledConnection, compile } from "../mapping/compile.ts"
import { consentDecision, setDataProcessing } from "../mapping/consent.ts"
import { addCustom, settleCustomData } from "../mapping/custom-data.ts"
import { canonicalNameOf, noMapping, platformEventOf } from "../mapping/event-name.ts"
import { deadlineOf, seconds, tooOld } from "../mapping/event-time.ts"
import { amount } from "../mapping/numbers.ts"
import { type Dropped, isEmpty, type PayloadBuilder, put, rejected, skipped } from "../mapping/result.ts"
import { applyParameters } from "../mapping/rules.ts"
import { type ActionSource, originOf } from "../mapping/start.ts"
import { messageUserData, missingOfMessage, putChannel } from "./message.ts"
import { identityTooWeak, userData } from "./user-data.ts"

/** Maps the event, or says why Meta would refuse it. `now` null checks no age. */
export const mapEvent = (event: NormalizedEvent, context: MappingContext): MapResult => {
  const compiled = compile(context.connection)
  const consent = consentDecision(event.consent, context.connection)
  if (consent._tag === "Skip") return skipped("consent", consent.message)
  const named = platformEventOf(event, compiled)
  if (named === null) return noMapping(event, compiled)
  const source = sourceOf(event, compiled)
  const deadline = deadlineOf(event.event_time, source, context)
  const late = tooOld(deadline, context, "Meta takes events of the last 7 days, of physical stores 62 (100/2804003).")
  if (late !== null) return late

  const name = nameOf(event, named.name, source, compiled)
  const dropped: Array<Dropped> = []
  const isMessage = source === "business_messaging"
  const user = userData(event.user, context, event.event_time)
  if (isMessage) messageUserData(user, event, context.connection, dropped)
  const custom = customData(event, compiled, dropped)
  const refusal = missing(event, name, source, user, custom)
  if (refusal !== null) return refusal

  const payload: PayloadBuilder = { event_name: name, event_time: seconds(event.event_time), event_id: event.event_id }
  payload["action_source"] = source
  if (isMessage) putChannel(payload, event, dropped)
  else {
    put(payload, "event_source_url", event.event_source_url)
    put(payload, "referrer_url", event.referrer_url)
  }
  // Meta's own wish not to optimise ads with the event; it is still attributed.
  if (event.consent?.ad_personalization === "denied") payload["opt_out"] = true
  payload["user_data"] = user
  if (!isEmpty(custom)) payload["custom_data"] = custom
  if (source === "app") {
    const app = appData(event.app)
    if (app._tag === "Incomplete")
      return rejected("missing_app_data", `Meta refuses app events without app_data: ${app.message}.`)
    payload["app_data"] = app.data
  }
  setDataProcessing(payload, "meta", event.user, consent.restricted, event.consent?.sale_of_data ?? null)
  return { _tag: "Payload", platformEvent: name, payload, batchGroup: "", deadline, dropped, sealedRecipient: null }
}

/** An event that nobody called a website event, and that has no URL, is not one: Meta would ask for the URL. */
const sourceOf = (event: NormalizedEvent, compiled: CompiledConnection): ActionSource => {
  const origin = originOf(event, compiled.connection)
  return origin.source === "website" && !origin.stated && !event.event_source_url ? "other" : origin.source
}

/** Messages have a name of their own for a lead, unless the connection overrides it. */
const nameOf = (event: NormalizedEvent, name: string, source: ActionSource, compiled: CompiledConnection): string => {
  if (source !== "business_messaging") return name
  const canonical = canonicalNameOf(event, compiled)
  return name === compiled.names.get(canonical) ? (metaMessagingNames.get(canonical) ?? name) : name
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

/** Meta's `custom_data` (Meta, custom data parameters). Custom properties travel in it under their own names. */

/** Builds it; what Meta has no use for is noted in `dropped`. */
export const customData = (
  event: NormalizedEvent,
  compiled: CompiledConnection,
  dropped: Array<Dropped>
): PayloadBuilder => {
  const commerce = commerceOf(event, dropped)
  const data: PayloadBuilder = {}
  put(data, "value", commerce.value)
  put(data, "currency", commerce.currency)
  putText(data, event, dropped)
  putProducts(data, event, commerce)
  putPredicted(data, event, commerce.currency, dropped)
  addCustom(data, event, dropped)
  applyParameters(data, compiled.parameters, event, dropped)
  settleCustomData(data, event, dropped)
  return data
}

const putText = (data: PayloadBuilder, event: NormalizedEvent, dropped: Array<Dropped>): void => {
  const properties = event.properties
  if (properties === null) return
  put(data, "content_name", properties.content_name)
  put(data, "content_category", properties.content_category)
  put(data, "order_id", properties.order_id)
  put(data, "search_string", properties.search_string)
  put(data, "status", properties.status)
  put(
    data,
    "delivery_category",
    deliveryCategory(properties.delivery_category, "properties.delivery_category", dropped)
  )
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

const putPredicted = (
  data: PayloadBuilder,
  event: NormalizedEvent,
  currency: string | null,
  dropped: Array<Dropped>
): void => {
  const predicted = event.properties?.predicted_ltv ?? null
  if (predicted === null) return
  const value = amount(predicted, currency)
  if (value._tag === "Amount") data["predicted_ltv"] = value.value
  else dropped.push({ field: "properties.predicted_ltv", reason: value.reason })
}
