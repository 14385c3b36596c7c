/** Which events may become messages: the only ones whose phone numbers are sealed and kept. */
import type { Connection } from "../../connections/connection.ts"
import { memo } from "../../model/memo.ts"
import type { CompiledConnection } from "../connector.ts"
import { compile } from "./compile.ts"
import { takesName } from "./event-name.ts"

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
