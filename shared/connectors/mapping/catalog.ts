/** The tables of `schemas/catalog`, typed: what a canonical event is called at each platform, and what platforms take. */
import ageLimits from "../../../schemas/catalog/age-limits.json" with { type: "json" }
import currencyDigits from "../../../schemas/catalog/currencies.json" with { type: "json" }
import eventTable from "../../../schemas/catalog/events.json" with { type: "json" }
import platformEvents from "../../../schemas/catalog/platform-events.json" with { type: "json" }
import { type ConnectorKind, type Platform, platformOf } from "../../model/platform.ts"

export type NameSet = "specification" | "current"

/** A platform's name of an event: the same in both name sets, one in each, or none. */
type PlatformName = string | null | { readonly [set in NameSet]: string }

interface EventRow {
  readonly doc: string
  readonly meta: PlatformName
  readonly google: PlatformName
  readonly tiktok: PlatformName
  readonly snapchat: PlatformName
}

const rows: Readonly<Record<string, EventRow>> = eventTable

/** The canonical event names, in the order of the catalog. */
export const canonicalEvents: ReadonlyArray<string> = Object.keys(rows)

/** What a canonical event means, for people; undefined for other names. */
export const describeEvent = (name: string): string | undefined =>
  Object.hasOwn(rows, name) ? rows[name]?.doc : undefined

/** Canonical name → the platform's name, for one kind and name set; events it has no name for are absent. */
export const platformNames = (kind: ConnectorKind, set: NameSet): ReadonlyMap<string, string> => {
  // The Google Ads API takes back a refunded conversion by an adjustment.
  const names = new Map<string, string>(kind === "google-ads" ? [["refund", "RETRACTION"]] : [])
  const platform = platformOf(kind)
  if (platform === "whatsapp") return names
  for (const [event, row] of Object.entries(rows)) {
    const name = row[platform]
    if (name === null) continue
    names.set(event, typeof name === "string" ? name : name[set])
  }
  return names
}

interface StandardEvents {
  readonly custom: string
  readonly standard: ReadonlyArray<string>
}

const standard: Readonly<Record<Platform, StandardEvents>> = platformEvents

/** The platform's own standard events. */
export const standardEvents = (platform: Platform): ReadonlyArray<string> => standard[platform].standard

/** Whether the platform takes events by names beyond its standard list. */
export const takesCustomEvents = (platform: Platform): boolean => standard[platform].custom === "any"

/** What Meta calls a lead that came by a message (Meta, business messaging). */
export const metaMessagingNames: ReadonlyMap<string, string> = new Map(Object.entries(platformEvents.meta.messaging))

/** ISO 4217 code → digits after the decimal point. */
export const currencies: ReadonlyMap<string, number> = new Map(Object.entries(currencyDigits))

const dayMillis = 86_400_000

/** The greatest age of an event in milliseconds, by connector kind and source (`default` for all); none where none is documented. */
export const ageLimitMillis = (kind: ConnectorKind, source: string): number | null => {
  const limits: Readonly<Record<string, number>> = ageLimits[kind]
  const days = limits[source] ?? limits["default"]
  return days === undefined ? null : days * dayMillis
}
