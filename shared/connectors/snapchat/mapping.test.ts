import { assert, describe, it } from "@effect/vitest"
import { emptyNormalizedUser } from "../../../schemas/values.gen.ts"
import {
  app,
  connectionOf,
  consent,
  eventTime,
  hash,
  item,
  jane,
  mapped,
  mappingOutcome,
  payloadOf,
  properties,
  purchase
} from "../../testing/event-fixture.ts"
import type { JsonObject } from "../connector.ts"
import { mapEvent } from "./mapping.ts"

const snapchat = connectionOf("snapchat", {}, { partnerName: "capi-relay" })
const day = 86_400_000
type Fields = Parameters<typeof purchase>[0]
const outcome = (event: Fields, now?: number) => mappingOutcome(mapEvent, purchase(event), snapchat, now)
const payload = (event: Fields = {}) => payloadOf(mapEvent, purchase(event), snapchat)

describe("Snapchat's events", () => {
  it("name each brand and each product once, in order", () => {
    const items = ["B", "A", null, "B", "", "A", "C"].map((brand, index) => item({ id: `p-${index % 3}`, brand }))
    const { custom_data: custom } = payload({ properties: properties({ items, value: 1, currency: "USD" }) })
    assert.deepStrictEqual((custom as JsonObject)["brands"], ["B", "A", "C"])
    assert.deepStrictEqual((custom as JsonObject)["content_ids"], ["p-0", "p-1", "p-2"])
  })

  it("map a purchase in Snapchat's form", () => {
    assert.deepStrictEqual(payload(), {
      event_name: "PURCHASE",
      event_time: 1795428000,
      event_id: "e-1",
      action_source: "WEB",
      event_source_url: "https://shop.example/thanks",
      integration: "capi-relay",
      user_data: {
        em: [hash("email")],
        ph: [hash("ph")],
        fn: [hash("fn")],
        ln: [hash("ln")],
        ge: [hash("f")],
        db: [hash("db")],
        ct: [hash("ct-snap")],
        st: [hash("st")],
        zp: [hash("zp-snap")],
        country: [hash("us")],
        external_id: [hash("u-77")],
        client_ip_address: "203.0.113.7",
        client_user_agent: "Mozilla/5.0 (Macintosh)",
        sc_click_id: "SCCLICK",
        sc_cookie1: "SCCOOKIE"
      },
      custom_data: {
        value: 129.95,
        currency: "USD",
        content_ids: ["sku-1"],
        contents: [{ id: "sku-1", quantity: "2", item_price: "49.95", brand: "B" }],
        brands: ["B"],
        num_items: 2,
        order_id: "o-42"
      }
    })
  })

  it("write small prices without an exponent", () => {
    const items = [item({ price: 1e-7, quantity: 0.5 })]
    const { contents } = payload({ properties: properties({ value: 1, currency: "USD", items }) })["custom_data"] as {
      contents: ReadonlyArray<object>
    }
    assert.deepStrictEqual(contents, [{ id: "sku-1", quantity: "0.5", item_price: "0.0000001" }])
  })

  it("need an email, a phone, a mobile id, or IP address and user agent", () => {
    const identified = (user: object) => outcome({ user: { ...emptyNormalizedUser, ...user } })
    const weak = "rejected:insufficient_identity"
    assert.strictEqual(identified({ sc_click_id: "C", external_id: [hash("x")] }), weak)
    assert.strictEqual(identified({ ip: "203.0.113.7" }), weak)
    assert.strictEqual(identified({ ip: "203.0.113.7", user_agent: "UA" }), "payload")
    assert.strictEqual(identified({ madid: "M" }), "payload")
    assert.strictEqual(identified({ email: [hash("e")] }), "payload")
  })

  it("need value and currency for a PURCHASE, and a URL on the web", () => {
    assert.strictEqual(outcome({ properties: properties({ currency: "USD" }) }), "rejected:missing_value")
    assert.strictEqual(outcome({ properties: properties({ value: 1 }) }), "rejected:missing_currency")
    assert.strictEqual(outcome({ event_source_url: null }), "rejected:missing_event_source_url")
    assert.strictEqual(payload({ action_source: null, event_source_url: null })["action_source"], "OFFLINE")
  })

  it("go to the pixel or to the app", () => {
    assert.strictEqual(mapped(mapEvent, purchase(), snapchat).batchGroup, "asset=00000000-0000-4000-8000-000000000000")
    const inApp = mapped(mapEvent, purchase({ action_source: "app", app }), snapchat)
    assert.strictEqual(inApp.batchGroup, "asset=00000000-0000-4000-8000-000000000001")
    assert.strictEqual(inApp.payload["action_source"], "MOBILE_APP")
    assert.strictEqual((inApp.payload["app_data"] as Record<string, unknown>)["app_id"], "app-1")
    assert.strictEqual(outcome({ action_source: "app" }), "rejected:missing_app_data")
    const pixel = connectionOf("snapchat", {}, { account: { pixel_id: "P" } })
    assert.strictEqual(
      mappingOutcome(mapEvent, purchase({ action_source: "app", app }), pixel),
      "rejected:missing_account_id"
    )
  })

  it("expire after 37 days", () => {
    assert.strictEqual(outcome({}, eventTime + 37 * day), "payload")
    assert.strictEqual(outcome({}, eventTime + 37 * day + 1), "rejected:event_too_old")
  })

  it("leave custom properties behind that Snapchat has no name for, unless a rule sends them", () => {
    const custom = { plan: "pro", content_name: "Socks" }
    const event = purchase({ properties: properties({ value: 1, currency: "USD", custom }) })
    const result = mapped(mapEvent, event, snapchat)
    assert.deepStrictEqual(result.payload["custom_data"], { value: 1, currency: "USD", content_name: "Socks" })
    assert.deepStrictEqual(result.dropped, [{ field: "properties.custom.plan", reason: "not_supported" }])
    const ruled = connectionOf("snapchat", { parameters: { plan: { _tag: "From", path: "properties.custom.plan" } } })
    assert.strictEqual((payloadOf(mapEvent, event, ruled)["custom_data"] as Record<string, unknown>)["plan"], "pro")
  })

  it("restrict the use of data where its sale is denied", () => {
    const sent = payload({ consent: consent({ sale_of_data: "denied" }), user: { ...jane, state_plain: "tx" } })
    assert.deepStrictEqual(sent["data_processing_options"], ["LDU"])
    assert.deepStrictEqual([sent["data_processing_options_country"], sent["data_processing_options_state"]], [1, 1005])
  })
})
