/** What the customer's consent allows at a connection, and where the law asks for it first. Used when mapping, and again before sending. */
import type { Consent, NormalizedUser } from "../../../schemas/types.gen.ts"
import type { Connection, ConsentPolicy } from "../../connections/connection.ts"
import type { Connector } from "../connector.ts"
import type { PayloadBuilder } from "./payload.ts"

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

/** Whether the law of the country asks for consent first. `EU` stands for a country of the EEA that is not known. */
export const asksForConsent = (country: string | null): boolean => country !== null && countries.has(country)

const countries: ReadonlySet<string> = new Set([
  ...[
    "AT",
    "BE",
    "BG",
    "CY",
    "CZ",
    "DE",
    "DK",
    "EE",
    "ES",
    "FI",
    "FR",
    "GR",
    "HR",
    "HU",
    "IE",
    "IT",
    "LT",
    "LU",
    "LV",
    "MT",
    "NL"
  ],
  ...["PL", "PT", "RO", "SE", "SI", "SK", "IS", "LI", "NO", "EU"],
  // Territories in which the law of the EU holds: of Finland and of France.
  ...["AX", "GF", "GP", "MF", "MQ", "RE", "YT"],
  ...["GB", "CH"]
])

/** The country of an international phone number by its calling code, where that country asks for consent; null for all others. */
export const consentCountryOfPhone = (phone: string): string | null => {
  // Nearly every number is American, or begins as no international one does.
  const first = phone[0] === "(" || phone[0] === " " ? phone[1] : phone[0]
  if ((first !== "+" && first !== "0" && first !== " " && first !== "(") || phone.startsWith("+1")) return null
  const digits = international.exec(phone)?.[1]
  if (digits === undefined) return null
  const compact = digits.replace(/[^0-9]/g, "")
  return byCallingCode.get(compact.slice(0, 3)) ?? byCallingCode.get(compact.slice(0, 2)) ?? null
}

/** The digits behind a plus or two zeros: as many as a calling code has at most, whatever separates them. */
const international = /^\s*\(?(?:\+|00)\s?\(?([1-9][0-9 ().-]{2,6})/

/** ITU-T E.164: calling codes of two and three digits, no one of which begins another. */
const byCallingCode = new Map(
  (
    "30GR 31NL 32BE 33FR 34ES 36HU 39IT 40RO 41CH 43AT 44GB 45DK 46SE 47NO 48PL 49DE 350GB 351PT 352LU 353IE 354IS 356MT 357CY 358FI 359BG 370LT 371LV " +
    "372EE 385HR 386SI 420CZ 421SK 423LI"
  )
    .split(" ")
    .map((entry) => [entry.slice(0, -2), entry.slice(-2)] as const)
)
