import { assert, describe, it } from "@effect/vitest"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import type { NormalizedEvent } from "../../../schemas/types.gen.ts"
import { makeSealer, openRecipient } from "../../../shared/credentials/sealer.ts"
import { sha256 } from "../identity/text.ts"
import { rawEventFromJson } from "../read/read-record.ts"
import { defaultNormalizerOptions, type NormalizeResult, type NormalizerOptions, normalize } from "./normalize.ts"
import type { Problem } from "./problem.ts"

const now = Date.UTC(2026, 10, 23)
const source = { topic: "raw-events", partition: 0, offset: 7, timestamp: now }
const jane = {
  event_id: "e-1",
  event_name: "purchase",
  event_time: now - 1000,
  user: { email: "Jane.Doe@Example.com", phone: "(415) 555-0132", country: "US", first_name: "Jane", last_name: "Doe" }
}

const run = (json: unknown, options: Partial<NormalizerOptions> = {}): NormalizeResult => {
  const read = rawEventFromJson(json)
  if (read._tag === "Problem") return read
  return normalize(read.raw, source, { ...defaultNormalizerOptions, now, ...options }, read.dropped)
}
const event = (json: unknown, options: Partial<NormalizerOptions> = {}): NormalizedEvent => {
  const result = run(json, options)
  if (result._tag === "Problem") return assert.fail(`${result.problem.reason}: ${result.problem.message}`)
  return result.event
}
const refused = (json: unknown): Problem => {
  const result = run(json)
  return result._tag === "Problem" ? result.problem : assert.fail("The event was not refused.")
}

describe("normalize", () => {
  it("hashes the customer in each form", () => {
    const { user } = event(jane)
    assert.deepStrictEqual(user.email, [sha256("jane.doe@example.com")])
    assert.deepStrictEqual(user.phones, [
      {
        default_country: null,
        digits: sha256("14155550132"),
        e164: sha256("+14155550132"),
        tiktok: sha256("+14155550132"),
        sealed: null,
        assumed_international: false
      }
    ])
    assert.strictEqual(user.country_code, "US")
  })

  it("gives the same result again", () => assert.deepStrictEqual(run(jane), run(jane)))

  it("keeps the event and says why a field is missing", () => {
    const { dropped_fields, user } = event({ ...jane, user: { ...jane.user, phone: "123", zip: "N/A" } })
    assert.deepStrictEqual(user.phones, [])
    assert.deepStrictEqual(dropped_fields, [
      { field: "user.zip", reason: "placeholder" },
      { field: "user.phone", reason: "invalid_phone" }
    ])
  })

  it("reads a national number once for each default country where the customer's country is not known", () => {
    const raw = { ...jane, user: { phone: "0171 2345678", external_id: "1" } }
    assert.deepStrictEqual(event(raw).dropped_fields, [{ field: "user.phone", reason: "phone_country_unknown" }])
    const { phones } = event(raw, { defaultCountries: ["DE", "US"] }).user
    assert.deepStrictEqual(
      phones.map((phone) => [phone.default_country, phone.e164]),
      [["DE", sha256("+491712345678")]]
    )
  })

  it("seals the number for WhatsApp, bound to its event", () => {
    const recipients = makeSealer(Redacted.make("a key"))
    const sealed = event(jane, { recipients }).user.phones[0]?.sealed ?? ""
    assert.deepStrictEqual(openRecipient(recipients, sealed, "e-1"), Result.succeed("+14155550132"))
    assert.isTrue(Result.isFailure(openRecipient(recipients, sealed, "e-2")))
    const messageEvents = new Set([jane.event_name])
    assert.strictEqual(event(jane, { recipients, messageEvents }).user.phones[0]?.sealed, sealed)
    assert.isNull(event(jane, { recipients, messageEvents: new Set(["other"]) }).user.phones[0]!.sealed)
  })

  const refusals: ReadonlyArray<readonly [string, unknown]> = [
    ["missing_event_id", { ...jane, event_id: undefined }],
    ["missing_event_id", { ...jane, event_id: "  " }],
    ["missing_event_id", { ...jane, event_id: "null" }],
    ["invalid_event_id", { ...jane, event_id: "jane@example.com-1" }],
    ["missing_event_name", { ...jane, event_name: null }],
    ["missing_event_time", { ...jane, event_time: undefined }],
    ["event_time_invalid", { ...jane, event_time: "yesterday" }],
    ["event_time_invalid", { ...jane, event_time: 0 }],
    ["event_time_invalid", { ...jane, event_time: now * 1000 }],
    ["event_time_in_seconds", { ...jane, event_time: now / 1000 }],
    ["event_time_in_future", { ...jane, event_time: now + 25 * 3_600_000 }],
    ["empty_identity", { ...jane, user: {} }],
    ["empty_identity", { ...jane, user: undefined }],
    ["empty_identity", { ...jane, user: { email: "test@test.com", city: "Paris", gender: "f" } }],
    ["not_avro_not_json", []]
  ]
  for (const [reason, json] of refusals) {
    it(`refuses with ${reason}: ${JSON.stringify(json).slice(0, 120)}`, () => {
      const found = refused(json)
      assert.strictEqual(found.reason, reason)
      assert.isNotEmpty(found.message)
      assert.isNotEmpty(found.nextStep)
      assert.notInclude(JSON.stringify(found).toLowerCase(), "jane@example.com")
    })
  }

  it("names what was left out of an event without identity", () => {
    const found = refused({ ...jane, user: { email: ["no-address", {}], zip: "N/A", country: "US" } })
    assert.deepStrictEqual(found.dropped, [
      { field: "user.email", reason: "invalid_type" },
      { field: "user.email", reason: "invalid_email" },
      { field: "user.zip", reason: "placeholder" }
    ])
    assert.include(
      found.message,
      "left out: user.email (invalid_type), user.email (invalid_email), user.zip (placeholder)"
    )
    assert.deepStrictEqual(refused({ ...jane, user: "jane", properties: { value: "abc" } }).dropped, [
      { field: "user", reason: "invalid_type" },
      { field: "properties.value", reason: "not_a_number" }
    ])
  })

  it("leaves out what is not usable as an amount, a count or a currency, names it, and keeps the event", () => {
    const { dropped_fields, properties } = event({
      ...jane,
      properties: {
        value: "1,299.00",
        currency: "Galleon",
        num_items: {},
        predicted_ltv: "(null)",
        items: [{ id: "a", price: {}, quantity: 2 }, { id: "b", price: 5, quantity: "(null)" }, { id: "  " }]
      }
    })
    assert.deepStrictEqual(
      dropped_fields.map(({ field, reason }) => `${field} ${reason}`),
      [
        "properties.value not_a_number",
        "properties.items[0].price not_a_number",
        "properties.items[1].quantity not_a_number",
        "properties.num_items not_a_number",
        "properties.predicted_ltv not_a_number",
        "properties.currency unknown_currency",
        "properties.items[2] missing_item_id"
      ]
    )
    assert.deepStrictEqual([properties?.value, properties?.currency, properties?.num_items], [null, null, null])
    assert.deepStrictEqual(
      properties?.items.map(({ id, price, quantity }) => [id, price, quantity]),
      [
        ["a", null, 2],
        ["b", 5, null]
      ]
    )
  })

  it("reads the flags of an app in any usual spelling", () => {
    for (const [yes, no] of [
      [true, false],
      [1, 0],
      ["1", "0"],
      ["TRUE", "False"],
      ["yes", " no "]
    ] as const) {
      const { app, dropped_fields } = event({
        ...jane,
        app: { advertiser_tracking_enabled: yes, application_tracking_enabled: no, app_id: 42 }
      })
      assert.deepStrictEqual([app?.advertiser_tracking_enabled, app?.application_tracking_enabled], [true, false])
      assert.deepStrictEqual([app?.app_id, dropped_fields], ["42", []])
    }
  })

  it("takes a birthday beside a place for an identity, as Meta does", () => {
    for (const [key, value] of [
      ["city", "Berlin"],
      ["zip", "10115"],
      ["country", "DE"],
      ["gender", "f"]
    ] as const) {
      assert.isNotEmpty(event({ ...jane, user: { date_of_birth: "1990-04-12", [key]: value } }).user.date_of_birth)
    }
    assert.strictEqual(refused({ ...jane, user: { date_of_birth: "1990-04-12" } }).reason, "empty_identity")
    assert.strictEqual(
      refused({ ...jane, user: { zip: "10115", country: "DE", gender: "f" } }).reason,
      "empty_identity"
    )
  })

  it("lets no lone surrogate through, which some parsers refuse the whole request for", () => {
    const { app, properties } = event({
      ...jane,
      properties: { custom: { note: "a\ud800b", "\udc00": 1 } },
      app: { extinfo: ["a2", "\ud83d"] }
    })
    assert.deepStrictEqual(properties?.custom, { note: "a\ufffdb", "\ufffd": 1 })
    assert.deepStrictEqual(app?.extinfo, ["a2", "\ufffd"])
  })

  it("keeps the positions of extinfo: null, what is no text and what is personal is the empty text in its place", () => {
    const { app, dropped_fields } = event({
      ...jane,
      user: { email: "jane.doe@example.com" },
      app: { extinfo: ["a2", null, 1, "jane.doe@example.com", { a: 1 }, true, "Europe/Berlin"] }
    })
    assert.deepStrictEqual(app?.extinfo, ["a2", "", "1", "", "", "true", "Europe/Berlin"])
    assert.deepStrictEqual(
      dropped_fields.map(({ field, reason }) => `${field} ${reason}`),
      ["app.extinfo[4] invalid_type", "app.extinfo[3] personal_data"]
    )
  })

  it("never hashes a hash again for invisible characters around it", () => {
    const hashed = sha256("u-77")
    assert.deepStrictEqual(event({ ...jane, user: { external_id: `\u200b${hashed}\u200e` } }).user.external_id, [
      hashed
    ])
  })

  it("bridges small differences of JSON", () => {
    const { consent, dropped_fields, properties, user } = event({
      ...jane,
      event_id: 42,
      event_time: String(jane.event_time),
      user: { external_id: 77, email: ["a.b@shop.example", null], first_name: ["Ann"], zip: [94103], city: ["A", "B"] },
      consent: { ad_user_data: true, ad_personalization: "DENIED", sale_of_data: "CONSENT_GRANTED" },
      properties: {
        value: " 129.95 ",
        predicted_ltv: " ",
        currency: "usd",
        plan: "pro",
        custom: { nested: { a: 1 } },
        items: [{ id: 1 }]
      }
    })
    assert.deepStrictEqual(consent, { ad_user_data: "granted", ad_personalization: "denied", sale_of_data: "granted" })
    assert.strictEqual(properties?.value, 129.95)
    assert.isNull(properties?.predicted_ltv)
    assert.strictEqual(properties?.currency, "USD")
    assert.deepStrictEqual(properties?.custom, { nested: '{"a":1}', plan: "pro" })
    assert.strictEqual(properties?.items[0]?.id, "1")
    assert.deepStrictEqual(user.external_id, [sha256("77")])
    assert.deepStrictEqual([user.first_name, user.zip], [sha256("ann"), sha256("94103")])
    assert.deepStrictEqual(dropped_fields, [{ field: "user.city", reason: "invalid_type" }])
  })

  it("never takes a misspelt consent for a consent", () => {
    const { consent, dropped_fields } = event({ ...jane, consent: { ad_user_data: "grantd" } })
    assert.strictEqual(consent?.ad_user_data, "denied")
    assert.deepStrictEqual(dropped_fields, [{ field: "consent.ad_user_data", reason: "invalid_consent" }])
  })

  it("never takes a consent that it cannot read for a consent", () => {
    const denied = { ad_user_data: "denied", ad_personalization: "denied", sale_of_data: "denied" }
    for (const consent of [
      "granted",
      ["granted"],
      true,
      { ad_user_data: {}, ad_personalization: [], sale_of_data: 7 }
    ]) {
      assert.deepStrictEqual(event({ ...jane, consent }).consent, denied)
    }
    assert.isNull(event({ ...jane, consent: null }).consent)
  })

  it("leaves out an unknown action source and keeps the event", () => {
    const result = event({ ...jane, action_source: "Carrier Pigeon" })
    assert.isNull(result.action_source)
    assert.strictEqual(event({ ...jane, action_source: "WEB" }).action_source, "website")
  })

  it("takes a page on the web only for a URL", () => {
    for (const field of ["event_source_url", "referrer_url"] as const) {
      for (const url of ["about:blank", "android-app://com.shop", "javascript:void(0)", "/thanks", "thanks.php"]) {
        const found = event({ ...jane, [field]: url })
        assert.isNull(found[field], url)
        assert.deepStrictEqual(found.dropped_fields, [{ field, reason: "invalid_url" }])
      }
    }
    const kept = event({ ...jane, event_source_url: "HTTP://Shop.example/", referrer_url: "shop.example/a?b=c" })
    assert.strictEqual(kept.event_source_url, "HTTP://Shop.example/")
    assert.strictEqual(kept.referrer_url, "https://shop.example/a?b=c")
    assert.deepStrictEqual(kept.dropped_fields, [])
  })

  it("is not fooled by keys of the prototype", () => {
    const { properties } = event({
      ...jane,
      properties: JSON.parse('{"custom":{"__proto__":{"x":1},"constructor":"c"}}')
    })
    assert.deepStrictEqual(Object.entries(properties?.custom ?? {}), [["constructor", "c"]])
  })
})
