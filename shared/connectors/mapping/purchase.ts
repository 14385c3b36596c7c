/** A purchase counts money: one whose amount is given but not usable goes to no platform, by every connector alike. */
import type { NormalizedEvent } from "../../../schemas/types.gen.ts"
import type { MapResult } from "../connector.ts"
import { platformNames } from "./catalog.ts"
import { moneyFault } from "./commerce.ts"
import type { CompiledConnection } from "./compile.ts"
import { canonicalNameOf, platformEventOf } from "./event-name.ts"
import { numberFrom } from "./numbers.ts"
import { rejected } from "./result.ts"

/**
 * Why the purchase is refused: `invalid_value` or `unknown_currency`; null for other events and for usable amounts. A rule
 * of the connection that sets the payload's value speaks instead of the event's own value.
 */
export const unusablePurchase = (event: NormalizedEvent, compiled: CompiledConnection): MapResult | null => {
  const ruled = compiled.valueRule?.value(event)
  const fault = ruled === undefined ? moneyFault(event) : ruleFault(ruled)
  if (fault === null || !isPurchase(event, compiled)) return null
  return fault.field === "properties.currency"
    ? rejected("unknown_currency", "A purchase counts money, and properties.currency is not a code of ISO 4217.")
    : rejected("invalid_value", `A purchase counts money, and ${fault.field} is not a usable amount (${fault.reason}).`)
}

const ruleFault = (ruled: unknown) => {
  const value = numberFrom(ruled)
  return value._tag === "Amount" ? null : { field: "parameters.value", reason: value.reason }
}

/** By the canonical name or by the platform's; a change of an earlier conversion that carries no value is not a purchase. */
const isPurchase = (event: NormalizedEvent, compiled: CompiledConnection): boolean => {
  const name = platformEventOf(event, compiled)?.name ?? event.event_name
  if (compiled.connection.kind === "google-ads" && withoutValue.has(name)) return false
  return canonicalNameOf(event, compiled) === "purchase" || purchaseNames.has(name)
}

const withoutValue: ReadonlySet<string> = new Set(["RETRACTION", "ENHANCEMENT"])

const purchaseNames: ReadonlySet<string> = new Set(
  (["meta", "google", "tiktok", "snapchat"] as const).flatMap((kind) =>
    (["specification", "current"] as const).flatMap((set) => platformNames(kind, set).get("purchase") ?? [])
  )
)
