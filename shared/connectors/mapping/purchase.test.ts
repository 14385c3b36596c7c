import { assert, describe, it } from "@effect/vitest"
import { previewEvent } from "../../../processors/normalizer/preview/preview-event.ts"
import type { ParameterRule } from "../../connections/connection.ts"
import { type ConnectorKind, connectorKinds } from "../../model/platform.ts"
import { builtinConnection } from "../load-connections.ts"

const time = 1_795_000_000_000
const raw = {
  event_id: "e-1",
  event_name: "purchase",
  event_time: time,
  action_source: "website",
  event_source_url: "https://shop.example/thanks",
  user: { email: "ann.lee@shop.example", phone: "+14155552671", ip: "8.8.8.8", user_agent: "Mozilla/5.0" },
  consent: { ad_user_data: "granted" }
}
const outcome = (properties: object, kind: ConnectorKind, event: object = {}, mapping: object = {}) => {
  const builtin = builtinConnection(kind)
  const connection = { ...builtin, mapping: { ...builtin.mapping, ...mapping } }
  const prepared = previewEvent({ ...raw, properties, ...event }, connection, time)
  return prepared.outcome === "payload" ? "payload" : `${prepared.outcome}:${prepared.reason}`
}

describe("a purchase", () => {
  const unusable: ReadonlyArray<unknown> = [-49.9, "-1", "abc", "(null)", "1,299.00", "$5", 1e15, "1e15", {}, [], true]
  it.each(unusable.map((value) => [value]))("with the value %j is refused by every connector alike", (value) => {
    for (const kind of connectorKinds) {
      assert.strictEqual(outcome({ value, currency: "EUR" }, kind), "rejected:invalid_value", kind)
    }
  })

  it("whose value has an unknown currency is refused by every connector alike", () => {
    for (const kind of connectorKinds) {
      assert.strictEqual(outcome({ value: 10, currency: "Galleon" }, kind), "rejected:unknown_currency", kind)
      assert.strictEqual(outcome({ value: 10, currency: " eur " }, kind), "payload", kind)
    }
  })

  it("without a value is refused only where the platform asks for one", () => {
    const refused = ["meta", "snapchat"]
    for (const kind of connectorKinds) {
      for (const properties of [{}, { value: null }, { value: " " }]) {
        const expected = refused.includes(kind) ? "rejected:missing_value" : "payload"
        assert.strictEqual(outcome(properties, kind), expected, kind)
      }
    }
  })

  it("is one by the platform's name too, and not meant for a connection for the same reasons as ever", () => {
    const orders = { events: { paid: { to: "Purchase", action: null, when: [] } } }
    assert.strictEqual(outcome({ value: "abc" }, "meta", { event_name: "paid" }, orders), "rejected:invalid_value")
    assert.strictEqual(outcome({ value: "abc" }, "meta", { consent: { ad_user_data: "denied" } }), "skipped:consent")
    const old = { event_time: time - 8 * 86_400_000 }
    assert.strictEqual(outcome({ value: "abc" }, "meta", old, { maxAgeDays: 7 }), "rejected:event_too_old")
  })

  it("takes the value that a rule of the connection gives", () => {
    const rule = (path: string): Readonly<Record<string, ParameterRule>> => ({ value: { _tag: "From", path } })
    for (const kind of ["meta", "tiktok", "snapchat"] as const) {
      const repaired = (total: unknown) =>
        outcome({ value: "abc", currency: "EUR", total }, kind, {}, { parameters: rule("properties.custom.total") })
      assert.strictEqual(repaired("12.50"), "payload", kind)
      assert.strictEqual(repaired("twelve"), "rejected:invalid_value", kind)
      assert.strictEqual(repaired(undefined), "rejected:invalid_value", kind)
    }
  })
})

describe("another event", () => {
  it("goes on without the amount that is not usable", () => {
    for (const kind of connectorKinds) {
      for (const value of unusableOfCarts) {
        const found = outcome({ value, currency: "Galleon", items: [{ id: "s1", price: value }] }, kind, cart)
        assert.strictEqual(found, "payload", `${kind}: ${String(value)}`)
      }
    }
  })

  it("goes on without any amount where its currency is not one: alone it would count in the account's currency", () => {
    const properties = { value: 10, currency: "Galleon", predicted_ltv: 50, items: [{ id: "s1", price: 5 }] }
    for (const kind of connectorKinds) {
      if (kind === "whatsapp") continue
      const prepared = previewEvent({ ...raw, ...cart, properties }, builtinConnection(kind))
      const text = JSON.stringify(prepared.outcome === "payload" ? prepared.payload : null)
      assert.include(text, "s1", kind)
      assert.notMatch(text, /"(?:value|conversionValue|predicted_ltv|price|item_price|unitPrice)"/, kind)
      const notes = prepared.dropped_fields.map(({ field, reason }) => `${field} ${reason}`)
      assert.includeMembers(notes, ["properties.currency unknown_currency", "properties.value unknown_currency"], kind)
    }
    const sent = (parameters: Readonly<Record<string, ParameterRule>>) => {
      const builtin = builtinConnection("meta")
      const connection = { ...builtin, mapping: { ...builtin.mapping, parameters } }
      const prepared = previewEvent({ ...raw, ...cart, properties }, connection)
      return prepared.outcome === "payload" ? prepared.payload["custom_data"] : null
    }
    assert.deepInclude(sent({ currency: { _tag: "Constant", value: "eur" } }), {
      value: 10,
      currency: "EUR",
      predicted_ltv: 50
    })
    assert.notProperty(sent({ currency: { _tag: "Constant", value: "euro" } }), "value")
    assert.deepInclude(sent({ value: { _tag: "Constant", value: 7 } }), { value: 7 })
  })

  it("goes on without what else counts money, which it has as free properties, and without such amounts that are too large", () => {
    const sent = (kind: "meta" | "tiktok" | "snapchat" | "pinterest", properties: object) => {
      const prepared = previewEvent({ ...raw, ...cart, properties }, builtinConnection(kind))
      const payload = prepared.outcome === "payload" ? prepared.payload : {}
      return JSON.stringify(payload[kind === "tiktok" ? "properties" : "custom_data"] ?? null)
    }
    const money = { net_revenue: 9, predicted_ltv: "50", custom: { predicted_ltv: 40 } }
    for (const kind of ["meta", "tiktok", "snapchat", "pinterest"] as const) {
      assert.notMatch(sent(kind, { ...money, value: 10, currency: "Galleon" }), /net_revenue|predicted_ltv/, kind)
      assert.notInclude(
        sent(kind, { currency: "USD", custom: { net_revenue: 2e13, predicted_ltv: 2e13 } }),
        "20000000000000"
      )
    }
    assert.include(sent("meta", { currency: "USD", custom: { net_revenue: 9 } }), '"net_revenue":9')
    assert.notMatch(
      sent("tiktok", { currency: "XOF", custom: { net_revenue: 9, predicted_ltv: 8 } }),
      /net_revenue|ltv/
    )
  })

  it("keeps prices from TikTok where a rule gives a currency outside of its list", () => {
    const builtin = builtinConnection("tiktok")
    const parameters = { currency: { _tag: "Constant", value: "XOF" } } as const
    const connection = { ...builtin, mapping: { ...builtin.mapping, parameters } }
    const prepared = previewEvent(
      { ...raw, ...cart, properties: { value: 9, items: [{ id: "s1", price: 5 }] } },
      connection
    )
    assert.deepInclude(prepared.outcome === "payload" ? prepared.payload["properties"] : null, {
      contents: [{ content_id: "s1", quantity: 1 }]
    })
  })

  it("takes no amount from a rule that is too large", () => {
    const builtin = builtinConnection("meta")
    const parameters = { value: { _tag: "From", path: "properties.custom.margin" } } as const
    const connection = { ...builtin, mapping: { ...builtin.mapping, parameters } }
    const properties = { currency: "USD", custom: { margin: 2e13 } }
    const prepared = previewEvent({ ...raw, ...cart, properties }, connection)
    assert.deepInclude(prepared.dropped_fields, { field: "parameters.value", reason: "too_large" })
  })

  it("keeps its currency where a rule gives none, and without one no amount", () => {
    const sent = (properties: object) => {
      const builtin = builtinConnection("meta")
      const parameters = { currency: { _tag: "From", path: "properties.custom.paid_in" } } as const
      const connection = { ...builtin, mapping: { ...builtin.mapping, parameters } }
      const prepared = previewEvent({ ...raw, ...cart, properties }, connection)
      return prepared.outcome === "payload" ? prepared.payload["custom_data"] : null
    }
    const custom = { paid_in: "Yen" }
    assert.deepStrictEqual(sent({ value: 10, currency: "USD", custom }), { currency: "USD", paid_in: "Yen", value: 10 })
    assert.deepStrictEqual(sent({ value: 10, predicted_ltv: 50, custom }), custom)
    assert.deepInclude(sent({ value: 10, custom: { paid_in: "jpy" } }), { value: 10, currency: "JPY" })
  })

  it("leaves out what is not usable of an item, and names it by its place in the raw event", () => {
    const items = [
      7,
      { id: "a", quantity: "(null)", price: 1 },
      { name: "no id" },
      { id: "b", quantity: 0 },
      { id: "c" }
    ]
    const prepared = previewEvent({ ...raw, ...cart, properties: { items } }, builtinConnection("tiktok"))
    const sent = prepared.outcome === "payload" ? prepared.payload["properties"] : null
    assert.deepStrictEqual((sent as Record<string, unknown>)["contents"], [
      { content_id: "a", price: 1 },
      { content_id: "b" },
      { content_id: "c", quantity: 1 }
    ])
    assert.deepStrictEqual(
      prepared.dropped_fields.map(({ field, reason }) => `${field} ${reason}`),
      [
        "properties.items[1].quantity not_a_number",
        "properties.items[0] missing_item_id",
        "properties.items[2] missing_item_id",
        "properties.items[3].quantity not_positive"
      ]
    )
  })

  it("sends what a rule gives as an amount or a currency only where it is one", () => {
    const parameters: Readonly<Record<string, ParameterRule>> = {
      value: { _tag: "From", path: "properties.custom.total" },
      currency: { _tag: "Constant", value: "euro" }
    }
    const builtin = builtinConnection("meta")
    const connection = { ...builtin, mapping: { ...builtin.mapping, parameters } }
    const prepared = previewEvent({ ...raw, ...cart, properties: { custom: { total: "12,5" } } }, connection)
    assert.deepStrictEqual(
      prepared.dropped_fields.map(({ field, reason }) => `${field} ${reason}`),
      ["parameters.value not_a_number", "parameters.currency unknown_currency"]
    )
    assert.deepStrictEqual(prepared.outcome === "payload" ? prepared.payload["custom_data"] : null, { total: "12,5" })
  })
})

const cart = { event_name: "add_to_cart" }
const unusableOfCarts: ReadonlyArray<unknown> = [-1, "abc", "(null)", 1e15, {}, true]

describe("a content type", () => {
  it("goes only beside contents", () => {
    const customData = (kind: "meta" | "tiktok" | "snapchat", properties: object) => {
      const prepared = previewEvent({ ...raw, event_name: "view_item", properties }, builtinConnection(kind))
      const data =
        prepared.outcome === "payload" ? prepared.payload[kind === "tiktok" ? "properties" : "custom_data"] : null
      return [(data as Record<string, unknown> | undefined)?.["content_type"], prepared.dropped_fields.at(-1)?.reason]
    }
    for (const kind of ["meta", "tiktok", "snapchat"] as const) {
      assert.deepStrictEqual(customData(kind, { content_type: "product" }), [undefined, "without_contents"], kind)
      assert.deepStrictEqual(customData(kind, { content_type: "product", items: [{ id: "s1" }] }), [
        "product",
        undefined
      ])
    }
  })
})
