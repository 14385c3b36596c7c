/** A normalized event as one of the Google Ads API's click conversions (Google Ads API, ClickConversion). */
import type { NormalizedEvent, NormalizedUser } from "../../../schemas/types.gen.ts"
import type { Connection } from "../../connections/connection.ts"
import type { CompiledConnection, Json, JsonObject, MapResult } from "../connector.ts"
import {
  type Account,
  actionOf,
  googleAdsCartData,
  type IdentifierForm,
  noteLeftOut,
  userIdentifiers
} from "../google/conversion.ts"
import { digitsOf } from "../http/json.ts"
import { commerceToSend } from "../mapping/amounts.ts"
import { consentValue } from "../mapping/consent.ts"
import { customEntries } from "../mapping/custom-data.ts"
import { type Dropped, flattenString, isEmpty, type PayloadBuilder, put, rejected } from "../mapping/payload.ts"
import { applyParameters } from "../mapping/rules.ts"
import { actionSourceOf, type MappingStart, mapping } from "../mapping/start.ts"

/** Maps the event, or says why Google Ads would refuse it. */
export const mapEvent = mapping<string>({
  target: actionOf,
  payload: (event, start) => payloadOf(event, start)
})

/** Builds the payload: a click conversion, or a change of an earlier one. */
const payloadOf = (event: NormalizedEvent, start: MappingStart<string>): MapResult => {
  const { compiled, connection, deadline, named, target: action } = start
  if (isAdjustment(named.name)) return mapAdjustment(event, named.name, action, deadline, compiled)
  const dropped: Array<Dropped> = []
  const click = clickIdOf(event, dropped)
  const userData = braidExcludes(event, click, connection, dropped)
  if (isEmpty(click) && isEmpty(userData)) {
    return rejected("no_identifiers", "Google Ads needs a click id, or a hashed email or phone number.")
  }
  const commerce = commerceToSend(event, compiled, dropped)
  const customer = customerOf(connection.account)
  const payload: PayloadBuilder = {
    conversionAction: flattenString("customers/", customer, "/conversionActions/", action),
    conversionDateTime: dateTime(event.event_time)
  }
  put(payload, "conversionValue", commerce.value)
  put(payload, "currencyCode", commerce.currency)
  payload["orderId"] = event.properties?.order_id || event.event_id
  Object.assign(payload, click, userData)
  const granted = consentValue(event.consent, "ad_user_data", connection)
  if (granted !== null) payload["consent"] = { adUserData: granted === "granted" ? "GRANTED" : "DENIED" }
  put(payload, "cartData", googleAdsCartData(commerce, connection.account, dropped))
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
const clickIdOf = (event: NormalizedEvent, dropped: Array<Dropped>): PayloadBuilder => {
  const click: PayloadBuilder = {}
  for (const name of ["gclid", "gbraid", "wbraid"] as const) {
    const id = event.user[name]
    if (!id) continue
    if (isEmpty(click)) click[name] = id
    else dropped.push({ field: `user.${name}`, reason: "another_click_id" })
  }
  return click
}

/** The Google Ads API's form (Google Ads API, ClickConversion, UserIdentifier). */
const identifierForm: IdentifierForm = {
  max: 5,
  email: (hashedEmail) => ({ hashedEmail }),
  phone: (hashedPhoneNumber) => ({ hashedPhoneNumber }),
  address: ({ firstName, lastName, countryCode, postalCode }) => ({
    addressInfo: { hashedFirstName: firstName, hashedLastName: lastName, countryCode, postalCode }
  })
}

/**
 * `{ userIdentifiers: [...] }` of a click conversion, or an empty object. The reference names email and phone number only;
 * with `mapping.address_identifiers` the address goes too.
 */
export const formatUserData = (user: NormalizedUser, connection: Connection): JsonObject =>
  userIdentifiers(user, connection, identifierForm, takesAddress(connection))

const takesAddress = ({ mapping }: Connection): boolean => mapping.addressIdentifiers === true

/** Beside gbraid or wbraid the API takes no user identifiers. */
const braidExcludes = (
  event: NormalizedEvent,
  click: PayloadBuilder,
  connection: Connection,
  dropped: Array<Dropped>
): PayloadBuilder => {
  const userData = { ...formatUserData(event.user, connection) }
  if (isEmpty(userData) || !hasBraid(click)) {
    noteLeftOut(event.user, connection, identifierForm, takesAddress(connection), dropped)
    return userData
  }
  dropped.push({ field: "user", reason: "not_with_braid" })
  return {}
}

const hasBraid = (click: PayloadBuilder): boolean => click["gbraid"] !== undefined || click["wbraid"] !== undefined

/**
 * Parameter rules whose names are numeric ids of conversion custom variables. Free custom properties have no place in
 * this API, since a variable that the account doesn't have fails the conversion; and beside gbraid or wbraid the API takes none.
 */
const customVariables = (
  event: NormalizedEvent,
  compiled: CompiledConnection,
  customer: string,
  click: PayloadBuilder,
  dropped: Array<Dropped>
): ReadonlyArray<Json> | null => {
  for (const [name] of customEntries(event, compiled, dropped)) {
    dropped.push({ field: `properties.custom.${name}`, reason: "not_supported" })
  }
  if (compiled.parameters.length === 0) return null
  const values: PayloadBuilder = {}
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
  const { source } = actionSourceOf(event, compiled.connection)
  if (source === "website") return "WEB"
  return source === "app" ? "APP" : null
}

const types: ReadonlySet<string> = new Set(["RETRACTION", "RESTATEMENT", "ENHANCEMENT"])

/** Whether the mapped name is an adjustment's type rather than a conversion's name. */
const isAdjustment = (name: string): boolean => types.has(name)

/**
 * Maps the event to an adjustment of the conversion with its order id, or, of one that was recorded without, with its click
 * id and time. A retraction has no value; a restatement carries the value that is right now; an enhancement carries user data.
 */
const mapAdjustment = (
  event: NormalizedEvent,
  type: string,
  actionId: string,
  deadline: number | null,
  compiled: CompiledConnection
): MapResult => {
  const conversion = conversionOf(event, type)
  if (conversion === null) return noConversion
  const dropped: Array<Dropped> = []
  const { connection } = compiled
  const { account } = connection
  const payload: PayloadBuilder = {
    conversionAction: flattenString("customers/", customerOf(account), "/conversionActions/", actionId),
    adjustmentType: type,
    ...conversion,
    adjustmentDateTime: dateTime(event.event_time)
  }
  if (type === "RESTATEMENT") {
    const { value, currency } = commerceToSend(event, compiled, dropped)
    if (value === null) return rejected("missing_value", "Google Ads needs the new value of a restatement.")
    const restated: PayloadBuilder = { adjustedValue: value }
    put(restated, "currencyCode", currency)
    payload["restatementValue"] = restated
  }
  if (type === "ENHANCEMENT") {
    const identifiers = userIdentifiers(event.user, connection, identifierForm, true)
    if (isEmpty(identifiers)) return rejected("no_identifiers", "Google Ads needs user data for an enhancement.")
    noteLeftOut(event.user, connection, identifierForm, true, dropped)
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

/** `yyyy-MM-dd HH:mm:ss+00:00`, always in UTC: no T, no Z, an offset. */
const dateTime = (millis: number): string => {
  const text = new Date(millis).toISOString()
  return flattenString(text.slice(0, 10), " ", text.slice(11, 19), "+00:00")
}

/** The customer id as the request's address has it, however it is written: digits only. */
const customerOf = (account: Account): string => digitsOf(account["customer_id"] ?? "")
