/** What the customer's consent allows at a connection. Used when mapping, and again at the moment of sending. */

import table from "../../../schemas/catalog/limited-data-use.json" with { type: "json" }
import type { Consent, NormalizedUser } from "../../../schemas/types.gen.ts"
import type { Connection } from "../../connections/connection.ts"
import type { ConnectorKind } from "../../model/platform.ts"
import type { PayloadBuilder } from "./result.ts"

export type ConsentDecision =
  /** `restricted`: only with the platform's restricted-use flags. */
  { readonly _tag: "Send"; readonly restricted: boolean } | { readonly _tag: "Skip"; readonly message: string }

/**
 * Denied ad_user_data is never sent. Unknown ad_user_data follows the connection's `onUnknown`, denied sale_of_data its
 * `onSaleDenied`. A restriction that the connection's kind has no flag for means that nothing is sent.
 */
export const consentDecision = (consent: Consent | null, connection: Connection): ConsentDecision => {
  const { policy, userData, sale } = answersOf(consent, connection)
  if (userData === "denied") return deniedUserData
  if (userData !== "granted" && policy.onUnknown === "skip") return unknownUserData
  if (sale !== "denied" || connection.kind === "whatsapp") return send
  if (policy.onSaleDenied === "skip") return deniedSale
  return hasRestrictedUse(connection.kind) ? sendRestricted : noRestriction
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

const answersOf = (consent: Consent | null, connection: Connection) => ({
  policy: connection.consent,
  userData: consentValue(consent, "ad_user_data", connection),
  sale: consent?.sale_of_data ?? null
})

const send: ConsentDecision = { _tag: "Send", restricted: false }
const sendRestricted: ConsentDecision = { _tag: "Send", restricted: true }
const deniedUserData: ConsentDecision = { _tag: "Skip", message: "The customer denied ad_user_data." }
const unknownUserData: ConsentDecision = {
  _tag: "Skip",
  message: "The customer's ad_user_data is unknown, and the connection sends only what was granted."
}
const deniedSale: ConsentDecision = { _tag: "Skip", message: "The customer denied sale_of_data." }
const noRestriction: ConsentDecision = {
  _tag: "Skip",
  message: "The customer denied sale_of_data, and the Google Ads API has no flag for restricted use."
}

/**
 * Limited data use under US state privacy laws: the table of what each platform takes (Meta and Snapchat, data processing
 * options; TikTok, limited data use; Data Manager, consent), and the fields that Meta and Snapchat share.
 */

/** The country and the state of `data_processing_options`, as the platform numbers them. */
export interface LocationPairs {
  /** Where the customer's state has no code: the platform finds the state by the IP address. */
  readonly otherwise: readonly [number, number]
  /** By the two letters of the US state. */
  readonly states: ReadonlyMap<string, readonly [number, number]>
}

const pairsOf = (kind: "meta" | "snapchat"): LocationPairs => ({
  otherwise: pair(table[kind].otherwise),
  states: new Map(Object.entries(table[kind].states).map(([state, numbers]) => [state, pair(numbers)]))
})

const pair = ([country, state]: ReadonlyArray<number>): readonly [number, number] => [country ?? 0, state ?? 0]

/** Every pair that Meta and Snapchat take; any other fails the request. */
export const locationPairs: Readonly<Record<"meta" | "snapchat", LocationPairs>> = {
  meta: pairsOf("meta"),
  snapchat: pairsOf("snapchat")
}

/** Whether the kind's API has a flag for limited data use; without one nothing is sent of a customer who asked for it. */
export const hasRestrictedUse = (kind: ConnectorKind): boolean => kind !== "whatsapp" && table[kind] !== null

/** The sources of TikTok's events that take `limited_data_use`; it needs the customer's IP address. */
export const restrictedTiktokSources: ReadonlySet<string> = new Set(table.tiktok.sources)

/**
 * Sets `data_processing_options`: limited data use where it is restricted, explicitly none where the customer allowed the
 * sale of data, nothing where the event does not say.
 */
export const setDataProcessing = (
  target: PayloadBuilder,
  kind: "meta" | "snapchat",
  user: NormalizedUser,
  restricted: boolean,
  saleOfData: string | null
): void => {
  if (restricted) {
    const { otherwise, states } = locationPairs[kind]
    const known = user.country_code === "US" ? states.get((user.state_plain ?? "").toUpperCase()) : undefined
    const [country, state] = known ?? otherwise
    target["data_processing_options"] = ["LDU"]
    target["data_processing_options_country"] = country
    target["data_processing_options_state"] = state
  } else if (saleOfData === "granted") {
    target["data_processing_options"] = []
  }
}
