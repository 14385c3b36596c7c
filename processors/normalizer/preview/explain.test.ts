import { assert, describe, it } from "@effect/vitest"
import { builtinConnection } from "../../../shared/connectors/load-connections.ts"
import { connectorKinds } from "../../../shared/model/platform.ts"
import { explainJson } from "./explain.ts"

const now = 1_795_000_100_000
const event = {
  event_id: "o-1",
  event_name: "purchase",
  event_time: 1_795_000_000_123,
  action_source: "website",
  event_source_url: "https://shop.example/thanks?email=jane@shop.example",
  user: { email: "jane@shop.example", ip: "203.0.113.7", user_agent: "Mozilla/5.0", gender: "robot" },
  properties: { value: 12.5, currency: "EUR", colour: "red" },
  unheard_of: 1
}
const connections = connectorKinds.map((kind) => builtinConnection(kind))
const explain = (raw: unknown, more: Partial<(typeof connections)[number]> = {}) =>
  explainJson(JSON.stringify(raw), { connections: connections.map((connection) => ({ ...connection, ...more })), now })

describe("explaining an event", () => {
  it("says of each field what becomes of it, and why it is left out", () => {
    const byField = new Map(explain(event).fields.map(({ field, treatment, reason }) => [field, [treatment, reason]]))
    assert.deepStrictEqual(byField.get("user.email"), ["hashed", null])
    assert.deepStrictEqual(byField.get("user.ip"), ["kept", null])
    // A parameter of it.
    assert.deepStrictEqual(byField.get("event_source_url"), ["kept", "personal_data"])
    assert.deepStrictEqual(byField.get("properties.custom.colour"), ["kept", null])
    assert.strictEqual(byField.get("user.gender")![0], "left_out")
    assert.deepStrictEqual(byField.get("unheard_of"), ["left_out", "unknown_field"])
  })

  it("reads the text as the normalizer does, long integers too", () => {
    const text = JSON.stringify(event).replace('"colour":"red"', '"colour":"red","shard":12345678901234567890')
    const { fields } = explainJson(text, { connections, now })
    assert.deepInclude(
      fields.find(({ field }) => field === "properties.custom.shard"),
      { treatment: "kept", reason: null }
    )
  })

  it("names no property whose name is a person's", () => {
    const named = { ...event, properties: { ...event.properties, "jane@shop.example": 1, "Jane Doe": "x" } }
    const explained = explain(named)
    assert.notInclude(JSON.stringify(explained), "jane@shop.example")
    assert.isTrue(
      explained.fields.some(({ field, reason }) => field === "properties.custom" && reason === "personal_data")
    )
    const { event_id: _, ...refused } = named
    assert.notInclude(JSON.stringify(explain(refused)), "jane@")
  })

  it("gives each connection's payload with the person masked", () => {
    const explained = explain(event)
    const payloads = explained.connections.filter(({ outcome }) => outcome === "payload")
    assert.isAtLeast(payloads.length, 4)
    const text = JSON.stringify(explained)
    for (const personal of ["jane@shop.example", "203.0.113.7", "Mozilla"]) assert.notInclude(text, personal)
    assert.include(text, "12.5")
  })

  it("names what decided: disabled, filter, consent, age, mapping", () => {
    const decided = (raw: object, more: Parameters<typeof explain>[1] = {}) =>
      new Set(explain(raw, more).connections.map(({ decided_by }) => decided_by))
    assert.deepStrictEqual(decided(event, { enabled: false }), new Set(["disabled"]))
    const filter = { ...connections[0]!.events, include: ["lead"] }
    assert.deepStrictEqual(decided(event, { events: filter }), new Set(["filter"]))
    assert.isTrue(decided({ ...event, consent: { ad_user_data: "denied" } }).has("consent"))
    const mapping = { ...connections[0]!.mapping, maxAgeDays: 7 }
    assert.isTrue(decided({ ...event, event_time: now - 40 * 86_400_000 }, { mapping }).has("age"))
    assert.isTrue(decided({ ...event, event_name: "never heard of" }).has("mapping"))
  })

  it("says why the normalizer refuses an event, and asks no connection then", () => {
    const { event_id: _, ...without } = event
    const explained = explain(without)
    assert.strictEqual(explained.refused?.reason, "missing_event_id")
    assert.deepStrictEqual(explained.connections, [])
    assert.strictEqual(explain("text").refused?.reason, "not_avro_not_json")
  })
})
