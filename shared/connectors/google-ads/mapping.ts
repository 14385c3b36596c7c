/** A normalized event as one of the Google Ads API's click conversions (Google Ads API, ClickConversion). */
import type { NormalizedEvent } from "../../../schemas/types.gen.ts"
import type { Json, MappingContext, MapResult } from "../connector.ts"
import { actionOf } from "../google/account.ts"
import { adsCartData } from "../google/cart-data.ts"
import { originOf } from "../mapping/action-source.ts"
import { deadlineOf, tooOld } from "../mapping/age.ts"
import { commerceOf } from "../mapping/commerce.ts"
import { type CompiledConnection, compile } from "../mapping/compile.ts"
import { consentDecision, consentValue } from "../mapping/consent.ts"
import { customEntries } from "../mapping/custom-properties.ts"
import { noMapping, platformEventOf } from "../mapping/event-name.ts"
import { flattenString } from "../mapping/flatten-string.ts"
import { applyParameters } from "../mapping/parameters.ts"
import { type Dropped, isEmpty, type Mutable, put, rejected, skipped } from "../mapping/result.ts"
import { isAdjustment, mapAdjustment } from "./adjustment.ts"
import { customerOf, dateTime } from "./format.ts"
import { formatUserData, noteLeftOut, takesAddress } from "./user-data.ts"

/** Maps the event. */
export const mapEvent = (event: NormalizedEvent, context: MappingContext): MapResult => {
  const { connection } = context
  const compiled = compile(connection)
  const consent = consentDecision(event.consent, connection)
  if (consent._tag === "Skip") return skipped("consent", consent.message)
  const named = platformEventOf(event, compiled)
  if (named === null) return noMapping(event, compiled)
  const action = actionOf(event, named, connection.account)
  if (action._tag === "None") return action.result
  const deadline = deadlineOf(event.event_time, "default", context)
  const late = tooOld(deadline, context, "The event is older than the connection's maxAgeDays.")
  if (late !== null) return late

  if (isAdjustment(named.name)) return mapAdjustment(event, named.name, action.id, deadline, context)
  const dropped: Array<Dropped> = []
  const click = clickIdOf(event, dropped)
  const userData = braidExcludes(event, click, context, dropped)
  if (isEmpty(click) && isEmpty(userData)) {
    return rejected("no_identifiers", "Google Ads needs a click id, or a hashed email or phone number.")
  }
  const commerce = commerceOf(event, dropped)
  const customer = customerOf(connection.account)
  const payload: Mutable = {
    conversionAction: flattenString("customers/", customer, "/conversionActions/", action.id),
    conversionDateTime: dateTime(event.event_time)
  }
  put(payload, "conversionValue", commerce.value)
  put(payload, "currencyCode", commerce.currency)
  payload["orderId"] = event.properties?.order_id || event.event_id
  Object.assign(payload, click, userData)
  const granted = consentValue(event.consent, "ad_user_data", connection)
  if (granted !== null) payload["consent"] = { adUserData: granted === "granted" ? "GRANTED" : "DENIED" }
  put(payload, "cartData", adsCartData(commerce, connection.account, dropped))
  put(payload, "customVariables", customVariables(event, compiled, customer, click, dropped))
  put(payload, "conversionEnvironment", environment(event, compiled))
  return {
    _tag: "Payload",
    platformEvent: named.name,
    payload,
    batchGroup: "operation=conversions",
    deadline,
    dropped,
    sealedRecipient: null
  }
}

/** One click id only (GBRAID_WBRAID_BOTH_SET): gclid, else gbraid, else wbraid. */
const clickIdOf = (event: NormalizedEvent, dropped: Array<Dropped>): Mutable => {
  const click: Mutable = {}
  for (const name of ["gclid", "gbraid", "wbraid"] as const) {
    const id = event.user[name]
    if (!id) continue
    if (isEmpty(click)) click[name] = id
    else dropped.push({ field: `user.${name}`, reason: "another_click_id" })
  }
  return click
}

/** Beside gbraid or wbraid the API takes no user identifiers. */
const braidExcludes = (
  event: NormalizedEvent,
  click: Mutable,
  context: MappingContext,
  dropped: Array<Dropped>
): Mutable => {
  const userData = { ...formatUserData(event.user, context) }
  if (isEmpty(userData) || !hasBraid(click)) {
    noteLeftOut(event.user, context, takesAddress(context), dropped)
    return userData
  }
  dropped.push({ field: "user", reason: "not_with_braid" })
  return {}
}

const hasBraid = (click: Mutable): boolean => click["gbraid"] !== undefined || click["wbraid"] !== undefined

/**
 * Parameter rules whose names are numeric ids of conversion custom variables. Free custom properties have no place in
 * this API, since a variable that the account doesn't have fails the conversion; and beside gbraid or wbraid the API takes none.
 */
const customVariables = (
  event: NormalizedEvent,
  compiled: CompiledConnection,
  customer: string,
  click: Mutable,
  dropped: Array<Dropped>
): ReadonlyArray<Json> | null => {
  for (const [name] of customEntries(event, dropped)) {
    dropped.push({ field: `properties.custom.${name}`, reason: "not_supported" })
  }
  if (compiled.parameters.length === 0) return null
  const values: Mutable = {}
  applyParameters(values, compiled.parameters, event, dropped)
  const variables: Array<Json> = []
  for (const id in values) {
    if (hasBraid(click) || !/^\d+$/.test(id)) {
      dropped.push({ field: `parameters.${id}`, reason: hasBraid(click) ? "not_with_braid" : "not_an_id" })
      continue
    }
    const value = values[id]!
    variables.push({
      conversionCustomVariable: flattenString("customers/", customer, "/conversionCustomVariables/", id),
      value: typeof value === "string" ? value : JSON.stringify(value)
    })
  }
  return variables.length === 0 ? null : variables
}

const environment = (event: NormalizedEvent, compiled: CompiledConnection): string | null => {
  const { source } = originOf(event, compiled.connection)
  if (source === "website") return "WEB"
  return source === "app" ? "APP" : null
}
