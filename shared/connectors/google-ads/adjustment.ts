/** A conversion's later change (Google Ads API, ConversionAdjustment): taken back, re-valued, or given user data. */
import type { NormalizedEvent } from "../../../schemas/types.gen.ts"
import type { JsonObject, MappingContext, MapResult } from "../connector.ts"
import { commerceOf } from "../mapping/commerce.ts"
import { flattenString } from "../mapping/flatten-string.ts"
import { type Dropped, isEmpty, type Mutable, put, rejected } from "../mapping/result.ts"
import { customerOf, dateTime } from "./format.ts"
import { noteLeftOut, userData } from "./user-data.ts"

const types: ReadonlySet<string> = new Set(["RETRACTION", "RESTATEMENT", "ENHANCEMENT"])

/** Whether the mapped name is an adjustment's type rather than a conversion's name. */
export const isAdjustment = (name: string): boolean => types.has(name)

/**
 * Maps the event to an adjustment of the conversion with its order id, or, of one that was recorded without, with its click
 * id and time. A retraction has no value; a restatement carries the value that is right now; an enhancement carries user data.
 */
export const mapAdjustment = (
  event: NormalizedEvent,
  type: string,
  actionId: string,
  deadline: number | null,
  context: MappingContext
): MapResult => {
  const conversion = conversionOf(event, type)
  if (conversion === null) return noConversion
  const dropped: Array<Dropped> = []
  const { account } = context.connection
  const payload: Mutable = {
    conversionAction: flattenString("customers/", customerOf(account), "/conversionActions/", actionId),
    adjustmentType: type,
    ...conversion,
    adjustmentDateTime: dateTime(event.event_time)
  }
  if (type === "RESTATEMENT") {
    const { value, currency } = commerceOf(event, dropped)
    if (value === null) return rejected("missing_value", "Google Ads needs the new value of a restatement.")
    const restated: Mutable = { adjustedValue: value }
    put(restated, "currencyCode", currency)
    payload["restatementValue"] = restated
  }
  if (type === "ENHANCEMENT") {
    const identifiers = userData(event.user, context, true)
    if (isEmpty(identifiers)) return rejected("no_identifiers", "Google Ads needs user data for an enhancement.")
    noteLeftOut(event.user, context, true, dropped)
    Object.assign(payload, identifiers)
    put(payload, "userAgent", event.user.user_agent)
  }
  return {
    _tag: "Payload",
    platformEvent: type,
    payload,
    batchGroup: "operation=adjustments",
    deadline,
    dropped,
    sealedRecipient: null
  }
}

/** How Google Ads finds the conversion: an enhancement only by order id. Null where the event does not name it. */
const conversionOf = (event: NormalizedEvent, type: string): JsonObject | null => {
  const orderId = event.properties?.order_id
  if (orderId) return { orderId }
  const { gclid } = event.user
  const time = event.properties?.original_conversion_time ?? null
  return gclid === null || gclid === "" || time === null || type === "ENHANCEMENT"
    ? null
    : { gclidDateTimePair: { gclid, conversionDateTime: dateTime(time) } }
}

const noConversion = rejected(
  "missing_order_id",
  "Google Ads finds the conversion to adjust by its order id, or without one by user.gclid and properties.original_conversion_time.",
  "Send the event again with properties.order_id (the event_id of the purchase, if that had no order id), or for a conversion recorded without order id with user.gclid and properties.original_conversion_time."
)
