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
import { mapEvent } from "./mapping.ts"

const meta = connectionOf("meta")
const day = 86_400_000
const outcome = (event: Parameters<typeof purchase>[0], now?: number) =>
  mappingOutcome(mapEvent, purchase(event), meta, now)
const payload = (event: Parameters<typeof purchase>[0] = {}) => payloadOf(mapEvent, purchase(event), meta)

describe("Meta's events", () => {
  it("map a purchase in Meta's form", () => {
    assert.deepStrictEqual(payload({ referrer_url: "https://shop.example/cart" }), {
      event_name: "Purchase",
      event_time: 1795428000,
      event_id: "e-1",
      action_source: "website",
      event_source_url: "https://shop.example/thanks",
      referrer_url: "https://shop.example/cart",
      user_data: {
        em: [hash("email")],
        ph: [hash("ph")],
        fn: [hash("fn")],
        ln: [hash("ln")],
        ge: [hash("f")],
        db: [hash("db")],
        ct: [hash("ct")],
        st: [hash("st")],
        zp: [hash("zp")],
        country: [hash("us")],
        external_id: [hash("u-77")],
        client_ip_address: "203.0.113.7",
        client_user_agent: "Mozilla/5.0 (Macintosh)",
        fbp: "fb.1.1795000000000.42"
      },
      custom_data: {
        value: 129.95,
        currency: "USD",
        order_id: "o-42",
        content_ids: ["sku-1"],
        contents: [{ id: "sku-1", quantity: 2, item_price: 49.95 }],
        content_type: "product",
        num_items: 2
      }
    })
  })

  it("build fbc from fbclid with the time it was first seen, else the event's, and never over the cookie", () => {
    const fbc = (user: object) =>
      (payload({ user: { ...jane, ...user } })["user_data"] as Record<string, unknown>)["fbc"]
    assert.strictEqual(fbc({ fbclid: "AbC", fbclid_time: 1700000000001 }), "fb.1.1700000000001.AbC")
    assert.strictEqual(fbc({ fbclid: "AbC" }), `fb.1.${eventTime}.AbC`)
    assert.strictEqual(fbc({ fbclid: "AbC", fbc: "fb.1.1.XyZ" }), "fb.1.1.XyZ")
    assert.strictEqual(fbc({}), undefined)
  })

  it("are rejected for identities that Meta can't match, and no others", () => {
    const identified = (user: object) => outcome({ user: { ...emptyNormalizedUser, ...user } })
    const weak = "rejected:insufficient_identity"
    assert.strictEqual(identified({}), weak)
    assert.strictEqual(identified({ city: hash("a"), country: hash("b"), gender: hash("f"), user_agent: "UA" }), weak)
    assert.strictEqual(identified({ date_of_birth: hash("d"), user_agent: "UA" }), weak)
    assert.strictEqual(identified({ first_name: hash("a"), gender: hash("f") }), weak)
    assert.strictEqual(identified({ last_name: hash("a") }), weak)
    assert.strictEqual(identified({ first_name: hash("a"), last_name: hash("b") }), "payload")
    assert.strictEqual(identified({ date_of_birth: hash("d"), city: hash("c") }), "payload")
    assert.strictEqual(identified({ email: [hash("e")] }), "payload")
    assert.strictEqual(identified({ fbp: "fb.1.1.1" }), "payload")
  })

  it("need value and currency for a purchase only", () => {
    assert.strictEqual(outcome({ properties: properties({ currency: "USD" }) }), "rejected:missing_value")
    assert.strictEqual(outcome({ properties: properties({ value: 1 }) }), "rejected:missing_currency")
    assert.strictEqual(outcome({ properties: null }), "rejected:missing_value")
    assert.strictEqual(outcome({ event_name: "lead", properties: null }), "payload")
    assert.strictEqual(outcome({ properties: properties({ value: 0, currency: "USD" }) }), "payload")
  })

  it("need a URL on the web when the event says so, and are `other` without one when it doesn't", () => {
    assert.strictEqual(outcome({ event_source_url: null }), "rejected:missing_event_source_url")
    assert.strictEqual(payload({ action_source: null, event_source_url: null })["action_source"], "other")
    assert.strictEqual(payload({ action_source: null })["action_source"], "website")
  })

  it("need app_data in apps", () => {
    assert.strictEqual(outcome({ action_source: "app" }), "rejected:missing_app_data")
    assert.strictEqual(outcome({ action_source: "app", app: { ...app, extinfo: ["i2"] } }), "rejected:missing_app_data")
    assert.deepStrictEqual(payload({ action_source: "app", app })["app_data"], {
      advertiser_tracking_enabled: 1,
      application_tracking_enabled: 0,
      extinfo: app.extinfo
    })
  })

  it("carry the channel and the ids of a message", () => {
    const message = { action_source: "business_messaging", messaging_channel: "whatsapp", page_id: "p-1" }
    const user = { ...emptyNormalizedUser, ctwa_clid: "CTWA" }
    assert.strictEqual(outcome({ action_source: "business_messaging" }), "rejected:missing_messaging_channel")
    assert.strictEqual(outcome(message), "rejected:missing_ctwa_clid")
    assert.strictEqual(
      outcome({ ...message, page_id: null, user: { ...jane, ctwa_clid: "C" } }),
      "rejected:missing_page_id"
    )
    const lead = payload({ ...message, user, event_name: "lead" })
    assert.strictEqual(lead["event_name"], "LeadSubmitted")
    assert.strictEqual(lead["messaging_channel"], "whatsapp")
    assert.deepStrictEqual(lead["user_data"], { ctwa_clid: "CTWA", page_id: "p-1" })
    assert.deepStrictEqual([lead["event_source_url"], lead["referrer_url"]], [undefined, undefined])
  })

  it("name both sides of a message by its channel, the connection's account where the event names none", () => {
    const user = { ...emptyNormalizedUser, page_scoped_user_id: "58", ig_sid: "81", ctwa_clid: "C" }
    const event = (channel: string, fields: Parameters<typeof purchase>[0] = {}) =>
      purchase({ action_source: "business_messaging", messaging_channel: channel, user, ...fields })
    const accounts = { page_id: "1", ig_account_id: "17", whatsapp_business_account_id: "10" }
    const known = connectionOf("meta", {}, { account: { dataset_id: "1000000000", ...accounts } })
    const sides = (channel: string, connection: typeof meta, fields?: Parameters<typeof purchase>[0]) => {
      const { ctwa_clid: _, ...rest } = payloadOf(mapEvent, event(channel, fields), connection)[
        "user_data"
      ] as object & {
        ctwa_clid?: string
      }
      return rest
    }
    assert.deepStrictEqual(sides("messenger", meta, accounts), { page_id: "1", page_scoped_user_id: "58" })
    assert.deepStrictEqual(sides("messenger", known, { page_id: "2" }), { page_id: "2", page_scoped_user_id: "58" })
    assert.deepStrictEqual(sides("messenger", known), { page_id: "1", page_scoped_user_id: "58" })
    assert.deepStrictEqual(sides("instagram", meta, { ig_account_id: "17" }), { ig_account_id: "17", ig_sid: "81" })
    assert.deepStrictEqual(sides("whatsapp", known), { page_id: "1", whatsapp_business_account_id: "10" })
    const noCustomer = event("messenger", {
      page_id: "1",
      user: { ...emptyNormalizedUser, ip: "8.8.8.8", user_agent: "M" }
    })
    assert.strictEqual(outcome(noCustomer), "rejected:insufficient_identity")
    assert.strictEqual(outcome(event("instagram", { whatsapp_business_account_id: "10" })), "rejected:missing_page_id")
  })

  it("carry nothing of a browser in a message, and name what they leave out", () => {
    const event = purchase({
      action_source: "business_messaging",
      messaging_channel: "whatsapp",
      whatsapp_business_account_id: "1020304050",
      referrer_url: "https://g.example/",
      user: { ...jane, ctwa_clid: "CTWA" }
    })
    const { payload, dropped } = mapped(mapEvent, event, meta)
    const user = payload["user_data"] as Readonly<Record<string, unknown>>
    assert.deepStrictEqual([payload["event_source_url"], payload["referrer_url"]], [undefined, undefined])
    for (const key of ["client_ip_address", "client_user_agent", "fbp"]) assert.notProperty(user, key)
    assert.deepStrictEqual(
      dropped.map(({ field, reason }) => `${field}: ${reason}`),
      ["user.ip", "user.user_agent", "user.fbp", "event_source_url", "referrer_url"].map(
        (field) => `${field}: not_for_messages`
      )
    )
    assert.deepStrictEqual([user["em"], user["ctwa_clid"]], [[hash("email")], "CTWA"])
  })

  it("expire after 7 days, of physical stores after 62", () => {
    assert.strictEqual(outcome({}, eventTime + 7 * day), "payload")
    assert.strictEqual(outcome({}, eventTime + 7 * day + 1), "rejected:event_too_old")
    assert.strictEqual(outcome({ action_source: "physical_store" }, eventTime + 62 * day), "payload")
    assert.strictEqual(outcome({ action_source: "physical_store" }, eventTime + 62 * day + 1), "rejected:event_too_old")
    assert.strictEqual(mapped(mapEvent, purchase(), meta).deadline, eventTime + 7 * day)
  })

  it("restrict the use of data where its sale is denied", () => {
    const options = (event: Parameters<typeof purchase>[0]) => {
      const { data_processing_options, data_processing_options_country, data_processing_options_state } = payload(event)
      return [data_processing_options, data_processing_options_country, data_processing_options_state]
    }
    const denied = consent({ sale_of_data: "denied" })
    assert.deepStrictEqual(options({ consent: denied }), [["LDU"], 1, 1000])
    assert.deepStrictEqual(options({ consent: denied, user: { ...jane, state_plain: "ny" } }), [["LDU"], 0, 0])
    assert.deepStrictEqual(options({ consent: denied, user: { ...jane, country_code: null } }), [["LDU"], 0, 0])
    assert.deepStrictEqual(options({ consent: consent({ sale_of_data: "granted" }) }), [[], undefined, undefined])
    assert.deepStrictEqual(options({}), [undefined, undefined, undefined])
    assert.strictEqual(payload({ consent: consent({ ad_personalization: "denied" }) })["opt_out"], true)
  })

  it("are skipped without consent and without a mapping", () => {
    assert.strictEqual(outcome({ consent: consent({ ad_user_data: "denied" }) }), "skipped:consent")
    assert.strictEqual(outcome({ event_name: "gave_up" }), "skipped:no_mapping")
    assert.strictEqual(outcome({ event_name: "refund" }), "skipped:no_mapping")
  })

  it("carry custom properties under their names, never over documented ones", () => {
    const custom = { plan: "pro", value: 1, net_revenue: 99.5, nothing: null, "": "x" }
    const result = mapped(mapEvent, purchase({ properties: properties({ value: 2, currency: "EUR", custom }) }), meta)
    assert.deepStrictEqual(result.payload["custom_data"], { value: 2, currency: "EUR", net_revenue: 99.5, plan: "pro" })
    assert.deepStrictEqual(result.dropped, [
      { field: "properties.custom", reason: "invalid_name" },
      { field: "properties.custom.value", reason: "name_taken" }
    ])
  })

  it("leave out what is no number, and keep the rest", () => {
    const items = [item({ quantity: Number.NaN, price: -1 }), item({ id: "" }), item({ id: "b", quantity: -0 })]
    const result = mapped(mapEvent, purchase({ properties: properties({ value: -0, currency: "usd", items }) }), meta)
    assert.deepStrictEqual(
      JSON.stringify(result.payload["custom_data"]),
      '{"value":0,"currency":"USD","content_ids":["sku-1","b"],"contents":[{"id":"sku-1"},{"id":"b"}],"content_type":"product","num_items":2}'
    )
    assert.deepStrictEqual(
      result.dropped.map(({ field, reason }) => `${field} ${reason}`),
      [
        "properties.items[0].quantity not_a_number",
        "properties.items[0].price negative",
        "properties.items[1] missing_item_id",
        "properties.items[2].quantity not_positive"
      ]
    )
  })
})
