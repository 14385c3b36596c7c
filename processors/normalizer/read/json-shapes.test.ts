import { assert, describe, it } from "@effect/vitest"
import { rawEventFromJson } from "./read-record.ts"

const event = { event_id: "e", event_name: "lead", event_time: 1795824000000 }
const read = (fields: object) => {
  const result = rawEventFromJson({ ...event, ...fields })
  return result._tag === "Read" ? result : assert.fail(result.problem.message)
}

describe("the shapes that producers' JSON has", () => {
  it("an empty list in the place of an object says nothing, as PHP writes an empty map", () => {
    const { raw, dropped } = read({ user: [], consent: [], app: [], properties: { custom: [] } })
    assert.deepStrictEqual([raw.user, raw.consent, raw.app, raw.properties?.custom], [null, null, null, {}])
    assert.deepStrictEqual(dropped, [])
  })

  it("a list that is not an object is left out", () => {
    const { raw, dropped } = read({ consent: ["granted"], app: ["x"] })
    assert.strictEqual(raw.consent?.ad_user_data, "unreadable")
    assert.deepStrictEqual(dropped, [{ field: "app", reason: "invalid_type" }])
  })

  it("an object with the numbers of its elements as keys is a list", () => {
    const { raw, dropped } = read({
      user: { email: { "0": "a@shop.example", "3": "b@shop.example" } },
      properties: { items: { "1": { id: "a" }, "4": { id: "b", price: "x" } } },
      app: { extinfo: { "0": "a2", "1": null } }
    })
    assert.deepStrictEqual(raw.user?.email, ["a@shop.example", "b@shop.example"])
    assert.deepStrictEqual(
      raw.properties?.items.map(({ id }) => id),
      ["a", "b"]
    )
    assert.deepStrictEqual(raw.app?.extinfo, ["a2", ""])
    assert.deepStrictEqual(dropped, [{ field: "properties.items[1].price", reason: "not_a_number" }])
  })

  it("one product without a list is a list of one; other objects are none", () => {
    const items = (value: unknown) => read({ properties: { items: value } })
    assert.deepStrictEqual(
      items({ id: 7 }).raw.properties?.items.map(({ id }) => id),
      ["7"]
    )
    for (const value of [{ sku: "a" }, { "01": { id: "a" } }, {}, "a", 1]) {
      assert.deepStrictEqual(items(value).raw.properties?.items, [])
      assert.deepStrictEqual(items(value).dropped, [{ field: "properties.items", reason: "invalid_type" }])
    }
  })

  it.each([
    [{ schema: {}, payload: event }, "The event has no event_id: it is under payload. Publish what is there alone."],
    [{ specversion: "1.0", data: event }, "The event has no event_id: it is under data. Publish what is there alone."],
    [
      { ...event, event_id: undefined, eventId: "e" },
      "The event has no event_id; eventId is not a known field. Did you mean it?"
    ],
    [
      { ...event, event_time: null, timestamp: 1 },
      "The event has no event_time; timestamp is not a known field. Did you mean it?"
    ],
    [{ ...event, event_name: null, payload: "event_name" }, "The event has no event_name."],
    [{ ...event, event_id: null, "jane@shop.example": 1 }, "The event has no event_id."]
  ])("the message says where the field may be: %j", (json, message) => {
    const result = rawEventFromJson(json)
    assert.strictEqual(result._tag === "Problem" ? result.problem.message : result._tag, message)
  })

  it.each([
    ["event_id", 2 ** 60, "invalid_event_id"],
    ["event_id", { a: 1 }, "invalid_event_id"],
    ["event_id", null, "missing_event_id"],
    ["event_name", 1.5, "invalid_event_name"],
    ["event_name", true, "invalid_event_name"],
    ["event_name", undefined, "missing_event_name"]
  ])("%s %s is refused as %s", (field, value, reason) => {
    const result = rawEventFromJson({ event_id: "e", event_name: "lead", event_time: 1795824000000, [field]: value })
    assert.strictEqual(result._tag === "Problem" ? result.problem.reason : result._tag, reason)
  })
})
