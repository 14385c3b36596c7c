import { assert, describe, it } from "@effect/vitest"
import type { Connection } from "../../connections/connection.ts"
import { type ConnectorKind, connectorKinds } from "../../model/platform.ts"
import { purchase } from "../../testing/event-fixture.ts"
import { builtinConnection } from "../load-connections.ts"
import { connectorFor } from "../registry.ts"
import { canonicalEvents } from "./catalog.ts"
import { canonicalName, folded, namesByTool } from "./compile.ts"
import { mapForConnection } from "./map.ts"

const connectionWith = (kind: ConnectorKind, mapping: object, events: object = {}): Connection => {
  const builtin = builtinConnection(kind)
  return { ...builtin, mapping: { ...builtin.mapping, ...mapping }, events: { ...builtin.events, ...events } }
}
const sent = (event_name: string, connection: Connection): string => {
  const mapped = mapForConnection(purchase({ event_name }), connection, connectorFor(connection.kind), null)
  return mapped._tag === "Mapped" ? mapped.event.platform_event : mapped.reason
}

describe("names of other tools", () => {
  it("mean one canonical event each, whoever writes them", () => {
    const meant = new Map<string, string>()
    for (const [tool, events] of Object.entries(namesByTool)) {
      for (const [event, names] of Object.entries(events)) {
        assert.include(canonicalEvents, event, tool)
        for (const name of names) {
          assert.strictEqual(meant.get(folded(name)) ?? event, event, `${tool}: ${name}`)
          meant.set(folded(name), event)
          assert.strictEqual(canonicalName(name), event, `${tool}: ${name}`)
        }
      }
    }
  })

  it("are read in any case and with any separators", () => {
    const spellings = [
      "Order Completed",
      "order_completed",
      "OrderCompleted",
      "ORDER-COMPLETED",
      " order.completed ",
      "Order  Completed!"
    ]
    for (const name of spellings) assert.strictEqual(canonicalName(name), "purchase", name)
    for (const name of [
      "Purchase",
      "PURCHASE",
      "CompletePayment",
      "complete_payment",
      "checkout_completed",
      "orders/paid"
    ]) {
      assert.strictEqual(canonicalName(name), "purchase", name)
    }
    assert.strictEqual(canonicalName("Product Added"), "add_to_cart")
    assert.strictEqual(canonicalName("ADD_CART"), "add_to_cart")
    assert.strictEqual(canonicalName("SIGN_UP"), "sign_up")
    assert.strictEqual(canonicalName("ViewContent"), "view_item")
    assert.strictEqual(canonicalName("SubmitForm"), "lead")
  })

  it("hold every name of the catalog: canonical names stay, platforms' names are known", () => {
    for (const event of canonicalEvents) assert.strictEqual(canonicalName(event), event)
    for (const kind of connectorKinds) {
      for (const set of ["specification", "current"] as const) {
        const { ambiguousNames, names } = connectorFor(kind).catalog
        for (const name of names[set].values()) {
          if (name !== "RETRACTION" && !ambiguousNames.has(name))
            assert.include(canonicalEvents, canonicalName(name), name)
        }
      }
    }
    for (const name of connectorFor("meta").catalog.standardEvents)
      assert.include(canonicalEvents, canonicalName(name), name)
  })

  it("are never guessed", () => {
    for (const name of [
      "Order Complete",
      "purchased",
      "orders",
      "my purchase",
      "Order Cancelled",
      "Product Removed",
      "购买",
      "!!!",
      ""
    ]) {
      assert.strictEqual(canonicalName(name), name)
    }
  })
})

describe("an event of another tool's name", () => {
  it("goes out as the canonical event, at every platform, unless the connection takes names as they are", () => {
    for (const kind of connectorKinds) {
      const name = connectorFor(kind).catalog.names.specification.get("purchase") ?? "purchase"
      assert.strictEqual(sent("Order Completed", builtinConnection(kind)), name, kind)
      assert.strictEqual(sent("Order Completed", connectionWith(kind, { eventNames: "exact" })), "no_mapping", kind)
      assert.strictEqual(sent("purchase", connectionWith(kind, { eventNames: "exact" })), name, kind)
    }
  })

  it("keeps an override of its name, which comes before one of the canonical name", () => {
    const to = (name: string, when: ReadonlyArray<object> = []) => ({ to: name, action: null, when })
    const vip = [{ path: "properties.value", op: "gt", value: 1_000_000 }]
    assert.strictEqual(
      sent("Order Completed", connectionWith("meta", { events: { "Order Completed": to("Mine") } })),
      "Mine"
    )
    assert.strictEqual(sent("Order Completed", connectionWith("meta", { events: { purchase: to("Paid") } })), "Paid")
    const both = { "Order Completed": to("Mine"), purchase: to("Paid") }
    assert.strictEqual(sent("Order Completed", connectionWith("meta", { events: both })), "Mine")
    assert.strictEqual(sent("purchase", connectionWith("meta", { events: both })), "Paid")
    const conditional = { "Order Completed": to("Mine", vip), purchase: to("Paid") }
    assert.strictEqual(sent("Order Completed", connectionWith("meta", { events: conditional })), "Paid")
    const neither = { "Order Completed": to("Mine", vip), purchase: to("Paid", vip) }
    assert.strictEqual(sent("Order Completed", connectionWith("meta", { events: neither })), "Purchase")
  })

  it("passes filters by its name or the canonical one", () => {
    const filtered = (name: string, events: object) => sent(name, connectionWith("meta", {}, events))
    for (const include of [["purchase"], ["Order Completed"]]) {
      assert.strictEqual(filtered("Order Completed", { include }), "Purchase")
      assert.strictEqual(filtered("Order Completed", { exclude: include }), "filter")
    }
    assert.strictEqual(filtered("purchase", { include: ["Order Completed"] }), "filter")
    assert.strictEqual(filtered("Product Added", { include: ["purchase"] }), "filter")
  })

  it("finds a template by its name or the canonical one", () => {
    const template = (name: string) => ({ name, language: "en_US", body: [] })
    const message = (templates: object, name: string) => sent(name, connectionWith("whatsapp", { templates }))
    assert.strictEqual(message({ purchase: template("thanks") }, "checkout_completed"), "thanks")
    const both = { purchase: template("thanks"), checkout_completed: template("shopify") }
    assert.strictEqual(message(both, "checkout_completed"), "shopify")
    assert.strictEqual(message(both, "Order Completed"), "thanks")
  })
})
