import { assert, describe, it } from "@effect/vitest"
import { builtinConnection } from "../../../shared/connectors/load-connections.ts"
import { connectorKinds } from "../../../shared/model/platform.ts"
import { previewEvent } from "./preview-event.ts"

const raw = {
  event_id: "1",
  event_name: "lead",
  event_time: 1795000000123,
  user: { email: "jane@example.com", phone: "+14155550132", gclid: "G", ip: "203.0.113.7", user_agent: "UA" }
}
const outcome = (event: unknown, kind: (typeof connectorKinds)[number] = "meta") => {
  const prepared = previewEvent(event, builtinConnection(kind))
  return prepared.outcome === "payload" ? "payload" : `${prepared.outcome}:${prepared.reason}`
}

describe("preparing a raw event", () => {
  it("gives a payload at every kind of connector for an event with the required fields and a customer", () => {
    for (const kind of connectorKinds) assert.strictEqual(outcome(raw, kind), "payload", kind)
  })

  it("says why there is no payload", () => {
    assert.strictEqual(outcome({ ...raw, event_name: "gave_up" }), "skipped:no_mapping")
    assert.strictEqual(outcome({ ...raw, consent: { ad_user_data: "denied" } }), "skipped:consent")
    assert.strictEqual(outcome({ ...raw, event_name: "purchase" }), "rejected:missing_value")
    assert.strictEqual(outcome({ ...raw, event_id: null }), "rejected:missing_event_id")
    assert.strictEqual(outcome("nothing"), "rejected:not_avro_not_json")
  })

  it("names fields that are not known with the nearest one, and sends nothing that a misspelt consent denies", () => {
    const misspelt = previewEvent({ ...raw, user: { ...raw.user, mail: "x@y.example" } }, builtinConnection("meta"))
    assert.deepInclude(misspelt.dropped_fields, {
      field: "user.mail",
      reason: "unknown_field",
      nearest: "user.email"
    })
    assert.strictEqual(outcome({ ...raw, consents: { ad_user_data: "denied" } }), "skipped:consent")
    const google = {
      ...builtinConnection("google"),
      consent: { onUnknown: "skip", onSaleDenied: "skip", assume: "granted" } as const
    }
    const unclear = previewEvent({ ...raw, consent: { adUserData: "granted" } }, google)
    assert.strictEqual(unclear.outcome === "skipped" ? unclear.reason : null, "consent")
    assert.strictEqual(previewEvent(raw, google).outcome === "skipped", false)
  })

  it("says of an event without identity what was left out", () => {
    const prepared = previewEvent({ ...raw, user: { email: "not-an-address" } }, builtinConnection("meta"))
    assert.strictEqual(prepared.outcome === "rejected" ? prepared.reason : null, "empty_identity")
    assert.deepStrictEqual(prepared.dropped_fields, [{ field: "user.email", reason: "invalid_email" }])
  })

  it("refuses at Meta exactly the identities that Meta does not match on", () => {
    const value = { date_of_birth: "1990-04-12", zip: "94103", gender: "f", first_name: "Jane", user_agent: "UA" }
    const sent = (...keys: ReadonlyArray<keyof typeof value>) =>
      outcome({ ...raw, user: Object.fromEntries(keys.map((key) => [key, value[key]])) })
    assert.strictEqual(sent("date_of_birth", "zip"), "payload")
    assert.strictEqual(sent("date_of_birth", "gender"), "payload")
    assert.strictEqual(sent("first_name", "zip"), "payload")
    assert.strictEqual(sent("first_name", "gender"), "rejected:insufficient_identity")
    assert.strictEqual(sent("date_of_birth", "user_agent"), "rejected:insufficient_identity")
    assert.strictEqual(sent("zip", "gender", "user_agent"), "rejected:insufficient_identity")
  })

  it("opens a message's recipient, as delivery does", () => {
    const prepared = previewEvent(raw, builtinConnection("whatsapp"))
    assert.strictEqual(prepared.outcome === "payload" ? prepared.payload["to"] : null, "+14155550132")
  })

  it("reads national phone numbers with the connection's own country only", () => {
    const national = { ...raw, user: { email: "a@example.com", phone: "030 1234567" } }
    const meta = builtinConnection("meta")
    const german = { ...meta, mapping: { ...meta.mapping, defaultCountry: "DE" } }
    assert.strictEqual(previewEvent(national, meta).dropped_fields[0]?.reason, "phone_country_unknown")
    const prepared = previewEvent(national, german)
    assert.property(prepared.outcome === "payload" ? prepared.payload["user_data"] : {}, "ph")
  })

  it("never sends a custom property under a documented name with another type", () => {
    const custom = { value: "7", contents: "[]", content_ids: "a", currency: "dollars", num_items: 2, plan: "pro" }
    for (const kind of ["meta", "tiktok"] as const) {
      const prepared = previewEvent({ ...raw, properties: { custom } }, builtinConnection(kind))
      const sent =
        prepared.outcome === "payload" ? prepared.payload[kind === "meta" ? "custom_data" : "properties"] : {}
      assert.deepStrictEqual(sent, { num_items: 2, plan: "pro" }, kind)
      assert.strictEqual(prepared.dropped_fields.filter(({ reason }) => reason === "invalid_type").length, 4)
    }
  })

  it("sends a custom property under the name of a text as text, and a delivery category checked", () => {
    const custom = { order_id: 77, search_string: true, delivery_category: "by balloon", rank: 1 }
    for (const kind of ["meta", "tiktok"] as const) {
      const prepared = previewEvent({ ...raw, properties: { custom } }, builtinConnection(kind))
      const sent =
        prepared.outcome === "payload" ? prepared.payload[kind === "meta" ? "custom_data" : "properties"] : {}
      assert.deepStrictEqual(sent, { order_id: "77", rank: 1, search_string: "true" }, kind)
      assert.deepStrictEqual(prepared.dropped_fields, [
        { field: "properties.custom.delivery_category", reason: "not_supported" }
      ])
    }
  })

  it("sends a delivery category in the platforms' words only", () => {
    const sent = (delivery_category: string) => {
      const prepared = previewEvent({ ...raw, properties: { delivery_category } }, builtinConnection("meta"))
      return prepared.outcome === "payload" ? prepared.payload["custom_data"] : null
    }
    assert.deepStrictEqual(sent(" HOME_DELIVERY "), { delivery_category: "home_delivery" })
    assert.strictEqual(sent("by balloon"), undefined)
  })

  it("gives the same bytes whatever the order of the producer's keys", () => {
    const one = { ...raw, properties: { custom: { a: 1, b: 2 } } }
    const other = { properties: { custom: { b: 2, a: 1 } }, ...raw }
    const text = (event: unknown) => JSON.stringify(previewEvent(event, builtinConnection("meta")))
    assert.strictEqual(text(one), text(other))
  })

  it("shows how consent was derived from the signals of frameworks", () => {
    const signals = { gpp_string: "DBABzYA~1-Y-~CAAQAAAAAABA.QA~BAgAAABA.QA", ad_storage: "granted", country: "FR" }
    const prepared = previewEvent(
      { ...raw, consent: { ad_user_data: "granted" }, consent_signals: signals },
      builtinConnection("meta")
    )
    assert.deepStrictEqual(prepared.consent?.derived, {
      ad_user_data: "granted",
      ad_personalization: null,
      sale_of_data: "denied"
    })
    assert.strictEqual(prepared.consent?.country, "FR")
    assert.deepStrictEqual(
      prepared.consent?.statements.map(({ source, sale_of_data }) => `${source} ${sale_of_data}`),
      [
        "consent null",
        "gpp_string.uspv1 denied",
        "gpp_string.usnat denied",
        "gpp_string.usca granted",
        "ad_storage null"
      ]
    )
    const silent = { ...builtinConnection("meta"), consent: { onUnknown: "send", onSaleDenied: "restrict" } as const }
    const unknown = previewEvent({ ...raw, consent_signals: { country: "FR" } }, silent)
    assert.strictEqual(unknown.outcome === "skipped" ? unknown.reason : null, "consent_unknown_in_europe")
  })
})
