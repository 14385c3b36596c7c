import { assert, describe, it } from "@effect/vitest"
import { emptyNormalizedUser } from "../../../schemas/values.gen.ts"
import {
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
import { mappingContext } from "../mapping/compile.ts"
import { mapEvent } from "./mapping.ts"

const ads = connectionOf("google-ads")
type Fields = Parameters<typeof purchase>[0]
const outcome = (event: Fields) => mappingOutcome(mapEvent, purchase(event), ads)
const payload = (event: Fields = {}) => payloadOf(mapEvent, purchase(event), ads)

describe("the Google Ads API's conversions", () => {
  it("map a purchase in the API's form", () => {
    assert.deepStrictEqual(payload({ consent: consent({ ad_user_data: "granted", ad_personalization: "denied" }) }), {
      conversionAction: "customers/1000000000/conversionActions/1000000001",
      conversionDateTime: "2026-11-23 10:00:00+00:00",
      conversionValue: 129.95,
      currencyCode: "USD",
      orderId: "o-42",
      gclid: "GCLID",
      userIdentifiers: [{ hashedEmail: hash("gmail") }, { hashedPhoneNumber: hash("+ph") }],
      consent: { adUserData: "GRANTED" },
      cartData: { items: [{ productId: "sku-1", quantity: 2, unitPrice: 49.95 }] },
      conversionEnvironment: "WEB"
    })
  })

  it("name the customer as the request's address does, however the id is written", () => {
    for (const customer_id of ["123-456-7890", " 123 456 7890", "123‑456‑7890"]) {
      const written = connectionOf("google-ads", {}, { account: { ...ads.account, customer_id } })
      const { conversionAction } = payloadOf(mapEvent, purchase(), written)
      assert.strictEqual(conversionAction, "customers/1234567890/conversionActions/1000000001", customer_id)
    }
  })

  it("send one click id, and no user identifiers beside a braid", () => {
    const user = { ...jane, gclid: null, gbraid: "G", wbraid: "W" }
    const result = mapped(mapEvent, purchase({ user }), ads)
    assert.strictEqual(result.payload["gbraid"], "G")
    assert.isUndefined(result.payload["wbraid"])
    assert.isUndefined(result.payload["userIdentifiers"])
    assert.deepStrictEqual(result.dropped, [
      { field: "user.wbraid", reason: "another_click_id" },
      { field: "user", reason: "not_with_braid" }
    ])
  })

  it("send five user identifiers at most", () => {
    const many = Array.from({ length: 7 }, (_, index) => hash(`email-${index}`))
    const result = mapped(mapEvent, purchase({ user: { ...jane, email_google: many } }), ads)
    assert.strictEqual((result.payload["userIdentifiers"] as Array<object>).length, 5)
    assert.deepStrictEqual(result.dropped, [
      { field: "user.email", reason: "too_many" },
      { field: "user.phone", reason: "too_many" }
    ])
    const exactly = mapped(mapEvent, purchase({ user: { ...jane, email_google: many.slice(0, 4) } }), ads)
    assert.deepStrictEqual(exactly.dropped, [])
  })

  it("are rejected without identifier, and skipped where sale is denied, which the API can't express", () => {
    assert.strictEqual(outcome({ user: { ...emptyNormalizedUser, dclid: "D" } }), "rejected:no_identifiers")
    assert.strictEqual(outcome({ consent: consent({ sale_of_data: "denied" }) }), "skipped:consent")
  })

  it("send the address by configuration, in one of the five places, with all four of its parts only", () => {
    const addressed = connectionOf("google-ads", { addressIdentifiers: true })
    const identifiers = (user: typeof jane) =>
      payloadOf(mapEvent, purchase({ user }), addressed)["userIdentifiers"] as ReadonlyArray<object>
    const addressInfo = {
      hashedFirstName: hash("fn-google"),
      hashedLastName: hash("ln-google"),
      countryCode: "US",
      postalCode: "94103-1234"
    }
    assert.deepStrictEqual(identifiers(jane), [
      { hashedEmail: hash("gmail") },
      { hashedPhoneNumber: hash("+ph") },
      { addressInfo }
    ])
    assert.deepStrictEqual(identifiers({ ...jane, zip_plain: null }).length, 2)
    const many = Array.from({ length: 7 }, (_, index) => hash(`email-${index}`))
    const full = mapped(mapEvent, purchase({ user: { ...jane, email_google: many } }), addressed)
    assert.deepStrictEqual((full.payload["userIdentifiers"] as ReadonlyArray<object>).slice(4), [{ addressInfo }])
    assert.deepStrictEqual(
      full.dropped.map(({ field }) => field),
      ["user.email", "user.phone"]
    )
    const alone = { ...jane, gclid: null, email_google: [], phones: [] }
    assert.deepStrictEqual(identifiers(alone), [{ addressInfo }])
    assert.strictEqual(outcome({ user: alone }), "rejected:no_identifiers")
  })

  it("take back a refunded conversion without a value", () => {
    const result = mapped(mapEvent, purchase({ event_name: "refund" }), ads)
    assert.strictEqual(result.batchGroup, "operation=adjustments")
    assert.deepStrictEqual(result.payload, {
      conversionAction: "customers/1000000000/conversionActions/1000000001",
      adjustmentType: "RETRACTION",
      orderId: "o-42",
      adjustmentDateTime: "2026-11-23 10:00:00+00:00"
    })
    assert.strictEqual(outcome({ event_name: "refund", properties: null }), "rejected:missing_order_id")
  })

  it("find a refunded conversion without an order id by its click id and time", () => {
    const original_conversion_time = eventTime - 3 * 86_400_000
    const refund = (event: Fields) => ({ event_name: "refund", ...event })
    const timed = properties({ original_conversion_time })
    const pair = payload(refund({ properties: timed }))
    assert.deepStrictEqual(pair["gclidDateTimePair"], {
      gclid: "GCLID",
      conversionDateTime: "2026-11-20 10:00:00+00:00"
    })
    assert.notProperty(pair, "orderId")
    const both = payload(refund({ properties: properties({ original_conversion_time, order_id: "o-42" }) }))
    assert.strictEqual(both["orderId"], "o-42")
    assert.notProperty(both, "gclidDateTimePair")
    for (const event of [{ properties: properties() }, { properties: timed, user: { ...jane, gclid: null } }]) {
      const result = mapEvent(purchase(refund(event)), mappingContext(ads, null))
      if (result._tag !== "Rejected") return assert.fail(result._tag)
      assert.strictEqual(result.reason, "missing_order_id")
      assert.include(result.nextStep, "properties.original_conversion_time")
    }
  })

  it("re-value and enhance conversions by configuration", () => {
    const as = (to: string) => connectionOf("google-ads", { events: { changed: { to, action: null, when: [] } } })
    const changed = purchase({ event_name: "changed", properties: { ...socks, value: 10 } })
    assert.deepStrictEqual(payloadOf(mapEvent, changed, as("RESTATEMENT"))["restatementValue"], {
      adjustedValue: 10,
      currencyCode: "USD"
    })
    assert.deepStrictEqual(payloadOf(mapEvent, changed, as("ENHANCEMENT"))["userIdentifiers"], [
      { hashedEmail: hash("gmail") },
      { hashedPhoneNumber: hash("+ph") },
      {
        addressInfo: {
          hashedFirstName: hash("fn-google"),
          hashedLastName: hash("ln-google"),
          countryCode: "US",
          postalCode: "94103-1234"
        }
      }
    ])
    const unvalued = purchase({ event_name: "changed", properties: properties({ order_id: "o-42" }) })
    assert.strictEqual(mappingOutcome(mapEvent, unvalued, as("RESTATEMENT")), "rejected:missing_value")
  })

  it("send custom variables by rules whose names are ids", () => {
    const ruled = connectionOf("google-ads", {
      parameters: { "55": { _tag: "From", path: "properties.custom.plan" }, plan: { _tag: "Constant", value: "x" } }
    })
    const result = mapped(mapEvent, purchase({ properties: properties({ custom: { plan: "pro" } }) }), ruled)
    assert.deepStrictEqual(result.payload["customVariables"], [
      { conversionCustomVariable: "customers/1000000000/conversionCustomVariables/55", value: "pro" }
    ])
    assert.deepStrictEqual(result.dropped, [
      { field: "properties.custom.plan", reason: "not_supported" },
      { field: "parameters.plan", reason: "not_an_id" }
    ])
  })
})
