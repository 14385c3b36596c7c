import { assert, it } from "@effect/vitest"
import * as fc from "fast-check"
import type { Connection } from "../../connections/connection.ts"
import { properties, purchase } from "../../testing/event-fixture.ts"
import { builtinConnection } from "../load-connections.ts"
import { connectors } from "../registry.ts"
import { canonicalName, messageEvents } from "./compile.ts"
import { mapForConnection } from "./map.ts"

const whatsapp = builtinConnection("whatsapp")
const names = ["purchase", "lead", "sign_up", "first_order", "Order Completed", "orders/paid", "SubmitForm"]
const someNames = fc.uniqueArray(fc.constantFrom(...names))

/** Connections with any templates, overrides, conditions and filters. */
const connections: fc.Arbitrary<Connection> = fc
  .record({
    templates: someNames,
    overrides: fc.dictionary(
      fc.constantFrom(...names),
      fc.record({
        to: fc.option(fc.constantFrom(...names)),
        action: fc.constant(null),
        when: fc.constantFrom([], [{ path: "properties.value", op: "gt" as const, value: 100 }])
      })
    ),
    exact: fc.boolean(),
    include: fc.oneof(fc.constant([]), someNames),
    exclude: fc.oneof(fc.constant([]), someNames)
  })
  .map(({ templates, overrides, exact, include, exclude }) => ({
    ...whatsapp,
    events: { include, exclude, actionSources: [] },
    mapping: {
      ...whatsapp.mapping,
      ...(exact ? { eventNames: "exact" as const } : {}),
      events: overrides,
      templates: Object.fromEntries(templates.map((name) => [name, { name, language: "en_US", body: [] }]))
    }
  }))

it("names every event that the mapper makes a message of, and none that it can make none of", () => {
  let sent = 0
  fc.assert(
    fc.property(connections, fc.constantFrom(...names), (connection, name) => {
      const messages = messageEvents([builtinConnection("meta"), connection])
      const map = (amount: number) => {
        const event = purchase({ event_name: name, properties: properties({ value: amount }) })
        return mapForConnection(event, connection, connectors.whatsapp, null)._tag === "Mapped"
      }
      const may = map(50) || map(500)
      if (may) sent++
      const { events } = connection.mapping
      // The conditions of two overrides might hold one without the other; here they are the same.
      const isOneRule = canonicalName(name) === name || !(name in events && canonicalName(name) in events)
      if (may || isOneRule) assert.strictEqual(messages.has(name), may)
    }),
    { numRuns: 2000 }
  )
  assert.isAbove(sent, 200)
})
