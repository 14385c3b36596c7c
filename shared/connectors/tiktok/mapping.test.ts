import { assert, describe, it } from "@effect/vitest"
import { emptyNormalizedUser } from "../../../schemas/values.gen.ts"
import {
  app,
  connectionOf,
  consent,
  eventTime,
  hash,
  jane,
  mapped,
  mappingOutcome,
  payloadOf,
  properties,
  purchase,
  socks
} from "../../testing/event-fixture.ts"
import { mapEvent } from "./mapping.ts"

const tiktok = connectionOf("tiktok")
const day = 86_400_000
type Fields = Parameters<typeof purchase>[0]
const outcome = (event: Fields, now?: number) => mappingOutcome(mapEvent, purchase(event), tiktok, now)
const payload = (event: Fields = {}) => payloadOf(mapEvent, purchase(event), tiktok)

describe("TikTok's events", () => {
  it("map a purchase in TikTok's form, by the specification's name", () => {
    const result = mapped(mapEvent, purchase(), tiktok)
    assert.strictEqual(result.batchGroup, "event_source=web&event_source_id=BUILTIN")
    assert.deepStrictEqual(result.payload, {
      event: "CompletePayment",
      event_time: 1795428000,
      event_id: "e-1",
      user: {
        email: [hash("email")],
        phone: [hash("tt")],
        external_id: [hash("u-77")],
        ttclid: "TTCLID",
        ttp: "TTP",
        ip: "203.0.113.7",
        user_agent: "Mozilla/5.0 (Macintosh)",
        locale: "en-US",
        first_name: hash("fn"),
        last_name: hash("ln"),
        city: "sanfrancisco",
        state: "ca",
        country: "us",
        zip_code: hash("zp")
      },
      page: { url: "https://shop.example/thanks" },
      properties: {
        value: 129.95,
        currency: "USD",
        content_type: "product",
        content_ids: ["sku-1"],
        contents: [
          {
            content_id: "sku-1",
            content_name: "Socks",
            content_category: "Apparel",
            brand: "B",
            price: 49.95,
            quantity: 2
          }
        ],
        num_items: 2,
        order_id: "o-42"
      }
    })
  })

  it("have the names of today by choice", () => {
    const current = connectionOf("tiktok", { names: "current" })
    assert.strictEqual(mapped(mapEvent, purchase(), current).platformEvent, "Purchase")
    assert.strictEqual(mapped(mapEvent, purchase({ event_name: "lead" }), current).platformEvent, "Lead")
    assert.strictEqual(mapped(mapEvent, purchase({ event_name: "lead" }), tiktok).platformEvent, "SubmitForm")
  })

  it("leave out amounts in a currency that TikTok doesn't know", () => {
    const result = mapped(mapEvent, purchase({ properties: { ...socks, currency: "ISK" } }), tiktok)
    assert.strictEqual((result.payload["properties"] as Record<string, unknown>)["currency"], "ISK")
    const unknown = mapped(mapEvent, purchase({ properties: { ...socks, currency: "XOF" } }), tiktok)
    const sent = unknown.payload["properties"] as { value?: number; currency?: string; contents: Array<object> }
    assert.isUndefined(sent.value)
    assert.isUndefined(sent.currency)
    assert.notProperty(sent.contents[0], "price")
    assert.deepStrictEqual(
      unknown.dropped.map(({ field }) => field),
      ["properties.currency", "properties.value"]
    )
  })

  it("belong to web, app, offline or crm", () => {
    const source = (event: Fields) => mapped(mapEvent, purchase(event), tiktok).batchGroup.split("&")[0]
    assert.strictEqual(source({ action_source: "app", app }), "event_source=app")
    assert.strictEqual(source({ action_source: "physical_store" }), "event_source=offline")
    assert.strictEqual(source({ action_source: null, event_source_url: null }), "event_source=offline")
    assert.strictEqual(
      source({ action_source: "system_generated", user: { ...jane, lead_id: "L" } }),
      "event_source=crm"
    )
    assert.strictEqual(outcome({ event_source_url: null }), "rejected:missing_event_source_url")
    assert.deepStrictEqual(payload({ action_source: "app", app })["app"], {
      app_id: "app-1",
      app_name: "Shop",
      app_version: "1.2"
    })
    assert.deepStrictEqual(payload({ action_source: "chat", user: { ...jane, lead_id: "L" } })["lead"], {
      lead_id: "L"
    })
  })

  it("fall back to the pixel only where there is a page", () => {
    const pixel = connectionOf("tiktok", {}, { account: { pixel_code: "P" } })
    assert.strictEqual(
      mapped(mapEvent, purchase({ action_source: "email" }), pixel).batchGroup,
      "event_source=web&event_source_id=P"
    )
    const event = purchase({ action_source: "email", event_source_url: null })
    assert.strictEqual(mappingOutcome(mapEvent, event, pixel), "rejected:missing_account_id")
    assert.strictEqual(
      mappingOutcome(mapEvent, purchase({ action_source: "app", app }), pixel),
      "rejected:missing_account_id"
    )
  })

  it("expire after 7 days on the web and 28 offline", () => {
    assert.strictEqual(outcome({}, eventTime + 7 * day), "payload")
    assert.strictEqual(outcome({}, eventTime + 7 * day + 1), "rejected:event_too_old")
    assert.strictEqual(outcome({ action_source: "physical_store" }, eventTime + 28 * day), "payload")
    assert.strictEqual(outcome({ action_source: "physical_store" }, eventTime + 28 * day + 1), "rejected:event_too_old")
    const longer = connectionOf("tiktok", { maxAgeDays: 14 })
    assert.strictEqual(mappingOutcome(mapEvent, purchase(), longer, eventTime + 14 * day), "payload")
  })

  it("take only standard events offline", () => {
    const custom = connectionOf("tiktok", { events: { gave_up: { to: "GaveUp", action: null, when: [] } } })
    const offline = purchase({ event_name: "gave_up", action_source: "physical_store" })
    assert.strictEqual(mappingOutcome(mapEvent, offline, custom), "rejected:not_a_standard_event")
    assert.strictEqual(mappingOutcome(mapEvent, purchase({ event_name: "gave_up" }), custom), "payload")
  })

  it("limit the use of data where its sale is denied, or aren't sent where that can't be said", () => {
    const denied = consent({ sale_of_data: "denied" })
    assert.strictEqual(payload({ consent: denied })["limited_data_use"], true)
    assert.strictEqual(payload({ consent: consent({ sale_of_data: "granted" }) })["limited_data_use"], false)
    assert.strictEqual(outcome({ consent: denied, user: { ...jane, ip: null } }), "skipped:consent")
    assert.strictEqual(outcome({ consent: denied, action_source: "physical_store" }), "skipped:consent")
  })

  it("need an identifier", () => {
    assert.strictEqual(
      outcome({ user: { ...emptyNormalizedUser, country_code: "US", ip: "203.0.113.7" } }),
      "rejected:no_identifiers"
    )
    assert.strictEqual(outcome({ user: { ...emptyNormalizedUser, ttp: "T" } }), "payload")
    assert.strictEqual(outcome({ user: { ...emptyNormalizedUser, ip: "203.0.113.7", user_agent: "UA" } }), "payload")
  })

  it("distinguish Apple's advertising ids from Google's", () => {
    const user = (userAgent: string | null) => {
      const result = mapped(mapEvent, purchase({ user: { ...jane, madid: "aB-1", user_agent: userAgent } }), tiktok)
      const { idfa, gaid } = result.payload["user"] as Record<string, unknown>
      return [idfa, gaid, result.dropped[0]?.reason]
    }
    assert.deepStrictEqual(user("Mozilla/5.0 (iPhone; …)"), ["AB-1", undefined, undefined])
    assert.deepStrictEqual(user("Mozilla/5.0 (Linux; Android 14)"), [undefined, "ab-1", undefined])
    assert.deepStrictEqual(user(null), [undefined, undefined, "mobile_system_unknown"])
  })

  it("leave out a content type that TikTok doesn't know", () => {
    const result = mapped(mapEvent, purchase({ properties: properties({ content_type: "hotel" }) }), tiktok)
    assert.deepStrictEqual(result.dropped, [{ field: "properties.content_type", reason: "not_supported" }])
  })
})
