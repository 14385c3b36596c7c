/** A connection's mapping options as tables and functions, made once for each connection, so that mapping an event only looks up. */

import toolNames from "../../../schemas/catalog/event-names.json" with { type: "json" }
import type { Connection } from "../../connections/connection.ts"
import { memo } from "../../model/memo.ts"
import { wordTable } from "../../model/text-table.ts"
import type { CompiledConnection, CompiledOverride, MappingContext } from "../connector.ts"
import { connectorFor, connectors } from "../registry.ts"
import { canonicalEvents, nameSets } from "./catalog.ts"
import { compileConditions, compileParameters } from "./rules.ts"
import { takesName } from "./start.ts"

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

/** What a tool calls the canonical events: canonical name → its names, as the tool writes them. */
export const namesByTool: Readonly<Record<string, Readonly<Record<string, ReadonlyArray<string>>>>> = toolNames

/**
 * The canonical name, or the name itself where no tool is known to use it. Only letters and digits count, in any case:
 * `Order Completed`, `order_completed`, `OrderCompleted` and `orders/paid` are purchases. Nothing is guessed from likeness.
 */
export const canonicalName = (name: string): string => canonical(name) ?? ofOtherName(name)

const canonical = wordTable(canonicalEvents)

/** A producer has few names, which come again with every event. */
const ofOtherName: (name: string) => string = memo(1_024, (name) => canonicalOf.get(folded(name)) ?? name)

/** What counts in a name. */
export const folded = (name: string): string => name.toLowerCase().replace(/[^\p{L}\p{N}]+/gu, "")

/** Canonical names come first, then those of tools, then the platforms' own, of which the first event in the catalog has the word. */
const canonicalOf: ReadonlyMap<string, string> = (() => {
  const names = new Map<string, string>()
  const add = (name: string, event: string): void => {
    const key = folded(name)
    if (!names.has(key)) names.set(key, event)
  }
  for (const event of canonicalEvents) add(event, event)
  for (const tool of Object.values(namesByTool)) {
    for (const [event, list] of Object.entries(tool)) for (const name of list) add(name, event)
  }
  for (const { kind, platform, catalog } of Object.values(connectors)) {
    // A platform's further kinds use the names of its first one.
    if (kind !== platform) continue
    for (const set of nameSets) {
      for (const [event, name] of catalog.names[set]) if (!catalog.ambiguousNames.has(name)) add(name, event)
    }
  }
  return names
})()

export interface MessageEvents {
  /** No connection sends messages. */
  readonly isEmpty: boolean
  /** Whether events of this name may become messages, whatever the conditions of overrides say of the single event. */
  readonly has: (name: string) => boolean
}

/** The events for which one of the connections may send a message. Connections that send none add none. */
export const messageEvents = (connections: ReadonlyArray<Connection>): MessageEvents => {
  const senders = connections
    .map(compile)
    .filter(({ connection }) => Object.keys(connection.mapping.templates).length > 0)
  return {
    isEmpty: senders.length === 0,
    has: memo(1_024, (name) =>
      senders.some((compiled) => takesName(name, compiled) && mayBecomeMessage(name, compiled))
    )
  }
}

/** As `templateOf` finds the template, with every override whose conditions may hold and without those that have any. */
const mayBecomeMessage = (name: string, compiled: CompiledConnection): boolean => {
  const { events, templates } = compiled.connection.mapping
  const canonical = compiled.canonicalName(name)
  const hasPlain = Object.hasOwn(templates, name) || Object.hasOwn(templates, canonical)
  for (const key of canonical === name ? [name] : [name, canonical]) {
    if (!Object.hasOwn(events, key)) continue
    const { to, when } = events[key]!
    if (to === null ? hasPlain : Object.hasOwn(templates, to)) return true
    if (when.length === 0) return false
  }
  return hasPlain
}
