import { hash as digest } from "node:crypto"
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
  purchase,
  socks
} from "../../testing/event-fixture.ts"
import type { JsonObject } from "../connector.ts"
import { connectorFor } from "../registry.ts"
import { mapEvent } from "./mapping.ts"

const pinterest = connectionOf("pinterest", {}, { partnerName: "Capi Relay" })
const day = 86_400_000
type Fields = Parameters<typeof purchase>[0]
const outcome = (event: Fields, now?: number) => mappingOutcome(mapEvent, purchase(event), pinterest, now)
const payload = (event: Fields = {}) => payloadOf(mapEvent, purchase(event), pinterest)
const userData = (event: Fields) => payload(event)["user_data"] as JsonObject
const customData = (event: Fields) => payload(event)["custom_data"] as JsonObject
const dropped = (event: Fields) =>
  mapped(mapEvent, purchase(event), pinterest).dropped.map(({ field, reason }) => `${field}:${reason}`)

describe("Pinterest's events", () => {
  it("map a purchase in Pinterest's form", () => {
    const user = { ...jane, click_ids: { epik: "dj0yJnU9" } }
    assert.deepStrictEqual(payload({ user }), {
      event_name: "checkout",
      action_source: "web",
      event_time: 1795428000,
      event_id: "e-1",
      event_source_url: "https://shop.example/thanks",
      partner_name: "ss-capi-relay",
      language: "en",
      user_data: {
        em: [hash("email")],
        ph: [hash("ph")],
        fn: [hash("fn-google")],
        ln: [hash("ln-google")],
        ge: [hash("f")],
        db: [hash("db")],
        ct: [hash("ct")],
        st: [hash("st")],
        zp: [hash("zp")],
        country: [hash("us")],
        external_id: [hash("u-77")],
        client_ip_address: "203.0.113.7",
        client_user_agent: "Mozilla/5.0 (Macintosh)",
        click_id: "dj0yJnU9"
      },
      custom_data: {
        value: "129.95",
        currency: "USD",
        content_ids: ["sku-1"],
        contents: [
          {
            id: "sku-1",
            item_name: "Socks",
            item_category: "Apparel",
            item_brand: "B",
            item_price: "49.95",
            quantity: 2
          }
        ],
        content_brand: "B",
        num_items: 2,
        order_id: "o-42"
      }
    })
  })

  it("have Pinterest's names, and others only by an override", () => {
    const { names, standardEvents, takesCustomEvents } = connectorFor("pinterest").catalog
    for (const name of names.specification.values()) assert.include(standardEvents, name)
    assert.isFalse(takesCustomEvents)
    assert.strictEqual(payload({ event_name: "page_view" })["event_name"], "page_visit")
    assert.strictEqual(outcome({ event_name: "refund" }), "skipped:no_mapping")
    const ruled = connectionOf("pinterest", { events: { refund: { to: "custom", action: null, when: [] } } })
    assert.strictEqual(payloadOf(mapEvent, purchase({ event_name: "refund" }), ruled)["event_name"], "custom")
  })

  it("come from the web, an app of a known system, or offline", () => {
    const source = (event: Fields) => payload(event)["action_source"]
    assert.strictEqual(source({ action_source: "website", event_source_url: null }), "web")
    assert.strictEqual(source({ action_source: null, event_source_url: null }), "web")
    assert.strictEqual(source({ action_source: "physical_store" }), "offline")
    assert.strictEqual(source({ action_source: "app", app }), "app_ios")
    const android = { ...jane, user_agent: "okhttp/4.9" }
    assert.strictEqual(source({ action_source: "app", user: android }), "app_android")
    const unknown = { ...jane, user_agent: null }
    assert.strictEqual(outcome({ action_source: "app", user: unknown }), "rejected:missing_app_data")
  })

  it("need email, mobile id, or address and user agent together", () => {
    const identified = (user: object) => outcome({ user: { ...emptyNormalizedUser, ...user } })
    assert.strictEqual(identified({ email: ["x"] }), "payload")
    assert.strictEqual(identified({ madid: "aB-1" }), "payload")
    assert.strictEqual(identified({ ip: "203.0.113.7", user_agent: "UA" }), "payload")
    for (const user of [{ ip: "203.0.113.7" }, { user_agent: "UA" }, { phones: jane.phones }, { external_id: ["x"] }])
      assert.strictEqual(identified(user), "rejected:insufficient_identity")
  })

  it("hash the mobile id as it is given", () => {
    assert.deepStrictEqual(userData({ user: { ...jane, madid: "aB-1" } })["hashed_maids"], [digest("sha256", "aB-1")])
  })

  it("leave out states without a code and postal codes with letters, and say so", () => {
    const elsewhere = { ...jane, state_plain: "bayern", zip_plain: "SW1A 1AA" }
    assert.doesNotHaveAnyKeys(userData({ user: elsewhere }), ["st", "zp"])
    assert.deepStrictEqual(dropped({ user: elsewhere }), ["user.state:not_supported", "user.zip:not_supported"])
    const hashed = { ...jane, state_plain: null, zip_plain: null }
    assert.hasAllKeys(userData({ user: hashed }), Object.keys(userData({})))
  })

  it("say the customer's choice: opted out, or limited data processing", () => {
    const optOut = (event: Fields) => payload(event)["opt_out"]
    assert.isTrue(optOut({ consent: consent({ ad_personalization: "denied" }) }))
    assert.isFalse(optOut({ consent: consent({ ad_personalization: "granted" }) }))
    assert.isTrue(optOut({ action_source: "app", app: { ...app, advertiser_tracking_enabled: false } }))
    assert.strictEqual(outcome({ consent: consent({ ad_user_data: "denied" }) }), "skipped:consent")
    assert.strictEqual(customData({ consent: consent({ sale_of_data: "denied" }) })["opt_out_type"], "LDP")
    assert.notProperty(customData({ consent: consent({ sale_of_data: "granted" }) }), "opt_out_type")
    assert.notProperty(payload({ consent: null }), "opt_out")
  })

  it("have amounts as strings, counts as integers, and no key outside the list", () => {
    const items = [item({ id: "a", quantity: 1.5, price: 1e-7 }), item({ id: "b", brand: "C" })]
    const given = properties({
      ...socks,
      items,
      num_items: 2,
      predicted_ltv: 410.5,
      custom: { plan: "pro", content_brand: 7 }
    })
    const data = customData({ properties: given })
    assert.deepInclude(data, { value: "129.95", predicted_ltv: "410.5", num_items: 2, content_brand: "7" })
    const [first] = data["contents"] as ReadonlyArray<JsonObject>
    assert.deepInclude(first, { id: "a", item_price: "0.0000001" })
    assert.notProperty(first, "quantity")
    assert.includeMembers(dropped({ properties: given }), [
      "properties.custom.plan:not_supported",
      "properties.items[0].quantity:not_an_integer"
    ])
    const parameters = {
      plan: { _tag: "Constant", value: "pro" },
      num_items: { _tag: "Constant", value: 2.5 }
    } as const
    const ruled = mapped(mapEvent, purchase(), connectionOf("pinterest", { parameters }))
    assert.doesNotHaveAnyKeys(ruled.payload["custom_data"], ["plan", "num_items"])
    assert.deepStrictEqual(ruled.dropped, [
      { field: "parameters.num_items", reason: "not_an_integer" },
      { field: "parameters.plan", reason: "not_supported" }
    ])
  })

  it("are at most seven days old, unless the connection says otherwise", () => {
    assert.strictEqual(outcome({}, eventTime + 7 * day), "payload")
    assert.strictEqual(outcome({}, eventTime + 7 * day + 1), "rejected:event_too_old")
    const longer = connectionOf("pinterest", { maxAgeDays: 28 })
    assert.strictEqual(mappingOutcome(mapEvent, purchase(), longer, eventTime + 28 * day), "payload")
  })
})
