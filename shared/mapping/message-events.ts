/** Which events may become messages: the only ones whose phone numbers are sealed and kept. */
import type { Connection } from "../connections/connection.ts"
import { compile } from "./compile.ts"

/**
 * Names of the events for which one of the connections may send a message, whatever the conditions of its overrides say of
 * the single event. Connections that send none add none.
 */
export const messageEvents = (connections: ReadonlyArray<Connection>): ReadonlySet<string> => {
  const events = new Set<string>()
  for (const connection of connections) {
    const { messages, names, include, exclude } = compile(connection)
    if (messages.size === 0) continue
    const overrides = new Map(Object.entries(connection.mapping.events))
    for (const event of new Set([...messages.keys(), ...names.keys(), ...overrides.keys()])) {
      if (exclude.has(event) || (include !== null && !include.has(event))) continue
      // As `platformEventOf` names the event, with the override and without it.
      const plain = names.get(event) ?? event
      const override = overrides.get(event)
      const mayStayPlain = override === undefined || override.when.length > 0
      if ((mayStayPlain && messages.has(plain)) || messages.has(override?.to ?? plain)) events.add(event)
    }
  }
  return events
}
