/** A normalized event as an element of the Data Manager API's `events` (Data Manager, Event). */

import type { NormalizedEvent, NormalizedUser } from "../../../schemas/types.gen.ts"
import type { Connection } from "../../connections/connection.ts"
import type { CompiledConnection, Json, MapResult } from "../connector.ts"
import { commerceToSend } from "../mapping/amounts.ts"
import { asksForConsent, consentValue } from "../mapping/consent.ts"
import { customEntries } from "../mapping/custom-data.ts"
import { type Dropped, flattenString, isEmpty, type PayloadBuilder, put, rejected } from "../mapping/payload.ts"
import { applyParameters } from "../mapping/rules.ts"
import { type ActionSource, actionSourceOf, groupText, type MappingStart, mapping } from "../mapping/start.ts"
import { actionOf, cartData, formatUserData, noteLeftOutOfUserData } from "./conversion.ts"

/** Maps the event, or says why Google would refuse it. */
export const mapEvent = mapping<string>({
  target: actionOf,
  payload: (event, start) => payloadOf(event, start)
})

/** Builds the payload. The conversion action is the batch group: the request's destination names it. */
const payloadOf = (event: NormalizedEvent, start: MappingStart<string>): MapResult => {
  const { compiled, connection, deadline, named, restricted, target: action } = start
  const dropped: Array<Dropped> = []
  const adIdentifiers = adIdentifiersOf(event.user, dropped)
  const userData = formatUserData(event.user, connection)
  noteLeftOutOfUserData(event.user, connection, dropped)
  if (isEmpty(adIdentifiers) && isEmpty(userData)) {
    return rejected("no_identifiers", "Google needs a click id or hashed user data (NO_IDENTIFIERS_PROVIDED).")
  }
  const commerce = commerceToSend(event, compiled, dropped)
  const payload: PayloadBuilder = {
    transactionId: event.properties?.order_id || event.event_id,
    eventTimestamp: timestamp(event.event_time),
    eventSource: sources[actionSourceOf(event, connection).source]
  }
  if (commerce.value !== null) payload["conversionValue"] = commerce.value
  if (commerce.currency) payload["currency"] = commerce.currency
  if (!isEmpty(adIdentifiers)) payload["adIdentifiers"] = adIdentifiers
  if (!isEmpty(userData)) payload["userData"] = userData
  const consent = consentOf(event, restricted, connection)
  if (consent !== null) payload["consent"] = consent
  const device = deviceInfo(event, dropped)
  if (device !== null) payload["eventDeviceInfo"] = device
  const cart = cartData(commerce, connection.account, dropped)
  if (cart !== null) payload["cartData"] = cart
  put(payload, "customVariables", customVariables(event, compiled, dropped))
  put(payload, "userProperties", userProperties(event, dropped))
  return {
    _tag: "Payload",
    platformEvent: named.name,
    payload,
    batchGroup: groupText(compiled, action, { action }),
    deadline,
    dropped,
    sealedRecipient: null
  }
}

/** RFC 3339 in UTC, with milliseconds only where there are some. */
const timestamp = (millis: number): string => {
  const minute = Math.floor(millis / 60_000)
  if (minute !== lastMinute.minute) {
    // Throws for an invalid date, which must not be remembered.
    lastMinute = { text: new Date(millis).toISOString().slice(0, -secondsLength), minute }
  }
  const rest = millis - minute * 60_000
  const seconds = Math.floor(rest / 1_000)
  const thousandths = rest - seconds * 1_000
  const part = thousandths === 0 ? "" : `.${String(thousandths).padStart(3, "0")}`
  return flattenString(lastMinute.text, twoDigits[seconds]!, part, "Z")
}

/** Events come in about the order of their time, and V8 takes a microsecond to write a date. */
let lastMinute = { minute: Number.NaN, text: "" }
const secondsLength = "00.000Z".length
const twoDigits = Array.from({ length: 60 }, (_, value) => String(value).padStart(2, "0"))

const sources: Readonly<Record<ActionSource, string>> = {
  website: "WEB",
  app: "APP",
  physical_store: "IN_STORE",
  phone_call: "PHONE",
  chat: "MESSAGE",
  business_messaging: "MESSAGE",
  email: "OTHER",
  system_generated: "OTHER",
  other: "OTHER"
}

/** gbraid and wbraid never go together: a click has one of them. */
const adIdentifiersOf = (user: NormalizedUser, dropped: Array<Dropped>): PayloadBuilder => {
  const identifiers: PayloadBuilder = {}
  if (user.gclid) identifiers["gclid"] = user.gclid
  put(identifiers, "gbraid", user.gbraid)
  if (user.wbraid) {
    if (identifiers["gbraid"] === undefined) identifiers["wbraid"] = user.wbraid
    else dropped.push({ field: "user.wbraid", reason: "excluded_by_gbraid" })
  }
  put(identifiers, "dclid", user.dclid)
  put(identifiers, "mobileDeviceId", user.madid)
  return identifiers
}

/** Sale of data denied: Google's restricted processing is no personalised ads. */
const consentOf = (event: NormalizedEvent, restricted: boolean, connection: Connection): PayloadBuilder | null => {
  const userData = consentValue(event.consent, "ad_user_data", connection)
  const personalization = restricted ? "denied" : consentValue(event.consent, "ad_personalization", connection)
  if (userData === null && personalization === null) return null
  const consent: PayloadBuilder = {}
  if (userData !== null) consent["adUserData"] = consentNames[userData]
  if (personalization !== null) consent["adPersonalization"] = consentNames[personalization]
  return consent
}

const consentNames = { granted: "CONSENT_GRANTED", denied: "CONSENT_DENIED" } as const

const deviceInfo = ({ user, consent_country }: NormalizedEvent, dropped: Array<Dropped>): PayloadBuilder | null => {
  const info: PayloadBuilder = {}
  if (user.user_agent) info["userAgent"] = user.user_agent
  if (user.ip !== null) {
    if (mayHaveIp(user.country_code, consent_country ?? null)) info["ipAddress"] = user.ip
    else dropped.push({ field: "user.ip", reason: user.country_code === null ? "country_unknown" : "not_for_country" })
  }
  return isEmpty(info) ? null : info
}

/** Custom properties and parameter rules travel as custom variables; Google ignores names that the account doesn't have. */
const customVariables = (
  event: NormalizedEvent,
  compiled: CompiledConnection,
  dropped: Array<Dropped>
): ReadonlyArray<Json> | null => {
  const values: PayloadBuilder = {}
  for (const [name, value] of customEntries(event, compiled, dropped)) values[name] = value
  applyParameters(values, compiled.parameters, event, dropped)
  const variables: Array<Json> = []
  for (const name in values) {
    const value = values[name]!
    variables.push({ variable: name, value: typeof value === "string" ? value : JSON.stringify(value) })
  }
  return variables.length === 0 ? null : variables
}

/** The enumeration is closed: another word would fail the request. */
const userProperties = (event: NormalizedEvent, dropped: Array<Dropped>): PayloadBuilder | null => {
  const given = event.properties?.customer_type ?? null
  if (given === null || given === "") return null
  const type = given.toUpperCase()
  if (customerTypes.has(type)) return { customerType: type }
  dropped.push({ field: "properties.customer_type", reason: "not_supported" })
  return null
}

const customerTypes: ReadonlySet<string> = new Set(["NEW", "RETURNING", "REENGAGED"])

/**
 * Whether the IP address of a customer may go to Google: not in the EEA, the UK and Switzerland, with their outer regions (Data Manager,
 * send events), and not where the country is unknown. Where the customer's consent is asked for there, the country of the address
 * does not count.
 */
const mayHaveIp = (countryCode: string | null, consentCountry: string | null): boolean =>
  countryCode !== null &&
  !asksForConsent(countryCode) &&
  !asksForConsent(consentCountry) &&
  !outerRegions.has(countryCode)

/** Gibraltar, and the Crown Dependencies of the United Kingdom. */
const outerRegions: ReadonlySet<string> = new Set(["GI", "GG", "IM", "JE"])
