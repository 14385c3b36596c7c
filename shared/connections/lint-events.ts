/** Checks a connection's event names against the catalog: likely slips become warnings, impossible names errors. */
import type { Connection } from "./connection.ts"
import type { ConnectorCatalog, EventNames } from "./connector-rules.ts"
import { didYouMean, suggestion } from "./did-you-mean.ts"
import { quote, type Section } from "./section.ts"
import type { Found } from "./yaml-reader.ts"

export const lintEvents = (section: Section, connection: Connection, catalog: ConnectorCatalog): void => {
  const { canonicalEvents, canonicalName } = catalog
  const { reader } = section
  const mapping = section.section("mapping")
  const overrides = mapping.section("events").entries()
  const templates = mapping.section("templates").entries()
  const known = new Set([...canonicalEvents, ...overrides.map(([name]) => name), ...templates.map(([name]) => name)])
  const filter = section.section("events")
  const isOfTool = (name: string): boolean => connection.mapping.eventNames !== "exact" && canonicalName(name) !== name
  for (const found of [...filter.texts("include"), ...filter.texts("exclude")])
    if (!known.has(found.text) && !isOfTool(found.text))
      reader.warn(
        found,
        `${quote(found.text)} is neither a canonical event nor mapped by this connection.${suggestion(found.text, known)}`
      )
  // A custom name that differs from a canonical one by a letter is most likely a slip.
  for (const [name, found] of [...overrides, ...templates]) {
    const meant = canonicalEvents.includes(name) ? null : didYouMean(name, canonicalEvents)
    if (meant !== null && name.length > 3 && Math.abs(name.length - meant.length) <= 1)
      reader.warn(found, `${quote(name)} is no canonical event. Did you mean ${meant}?`)
  }
  if (catalog.rulesOf(connection.kind).messageTemplates) {
    if (connection.enabled && templates.length === 0)
      reader.warn(section.at, "Without templates this connection sends nothing.", "mapping: templates: …")
    return
  }
  for (const [name, found] of overrides)
    lintTarget(section, connection, catalog.eventNamesOf(connection.kind), name, found)
}

/** A custom name that differs from a standard one by more letters is meant as it stands. */
const slipChangesMax = 1

const lintTarget = (
  section: Section,
  connection: Connection,
  { standard, custom }: EventNames,
  name: string,
  found: Found
): void => {
  const to = connection.mapping.events[name]?.to ?? null
  if (to === null) return
  if (standard.length === 0 || standard.includes(to)) return
  const near = didYouMean(to, standard, slipChangesMax)
  if (!custom)
    section.reader.error(
      found,
      `${connection.kind} has no event ${quote(to)}.${suggestion(to, standard)}`,
      standard.join(", ")
    )
  else if (near !== null)
    section.reader.warn(found, `${quote(to)} will be sent as a custom event. Did you mean ${near}?`)
}
