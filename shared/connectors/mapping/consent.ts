/** What the customer's consent allows at a connection. Used when mapping, and again at the moment of sending. */
import type { Consent } from "../../../schemas/types.gen.ts"
import type { Connection } from "../../connections/connection.ts"
import { hasRestrictedUse } from "./restricted-use.ts"

export type ConsentDecision =
  /** `restricted`: only with the platform's restricted-use flags. */
  { readonly _tag: "Send"; readonly restricted: boolean } | { readonly _tag: "Skip"; readonly message: string }

/**
 * Denied ad_user_data is never sent. Unknown ad_user_data follows the connection's `onUnknown`, denied sale_of_data its
 * `onSaleDenied`. A restriction that the connection's kind has no flag for means that nothing is sent.
 */
export const consentDecision = (consent: Consent | null, connection: Connection): ConsentDecision => {
  const { policy, userData, sale } = read(consent, connection)
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

const read = (consent: Consent | null, connection: Connection) => ({
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
