/** A connection's mapping options as tables and functions, made once for each connection, so that mapping an event only looks up. */
import type { Connection } from "../../connections/connection.ts"
import type { CompiledConnection, CompiledOverride, MappingContext } from "../connector.ts"
import { connectorFor } from "../registry.ts"
import { canonicalName } from "./canonical-name.ts"
import { compileConditions, compileParameters } from "./rules.ts"

const compiled = new WeakMap<Connection, CompiledConnection>()

/** The compiled form of a connection; the same object for the same connection. */
export const compile = (connection: Connection): CompiledConnection => {
  const known = compiled.get(connection)
  if (known !== undefined) return known
  const made = compileConnection(connection)
  compiled.set(connection, made)
  return made
}

/** What a connector's `mapEvent` needs beside the event. `now` in milliseconds; null checks no age. */
export const mappingContext = (connection: Connection, now: number | null): MappingContext => ({
  connection,
  compiled: compile(connection),
  now
})

const compileConnection = (connection: Connection): CompiledConnection => {
  const { events, mapping } = connection
  const connector = connectorFor(connection.kind)
  const overrides = new Map<string, CompiledOverride>()
  for (const [name, override] of Object.entries(mapping.events)) {
    overrides.set(name, { to: override.to, action: override.action, applies: compileConditions(override.when) })
  }
  const parameters = compileParameters(mapping.parameters)
  return {
    connection,
    connector,
    include: events.include.length === 0 ? null : new Set(events.include),
    exclude: new Set(events.exclude),
    actionSources: events.actionSources.length === 0 ? null : new Set(events.actionSources),
    overrides,
    names: connector.catalog.names[mapping.names],
    canonicalName: mapping.eventNames === "exact" ? (name) => name : canonicalName,
    parameters,
    freeProperties: mapping.freeProperties === undefined ? null : new Set(mapping.freeProperties),
    valueRule: connector.valueParameter === true ? (parameters.find(({ name }) => name === "value") ?? null) : null,
    groups: new Map()
  }
}
