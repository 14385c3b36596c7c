/** A conversion's later change (Google Ads API, ConversionAdjustment): taken back, re-valued, or given user data. */
import type { NormalizedEvent } from "../../../schemas/types.gen.ts"
import { commerceOf } from "../../mapping/commerce.ts"
import { flatText } from "../../mapping/flat-text.ts"
import { type Dropped, type Mutable, put, rejected } from "../../mapping/result.ts"
import type { JsonObject, MappingContext, MapResult } from "../connector.ts"
import { customerOf, dateTime } from "./format.ts"
import { formatUserData, noteLeftOut } from "./user-data.ts"

const types: ReadonlySet<string> = new Set(["RETRACTION", "RESTATEMENT", "ENHANCEMENT"])

/** Whether the mapped name is an adjustment's type rather than a conversion's name. */
export const isAdjustment = (name: string): boolean => types.has(name)

/**
 * Maps the event to an adjustment of the conversion with its order id. A retraction has no value; a restatement carries
 * the value that is right now; an enhancement carries user data.
 */
export const mapAdjustment = (
  event: NormalizedEvent,
  type: string,
  actionId: string,
  deadline: number | null,
  context: MappingContext
): MapResult => {
  const orderId = event.properties?.order_id
  if (!orderId) return rejected("missing_order_id", "Google Ads finds the conversion to adjust by its order id.")
  const dropped: Array<Dropped> = []
  const { account } = context.connection
  const payload: Mutable = {
    conversionAction: flatText("customers/", customerOf(account), "/conversionActions/", actionId),
    adjustmentType: type,
    orderId,
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
    const userData = enhancement(event, context)
    if (userData === null) return rejected("no_identifiers", "Google Ads needs user data for an enhancement.")
    noteLeftOut(event.user, context, dropped)
    Object.assign(payload, userData)
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

/** Enhancements may carry the address too; city and state stay out, since only some forms of them are in clear. */
const enhancement = (event: NormalizedEvent, context: MappingContext): JsonObject | null => {
  const { user } = event
  const identifiers = [...((formatUserData(user, context)["userIdentifiers"] as ReadonlyArray<JsonObject>) ?? [])]
  const address: Mutable = {}
  put(address, "hashedFirstName", user.first_name_google)
  put(address, "hashedLastName", user.last_name_google)
  put(address, "countryCode", user.country_code)
  put(address, "postalCode", user.zip_plain)
  if (Object.keys(address).length === 4) identifiers.push({ addressInfo: address })
  return identifiers.length === 0 ? null : { userIdentifiers: identifiers.slice(0, 5) }
}
