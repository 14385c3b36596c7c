import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import type { NormalizedUser } from "../../../schemas/types.gen.ts"
import { emptyNormalizedUser } from "../../../schemas/values.gen.ts"
import {
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

const google = connectionOf("google")
type Fields = Parameters<typeof purchase>[0]
const outcome = (event: Fields) => mappingOutcome(mapEvent, purchase(event), google)
const payload = (event: Fields = {}) => payloadOf(mapEvent, purchase(event), google)

describe("the Data Manager API's events", () => {
  it("map a purchase in Google's form", () => {
    const result = mapped(mapEvent, purchase(), google)
    assert.strictEqual(result.batchGroup, "action=1000000001")
    assert.strictEqual(result.deadline, null)
    assert.deepStrictEqual(result.payload, {
      transactionId: "o-42",
      eventTimestamp: "2026-11-23T10:00:00.123Z",
      eventSource: "WEB",
      conversionValue: 129.95,
      currency: "USD",
      adIdentifiers: { gclid: "GCLID" },
      userData: {
        userIdentifiers: [
          { emailAddress: hash("gmail") },
          { phoneNumber: hash("+ph") },
          {
            address: {
              givenName: hash("fn-google"),
              familyName: hash("ln-google"),
              regionCode: "US",
              postalCode: "94103-1234"
            }
          }
        ]
      },
      eventDeviceInfo: { userAgent: "Mozilla/5.0 (Macintosh)", ipAddress: "203.0.113.7" },
      cartData: { items: [{ merchantProductId: "sku-1", quantity: "2", unitPrice: 49.95 }] }
    })
  })

  it("take whole seconds without a fraction, and the event's id where there is no order", () => {
    const { eventTimestamp, transactionId } = payload({ event_time: eventTime - 123, properties: null })
    assert.deepStrictEqual([eventTimestamp, transactionId], ["2026-11-23T10:00:00Z", "e-1"])
  })

  it("write the time as the language itself does, whatever came before", () => {
    const times = fc.integer({ min: Date.UTC(1969, 0), max: Date.UTC(2100, 0) })
    const near = fc.tuple(times, fc.integer({ min: -120_000, max: 120_000 })).map(([time, by]) => [time, time + by])
    fc.assert(
      fc.property(near, (pair) => {
        for (const time of pair) {
          const expected = new Date(time).toISOString().replace(".000Z", "Z")
          assert.strictEqual(payload({ event_time: time }).eventTimestamp, expected)
        }
      })
    )
  })

  it("send no IP address of a customer who was there, whatever country the address is in", () => {
    const granted = consent({ ad_user_data: "granted" })
    for (const consent_country of ["DE", "EU", "GB"]) {
      const result = mapped(mapEvent, purchase({ consent_country, consent: granted }), google)
      assert.deepStrictEqual(result.payload["eventDeviceInfo"], { userAgent: "Mozilla/5.0 (Macintosh)" })
      assert.deepStrictEqual(result.dropped, [{ field: "user.ip", reason: "not_for_country" }])
    }
    const american = mapped(mapEvent, purchase({ consent_country: "US", consent: granted }), google).payload[
      "eventDeviceInfo"
    ]
    assert.property(american, "ipAddress")
  })

  it("send no IP address to the EEA, the UK, Switzerland, or where the country is unknown", () => {
    for (const country of ["DE", "GB", "CH", "NO", null]) {
      const result = mapped(mapEvent, purchase({ user: { ...jane, country_code: country } }), google)
      assert.deepStrictEqual(result.payload["eventDeviceInfo"], { userAgent: "Mozilla/5.0 (Macintosh)" })
      assert.strictEqual(result.dropped[0]?.field, "user.ip")
    }
  })

  it("send an address only with all of its parts", () => {
    for (const part of ["first_name_google", "last_name_google", "country_code", "zip_plain"] as const) {
      const { userData } = payload({ user: { ...jane, [part]: null } })
      assert.deepStrictEqual(userData, {
        userIdentifiers: [{ emailAddress: hash("gmail") }, { phoneNumber: hash("+ph") }]
      })
    }
  })

  it("send ten identifiers at most, the address among them", () => {
    const many = Array.from({ length: 12 }, (_, index) => hash(`email-${index}`))
    const result = mapped(mapEvent, purchase({ user: { ...jane, email_google: many } }), google)
    const { userIdentifiers } = result.payload["userData"] as { userIdentifiers: ReadonlyArray<object> }
    assert.strictEqual(userIdentifiers.length, 10)
    assert.hasAllKeys(userIdentifiers[9], ["address"])
    assert.deepStrictEqual(result.dropped, [
      { field: "user.email", reason: "too_many" },
      { field: "user.phone", reason: "too_many" }
    ])
    const exactly = mapped(mapEvent, purchase({ user: { ...jane, email_google: many.slice(0, 8) } }), google)
    assert.deepStrictEqual(exactly.dropped, [])
  })

  it("never send gbraid and wbraid together", () => {
    const result = mapped(mapEvent, purchase({ user: { ...emptyNormalizedUser, gbraid: "G", wbraid: "W" } }), google)
    assert.deepStrictEqual(result.payload["adIdentifiers"], { gbraid: "G" })
    assert.deepStrictEqual(result.dropped, [{ field: "user.wbraid", reason: "excluded_by_gbraid" }])
    assert.deepStrictEqual(payload({ user: { ...emptyNormalizedUser, wbraid: "W" } })["adIdentifiers"], { wbraid: "W" })
  })

  it("are rejected without any identifier", () => {
    const user: NormalizedUser = {
      ...emptyNormalizedUser,
      ip: "203.0.113.7",
      user_agent: "UA",
      external_id: [hash("x")]
    }
    assert.strictEqual(outcome({ user }), "rejected:no_identifiers")
  })

  it("carry consent as it is known", () => {
    const of = (fields: Parameters<typeof consent>[0]) => payload({ consent: consent(fields) })["consent"]
    assert.deepStrictEqual(of({ ad_user_data: "granted", ad_personalization: "denied" }), {
      adUserData: "CONSENT_GRANTED",
      adPersonalization: "CONSENT_DENIED"
    })
    assert.deepStrictEqual(of({ ad_user_data: "granted" }), { adUserData: "CONSENT_GRANTED" })
    assert.strictEqual(of({ ad_user_data: "unknown" }), undefined)
    assert.deepStrictEqual(of({ sale_of_data: "denied", ad_personalization: "granted" }), {
      adPersonalization: "CONSENT_DENIED"
    })
    assert.strictEqual(outcome({ consent: consent({ ad_user_data: "denied" }) }), "skipped:consent")
  })

  it("leave out a quantity that is no integer", () => {
    const items = [item({ quantity: 1.5, price: 2 })]
    const result = mapped(mapEvent, purchase({ properties: properties({ items }) }), google)
    assert.deepStrictEqual(result.payload["cartData"], { items: [{ merchantProductId: "sku-1", unitPrice: 2 }] })
    assert.deepStrictEqual(result.dropped, [{ field: "properties.items[0].quantity", reason: "not_an_integer" }])
  })

  it("carry custom properties and rules as custom variables, and the customer's type", () => {
    const rules = connectionOf("google", { parameters: { note: { _tag: "Constant", value: 7 } } })
    const custom = properties({ custom: { plan: "pro", vip: true }, customer_type: "new" })
    const sent = payloadOf(mapEvent, purchase({ properties: custom }), rules)
    assert.deepStrictEqual(sent["customVariables"], [
      { variable: "plan", value: "pro" },
      { variable: "vip", value: "true" },
      { variable: "note", value: "7" }
    ])
    assert.deepStrictEqual(sent["userProperties"], { customerType: "NEW" })
  })

  it("take the customer's type in any case, and leave out what is not one", () => {
    const of = (customer_type: string) =>
      mapped(mapEvent, purchase({ properties: properties({ customer_type }) }), google)
    assert.deepStrictEqual(of("Returning").payload["userProperties"], { customerType: "RETURNING" })
    assert.deepStrictEqual(of("reengaged").payload["userProperties"], { customerType: "REENGAGED" })
    assert.isUndefined(of("vip").payload["userProperties"])
    assert.deepStrictEqual(of("vip").dropped, [{ field: "properties.customer_type", reason: "not_supported" }])
  })

  it("take the conversion action of the override, else the account's, else none", () => {
    const override = { to: null, action: "77", when: [] }
    const own = connectionOf("google", { events: { purchase: override, gave_up: override } })
    assert.strictEqual(mapped(mapEvent, purchase(), own).batchGroup, "action=77")
    assert.strictEqual(mapped(mapEvent, purchase({ event_name: "gave_up" }), own).platformEvent, "gave_up")
    const none = connectionOf("google", {}, { account: {} })
    assert.strictEqual(mappingOutcome(mapEvent, purchase(), none), "skipped:no_mapping")
    const name = connectionOf("google", {}, { account: { conversion_action_id: "customers/1/conversionActions/2" } })
    assert.strictEqual(mappingOutcome(mapEvent, purchase(), name), "rejected:invalid_conversion_action")
  })
})
