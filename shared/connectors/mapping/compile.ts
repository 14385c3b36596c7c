/** A connection's mapping options as tables and functions, made once per connection, so that mapping an event only looks up. */
import type { Connection } from "../../connections/connection.ts"
import { type BatchGroup, batchGroup } from "../http/request.ts"
import { type CompiledMessage, compileMessage } from "../whatsapp/template.ts"
import { platformNames } from "./catalog.ts"
import { type CompiledParameter, compileConditions, compileParameters, type Predicate } from "./rules.ts"

export interface CompiledOverride {
  readonly to: string | null
  readonly action: string | null
  readonly applies: Predicate
}

export interface CompiledConnection {
  readonly connection: Connection
  /** Null takes every event. */
  readonly include: ReadonlySet<string> | null
  readonly exclude: ReadonlySet<string>
  /** Null takes every action source. */
  readonly actionSources: ReadonlySet<string> | null
  readonly overrides: ReadonlyMap<string, CompiledOverride>
  readonly names: ReadonlyMap<string, string>
  /** Names of other tools are not read as canonical ones. */
  readonly exactNames: boolean
  readonly parameters: ReadonlyArray<CompiledParameter>
  /** The rule that sets the value of the payload's custom data; null where there is none, or rules set custom variables. */
  readonly valueRule: CompiledParameter | null
  readonly messages: ReadonlyMap<string, CompiledMessage>
  /** Batch groups as text, by what tells them apart; at most one per conversion action or event source. */
  readonly groups: Map<string, string>
}

const compiled = new WeakMap<Connection, CompiledConnection>()

/** The compiled form of a connection; the same object for the same connection. */
export const compile = (connection: Connection): CompiledConnection => {
  const known = compiled.get(connection)
  if (known !== undefined) return known
  const made = compileConnection(connection)
  compiled.set(connection, made)
  return made
}

/** The text of a batch group, made once for each `key`. */
export const groupText = ({ groups }: CompiledConnection, key: string, group: BatchGroup): string => {
  const known = groups.get(key)
  if (known !== undefined) return known
  const text = batchGroup(group)
  groups.set(key, text)
  return text
}

const compileConnection = (connection: Connection): CompiledConnection => {
  const { events, mapping } = connection
  const overrides = new Map<string, CompiledOverride>()
  for (const [name, override] of Object.entries(mapping.events)) {
    overrides.set(name, { to: override.to, action: override.action, applies: compileConditions(override.when) })
  }
  const messages = new Map<string, CompiledMessage>()
  for (const [name, template] of Object.entries(mapping.templates)) {
    messages.set(name, compileMessage(template))
  }
  const parameters = compileParameters(mapping.parameters)
  return {
    connection,
    include: events.include.length === 0 ? null : new Set(events.include),
    exclude: new Set(events.exclude),
    actionSources: events.actionSources.length === 0 ? null : new Set(events.actionSources),
    overrides,
    names: platformNames(connection.kind, mapping.names),
    exactNames: mapping.eventNames === "exact",
    parameters,
    valueRule: hasCustomData.has(connection.kind) ? (parameters.find(({ name }) => name === "value") ?? null) : null,
    messages,
    groups: new Map()
  }
}

const hasCustomData: ReadonlySet<string> = new Set(["meta", "tiktok", "snapchat"])
