/** The canonical events and currencies (`schemas/catalog`), and the form of a platform's own tables (`<kind>/catalog.json`). */
import currencyDigits from "../../../schemas/catalog/currencies.json" with { type: "json" }
import eventTable from "../../../schemas/catalog/events.json" with { type: "json" }
import { wordTable } from "../../model/text-table.ts"

/** The canonical event names, in the order of the catalog. */
export const canonicalEvents: ReadonlyArray<string> = Object.keys(eventTable)

/** ISO 4217 code → digits after the decimal point. */
export const currencies: ReadonlyMap<string, number> = new Map(Object.entries(currencyDigits))

/** The code itself, where the text is one of them. */
export const currencyCode = wordTable(currencies.keys())

/** `specification`: the names of the specification's table; `current`: those that the platform prefers today. */
export const nameSets = ["specification", "current"] as const
export type NameSet = (typeof nameSets)[number]

/** `catalog.json` of a platform's folder. */
export interface CatalogTable {
  /** Canonical event → the platform's name: the same in both name sets, or one in each. Events without a name are absent. */
  readonly events: Readonly<Record<string, string | { readonly [set in NameSet]: string }>>
  /** Names of the platform that other producers use for something else: they mean no canonical event. */
  readonly ambiguous_names?: ReadonlyArray<string>
  readonly standard_events: ReadonlyArray<string>
  /** Whether the platform takes events by other names than its standard ones. */
  readonly custom_events: boolean
  /** Documented parameters of an event's custom data; `open`: it takes others beside them. */
  readonly parameters: { readonly open: boolean; readonly names: ReadonlyArray<string> }
  /** Identifier → the probability, 0 to 1, that the platform finds the customer by it alone. */
  readonly match_quality: Readonly<Record<string, number>>
  /** The greatest age of an event by its source, in days; `default` for every source; none where none is documented. */
  readonly age_limit_days: Readonly<Record<string, number>>
  /** How far ahead of the clock an event may be; null where no time goes out. */
  readonly future_limit_seconds: number | null
}

/** A platform's tables, ready to look up. */
export interface Catalog {
  readonly names: { readonly [set in NameSet]: ReadonlyMap<string, string> }
  readonly ambiguousNames: ReadonlySet<string>
  readonly standardEvents: ReadonlyArray<string>
  readonly takesCustomEvents: boolean
  readonly parameters: { readonly open: boolean; readonly names: ReadonlySet<string> }
  readonly matchQuality: Readonly<Record<string, number>>
  readonly ageLimitMillis: Readonly<Record<string, number>>
  readonly futureLimitMillis: number | null
}

/** A name that is not canonical is a mistake of the build, since its events would never be sent: it stops the program at its start. */
export const catalogOf = (table: CatalogTable): Catalog => {
  const unknown = Object.keys(table.events).filter((event) => !canonicalEvents.includes(event))
  if (unknown.length > 0)
    throw new Error(
      `The catalog names events that are not canonical: ${unknown.join(", ")}. schemas/catalog/events.json has those that are.`
    )
  return catalogFrom(table)
}

const catalogFrom = (table: CatalogTable): Catalog => ({
  names: { specification: namesOf(table, "specification"), current: namesOf(table, "current") },
  ambiguousNames: new Set(table.ambiguous_names),
  standardEvents: table.standard_events,
  takesCustomEvents: table.custom_events,
  parameters: { open: table.parameters.open, names: new Set(table.parameters.names) },
  matchQuality: table.match_quality,
  ageLimitMillis: Object.fromEntries(
    Object.entries(table.age_limit_days).map(([source, days]) => [source, days * 86_400_000])
  ),
  futureLimitMillis: table.future_limit_seconds === null ? null : table.future_limit_seconds * 1_000
})

const namesOf = ({ events }: CatalogTable, set: NameSet): ReadonlyMap<string, string> =>
  new Map(Object.entries(events).map(([event, name]) => [event, typeof name === "string" ? name : name[set]]))
