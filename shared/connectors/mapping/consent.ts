/** What the customer's consent allows at a connection. Used when mapping, and again before sending. */

import type { Consent, NormalizedUser } from "../../../schemas/types.gen.ts"
import type { Connection, ConsentPolicy } from "../../connections/connection.ts"
import { asksForConsent } from "../../model/consent-region.ts"
import type { Connector } from "../connector.ts"
import type { PayloadBuilder } from "./result.ts"

export type ConsentDecision =
  /** `restricted`: only with the platform's restricted-use flags. */
  | { readonly _tag: "Send"; readonly restricted: boolean }
  | { readonly _tag: "Skip"; readonly reason: string; readonly message: string }

/**
 * Denied ad_user_data is never sent. Unknown ad_user_data follows the connection's `onUnknown`, and is not sent where the law asks
 * for consent first, unless the connection's `onUnknownInEurope` says so. Denied sale_of_data follows its `onSaleDenied`. A restriction that the connection's kind has no flag for means that nothing is sent.
 *
 * @param country `consent_country` of the event
 */
export const consentDecision = (
  consent: Consent | null,
  connection: Connection,
  { name, restrictedUse }: Pick<Connector, "name" | "restrictedUse">,
  country: string | null
): ConsentDecision => {
  const { policy, userData, sale } = answersOf(consent, connection)
  if (userData === "denied") return deniedUserData
  if (userData !== "granted" && policy.onUnknown === "skip") return unknownUserData
  if (userData !== "granted" && policy.onUnknownInEurope !== "send" && isInEurope(country, policy))
    return unknownInEurope
  if (sale !== "denied" || restrictedUse === "not_concerned") return send
  if (policy.onSaleDenied === "skip") return deniedSale
  return restrictedUse ? sendRestricted : noRestriction(name)
}

/**
 * The value of ad_user_data or ad_personalization as the connection takes it; null where unknown. What the producer gave under
 * a name that is not known is `unclear`: nothing is assumed of it.
 */
export const consentValue = (
  consent: Consent | null,
  name: "ad_user_data" | "ad_personalization",
  connection: Connection
): "granted" | "denied" | null => {
  const value = consent?.[name]
  if (value === "granted" || value === "denied") return value
  return connection.consent.assume === "granted" && value !== "unclear" ? "granted" : null
}

/**
 * Why the event may not be sent to the connection's platform as a vendor of IAB's Transparency and Consent Framework; null where it may.
 *
 * @param denied `tcf_vendors_denied` of the event
 */
export const vendorRefusal = (
  denied: ReadonlyArray<number> | null,
  { consent: { tcfVendor } }: Connection
): Extract<ConsentDecision, { readonly _tag: "Skip" }> | null =>
  denied !== null && tcfVendor !== undefined && denied.includes(tcfVendor)
    ? {
        _tag: "Skip",
        reason: "consent",
        message: `The TC string has no consent for vendor ${tcfVendor} of IAB's Global Vendor List.`
      }
    : null

const isInEurope = (country: string | null, { unknownCountry }: ConsentPolicy): boolean =>
  country === null ? unknownCountry === "europe" : asksForConsent(country)

const answersOf = (consent: Consent | null, connection: Connection) => ({
  policy: connection.consent,
  userData: consentValue(consent, "ad_user_data", connection),
  sale: consent?.sale_of_data ?? null
})

const send: ConsentDecision = { _tag: "Send", restricted: false }
const sendRestricted: ConsentDecision = { _tag: "Send", restricted: true }
const deniedUserData: ConsentDecision = {
  _tag: "Skip",
  reason: "consent",
  message: "The customer denied ad_user_data."
}
/** The reason of an event whose consent is not known, where the law asks for it. */
export const consentUnknownInEurope = "consent_unknown_in_europe"

const unknownInEurope: ConsentDecision = {
  _tag: "Skip",
  reason: consentUnknownInEurope,
  message: "The customer's ad_user_data is unknown, and the EEA, the UK and Switzerland ask for consent first."
}
const unknownUserData: ConsentDecision = {
  _tag: "Skip",
  reason: "consent",
  message: "The customer's ad_user_data is unknown, and the connection sends only what was granted."
}
const deniedSale: ConsentDecision = { _tag: "Skip", reason: "consent", message: "The customer denied sale_of_data." }
const noRestriction = (name: string): ConsentDecision => ({
  _tag: "Skip",
  reason: "consent",
  message: `The customer denied sale_of_data, and the ${name} has no flag for restricted use.`
})

/** `limited_data_use` of a `catalog.json`, where the platform takes Meta's `data_processing_options`. */
export interface DataProcessingTable {
  readonly otherwise: ReadonlyArray<number>
  readonly states: Readonly<Record<string, ReadonlyArray<number>>>
}

/** The country and the state of `data_processing_options`, as the platform numbers them; any other pair fails the request. */
export interface LocationPairs {
  /** Where the customer's state has no code: the platform finds the state by the IP address. */
  readonly otherwise: readonly [number, number]
  /** By the two-letter code of the US state. */
  readonly states: ReadonlyMap<string, readonly [number, number]>
}

export const locationPairsOf = ({ otherwise, states }: DataProcessingTable): LocationPairs => ({
  otherwise: pair(otherwise),
  states: new Map(Object.entries(states).map(([state, numbers]) => [state, pair(numbers)]))
})

const pair = ([country, state]: ReadonlyArray<number>): readonly [number, number] => [country ?? 0, state ?? 0]

/**
 * Sets `data_processing_options`: limited data use where it is restricted, explicitly none where the customer allowed the
 * sale of data, nothing where the event does not say.
 */
export const setDataProcessing = (
  target: PayloadBuilder,
  pairs: LocationPairs,
  user: NormalizedUser,
  restricted: boolean,
  saleOfData: string | null
): void => {
  if (restricted) {
    const known = user.country_code === "US" ? pairs.states.get((user.state_plain ?? "").toUpperCase()) : undefined
    const [country, state] = known ?? pairs.otherwise
    target["data_processing_options"] = ["LDU"]
    target["data_processing_options_country"] = country
    target["data_processing_options_state"] = state
  } else if (saleOfData === "granted") {
    target["data_processing_options"] = []
  }
}
