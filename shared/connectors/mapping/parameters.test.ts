import { assert, describe, it } from "@effect/vitest"
import { connectionOf, mapped, properties, purchase, socks } from "../../testing/event-fixture.ts"
import type { JsonObject } from "../connector.ts"
import { connectors } from "../registry.ts"

const everything = properties({
  ...socks,
  num_items: 2,
  search_string: "socks",
  content_type: "product",
  content_name: "Socks",
  content_category: "Apparel",
  sign_up_method: "mail",
  status: "done",
  predicted_ltv: 1,
  description: "d",
  shop_id: "s",
  customer_type: "new",
  delivery_category: "in_store",
  coupon: "c"
})

/** Parameters that a payload of everything has, where the kind keeps them together. */
const sent = (
  kind: "meta" | "tiktok" | "snapchat",
  custom: Readonly<Record<string, number>> = {}
): ReadonlyArray<string> => {
  const event = purchase({ properties: { ...everything, custom } })
  const { payload } = mapped(connectors[kind].mapEvent, event, connectionOf(kind))
  return Object.keys(payload[kind === "tiktok" ? "properties" : "custom_data"] as JsonObject)
}

/** Documented ones that no field of ours holds: producers send them as custom properties. */
const byCustomProperty: Readonly<Record<string, ReadonlyArray<string>>> = {
  meta: ["net_revenue", "item_number"],
  tiktok: [],
  snapchat: []
}

describe("parameters", () => {
  it("are all that the catalog lists for a platform, and no others", () => {
    for (const kind of ["meta", "tiktok", "snapchat"] as const) {
      const custom = Object.fromEntries(byCustomProperty[kind]!.map((name) => [name, 1]))
      assert.deepStrictEqual(
        [...sent(kind, custom)].sort(),
        [...connectors[kind].catalog.parameters.names].sort(),
        kind
      )
    }
  })

  it("have the catalog's names in Google's payloads", () => {
    for (const kind of ["google", "google-ads"] as const) {
      const ruled = connectionOf(kind, { parameters: { "1": { _tag: "Constant", value: "x" } } })
      const { payload } = mapped(connectors[kind].mapEvent, purchase({ properties: everything }), ruled)
      for (const name of connectors[kind].catalog.parameters.names) assert.property(payload, name, kind)
    }
  })

  it("are of the free properties those that the connection lists, named by their paths where they are not", () => {
    const event = purchase({ properties: { ...everything, custom: { plan: "pro", note: "x" } } })
    for (const kind of ["meta", "tiktok", "snapchat", "google"] as const) {
      const [all, some, none] = [undefined, ["plan"], []].map((names) =>
        JSON.stringify(mapped(connectors[kind].mapEvent, event, connectionOf(kind, names && { freeProperties: names })))
      )
      assert.include(some, '{"field":"properties.custom.note","reason":"not_allowed"}', kind)
      assert.notInclude(all, "not_allowed", kind)
      assert.include(none, '{"field":"properties.custom.plan","reason":"not_allowed"}', kind)
    }
    const ruled = {
      freeProperties: [],
      parameters: { level: { _tag: "From" as const, path: "properties.custom.plan" } }
    }
    const { payload } = mapped(connectors["meta"].mapEvent, event, connectionOf("meta", ruled))
    assert.strictEqual((payload["custom_data"] as JsonObject)["level"], "pro")
  })
})
