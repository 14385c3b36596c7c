import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { emptyNormalizedUser } from "../../../schemas/values.gen.ts"
import { connectorKinds } from "../../model/platform.ts"
import { connectionOf, eventTime, item, jane, properties, purchase } from "../../testing/event-fixture.ts"
import { clickIds, connectors } from "../registry.ts"
import { canonicalEvents } from "./catalog.ts"
import { mapForConnection, matchQuality, missingIdentifiers } from "./map.ts"

const { meta } = connectors
const filtered = (events: Partial<ReturnType<typeof connectionOf>["events"]>) => {
  const base = connectionOf("meta")
  const mapped = mapForConnection(purchase(), { ...base, events: { ...base.events, ...events } }, meta, null)
  return mapped._tag === "Mapped" ? "mapped" : mapped.reason
}

describe("mapping for a connection", () => {
  it("filters by name and action source; exclude wins", () => {
    assert.strictEqual(filtered({}), "mapped")
    assert.strictEqual(filtered({ include: ["lead"] }), "filter")
    assert.strictEqual(filtered({ include: ["purchase"] }), "mapped")
    assert.strictEqual(filtered({ include: ["purchase"], exclude: ["purchase"] }), "filter")
    assert.strictEqual(filtered({ actionSources: ["app"] }), "filter")
    assert.strictEqual(filtered({ actionSources: ["website"] }), "mapped")
  })

  it("applies an override only where its conditions hold", () => {
    const when = [{ path: "properties.value", op: "gt" as const, value: 1000 }]
    const big = connectionOf("meta", { events: { purchase: { to: "BigPurchase", action: null, when } } })
    const nameOf = (value: number) => {
      const event = purchase({ properties: properties({ value, currency: "USD" }) })
      const mapped = mapForConnection(event, big, meta, null)
      return mapped._tag === "Mapped" ? mapped.event.platform_event : mapped.reason
    }
    assert.strictEqual(nameOf(1001), "BigPurchase")
    assert.strictEqual(nameOf(10), "Purchase")
  })

  it("records the version, the source, the quality and what was left out", () => {
    const phones = [{ ...jane.phones[0]!, default_country: "DE" }]
    const event = purchase({
      user: { ...jane, phones },
      dropped_fields: [{ field: "user.zip", reason: "invalid_zip" }]
    })
    const mapped = mapForConnection(event, connectionOf("meta", { version: "v7" }), meta, null)
    if (mapped._tag !== "Mapped") return assert.fail(mapped.message)
    assert.strictEqual(mapped.event.mapping_version, "v7")
    assert.deepStrictEqual(mapped.event.source, event.source)
    assert.deepStrictEqual(mapped.event.dropped_fields, [
      { field: "user.zip", reason: "invalid_zip" },
      { field: "user.phone", reason: "phone_country_unknown" }
    ])
    assert.notInclude(mapped.event.payload, phones[0]!.digits)
  })

  it("gives every canonical event one outcome at every kind of platform, and the same bytes again", () => {
    for (const kind of connectorKinds) {
      for (const name of canonicalEvents) {
        const map = () =>
          mapForConnection(purchase({ event_name: name }), connectionOf(kind), connectors[kind], eventTime)
        const first = map()
        if (first._tag !== "Mapped") assert.strictEqual(first.reason, "no_mapping", `${kind} ${name}`)
        assert.deepStrictEqual(map(), first)
      }
    }
  })

  it("makes valid JSON of any numbers and texts, or rejects them", () => {
    const anyItem = fc.record({ id: fc.string(), price: fc.option(fc.double()), quantity: fc.option(fc.double()) })
    const anything = fc.record({
      value: fc.option(fc.double()),
      currency: fc.option(fc.oneof(fc.string(), fc.constant("USD"))),
      num_items: fc.option(fc.double()),
      search_string: fc.option(fc.string()),
      items: fc.array(
        anyItem.map((fields) => item(fields)),
        { maxLength: 3 }
      ),
      custom: fc.dictionary(fc.string(), fc.oneof(fc.string(), fc.double(), fc.boolean(), fc.constant(null)))
    })
    fc.assert(
      fc.property(anything, fc.constantFrom(...connectorKinds), (fields, kind) => {
        const event = purchase({ properties: properties(fields) })
        const mapped = mapForConnection(event, connectionOf(kind), connectors[kind], null)
        if (mapped._tag !== "Mapped") return
        const hasNull = JSON.stringify(JSON.parse(mapped.event.payload), (_, value) =>
          value === null ? "NULL!" : value
        )
        assert.notInclude(hasNull, '"NULL!"')
      })
    )
  })
})

describe("match quality", () => {
  it("rises with each identifier, from 0 to 10", () => {
    for (const kind of connectorKinds) {
      const connection = connectionOf(kind)
      assert.strictEqual(matchQuality(emptyNormalizedUser, connection), 0)
      const full = matchQuality({ ...jane, fbc: "fb.1.1.x", madid: "m" }, connection)
      assert.isAbove(full, 7)
      assert.isAtMost(full, 10)
    }
    const meta = connectionOf("meta")
    assert.strictEqual(matchQuality({ ...emptyNormalizedUser, email: ["x"] }, meta), 5.5)
    assert.isAbove(matchQuality({ ...emptyNormalizedUser, email: ["x"], fbp: "y" }, meta), 5.5)
  })

  it("says what is missing, the most helpful first", () => {
    const missing = missingIdentifiers({ ...emptyNormalizedUser, email: ["x"] }, connectionOf("snapchat"))
    assert.deepStrictEqual(missing[0], { name: "madid", gain: 2.5 })
    assert.notInclude(
      missing.map(({ name }) => name),
      "email"
    )
  })

  it("has a test of presence for every weight", () => {
    const fields = Object.entries(jane).map(([name, value]) => [name, value ?? "x"])
    const click_ids = Object.fromEntries(clickIds.map(({ parameter }) => [parameter, "x"]))
    const everything = { ...jane, ...Object.fromEntries(fields), click_ids }
    for (const kind of connectorKinds)
      assert.deepStrictEqual(missingIdentifiers(everything, connectionOf(kind)), [], kind)
  })
})
