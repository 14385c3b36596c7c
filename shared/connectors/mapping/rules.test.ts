import { assert, describe, it } from "@effect/vitest"
import type { Condition } from "../../connections/connection.ts"
import { properties, purchase } from "../../testing/event-fixture.ts"
import type { Dropped, PayloadBuilder } from "./payload.ts"
import {
  applyParameters,
  compileConditions,
  compileParameters,
  compilePath,
  compileTemplate,
  templateLengthMax
} from "./rules.ts"

const event = purchase({
  properties: properties({ value: 10, currency: "USD", order_id: "o-1", custom: { plan: "pro", "a.b": 1, gone: null } })
})

describe("paths", () => {
  it("read own values of the event, and nothing else", () => {
    assert.strictEqual(compilePath("properties.value")(event), 10)
    assert.strictEqual(compilePath("properties.custom.plan")(event), "pro")
    assert.strictEqual(compilePath("properties.custom.a.b")(event), 1)
    assert.strictEqual(compilePath("user.country_code")(event), "US")
    for (const absent of [
      "properties.custom.gone",
      "properties.none.x",
      "constructor",
      "properties.__proto__",
      "",
      "app.app_id"
    ])
      assert.strictEqual(compilePath(absent)(event), undefined, absent)
  })
})

describe("conditions", () => {
  const holds = (path: string, op: Condition["op"], value: Condition["value"] = null) =>
    compileConditions([{ path, op, value }])(event)

  it("compare as they say", () => {
    assert.isTrue(holds("properties.value", "gt", 9))
    assert.isFalse(holds("properties.value", "gt", 10))
    assert.isTrue(holds("properties.value", "gte", 10))
    assert.isTrue(holds("properties.value", "lt", 11))
    assert.isTrue(holds("properties.value", "lte", 10))
    assert.isTrue(holds("properties.currency", "eq", "USD"))
    assert.isTrue(holds("properties.currency", "ne", "EUR"))
    assert.isTrue(holds("properties.currency", "in", ["EUR", "USD"]))
    assert.isTrue(holds("properties.order_id", "exists"))
    assert.isTrue(holds("properties.coupon", "missing"))
  })

  it("hold for an absent value only where they say so", () => {
    for (const op of ["eq", "gt", "gte", "lt", "lte", "in", "exists"] as const)
      assert.isFalse(holds("properties.coupon", op, null), op)
    assert.isTrue(holds("properties.coupon", "ne", "x"))
  })

  it("compare a number with a number only, and must all hold", () => {
    assert.isFalse(holds("properties.order_id", "gt", 1))
    const both = compileConditions([
      { path: "properties.value", op: "gt", value: 1 },
      { path: "properties.value", op: "gt", value: 100 }
    ])
    assert.isFalse(both(event))
    assert.isTrue(compileConditions([])(event))
  })
})

describe("templates", () => {
  it("put values in place, and braces where they are doubled", () => {
    assert.deepStrictEqual(compileTemplate("order {properties.order_id}: {{{properties.value}}}")(event), {
      _tag: "Text",
      text: "order o-1: {10}"
    })
    assert.deepStrictEqual(compileTemplate("plain")(event), { _tag: "Text", text: "plain" })
  })

  it("name the path without a value, and are bounded", () => {
    assert.deepStrictEqual(compileTemplate("{properties.coupon}")(event), {
      _tag: "Missing",
      path: "properties.coupon"
    })
    assert.deepStrictEqual(compileTemplate("{properties.items}")(event), { _tag: "Missing", path: "properties.items" })
    const long = compileTemplate("x".repeat(5000))(event)
    assert.strictEqual(long._tag === "Text" ? long.text.length : 0, templateLengthMax)
  })
})

describe("parameter rules", () => {
  it("set values in the order of their names, over what stands there, and say what has none", () => {
    const target: PayloadBuilder = { value: 1 }
    const dropped: Array<Dropped> = []
    const rules = compileParameters({
      value: { _tag: "From", path: "properties.value" },
      label: { _tag: "Template", template: "{properties.order_id}!" },
      kind: { _tag: "Constant", value: { nested: true } },
      absent: { _tag: "From", path: "properties.coupon" }
    })
    applyParameters(target, rules, event, dropped)
    assert.strictEqual(JSON.stringify(target), '{"value":10,"kind":{"nested":true},"label":"o-1!"}')
    assert.deepStrictEqual(dropped, [{ field: "parameters.absent", reason: "no_value" }])
  })
})
