import { assert, describe } from "@effect/vitest"
import type { Json, JsonObject } from "../platform.ts"
import { assertAt, at, type Client, changed, hashedEmail, withSandbox } from "../testing.ts"

const headers = {
  authorization: "Bearer sandbox-google-token",
  "login-customer-id": "1112223333"
}

const dateTime = (daysAgo: number) =>
  new Date(Date.now() - daysAgo * 86_400_000)
    .toISOString()
    .replace("T", " ")
    .replace(/\.\d+Z$/, "+00:00")

const conversion = (orderId: string): JsonObject => ({
  conversionAction: "customers/1234567890/conversionActions/987654321",
  conversionDateTime: dateTime(0.01),
  conversionValue: 129.9,
  currencyCode: "USD",
  orderId,
  gclid: "Cj0",
  userIdentifiers: [{ hashedEmail }],
  consent: { adUserData: "GRANTED" }
})

const upload = (
  client: Client,
  rows: ReadonlyArray<Json>,
  changes: { headers?: Record<string, string>; body?: JsonObject; version?: string } = {}
) =>
  client.post(
    "google-ads",
    `/${changes.version ?? "v26"}/customers/1234567890:uploadClickConversions`,
    { conversions: rows, partialFailure: true, ...changes.body },
    { ...headers, ...changes.headers }
  )

const adsErrorCode = (body: JsonObject) => at(body, "error.details.0.errors.0.errorCode")

describe("the Google Ads sandbox", () => {
  withSandbox("answers one result a row and a job id", async (client) => {
    const reply = await upload(client, [conversion("o-1"), conversion("o-2")])
    assert.strictEqual(reply.status, 200, reply.text)
    assertAt(reply.body, "results.1.gclid", "Cj0")
    assertAt(reply.body, "partialFailureError", undefined)
    assert.isString(reply.body.jobId)
    assertAt(await client.control("GET", "events?event_id=o-2"), "events.0.asset", "1234567890")
  })

  withSandbox("fails bad rows alone, by their index", async (client) => {
    const bad = changed(conversion("o-2"), "conversionDateTime", "2026-11-23T10:00:00Z")
    const reply = await upload(client, [conversion("o-1"), bad, conversion("o-3")])
    assert.strictEqual(reply.status, 200)
    assertAt(reply.body, "results.1", {})
    assertAt(reply.body, "partialFailureError.code", 3)
    assertAt(
      reply.body,
      "partialFailureError.details.0.@type",
      "type.googleapis.com/google.ads.googleads.v26.errors.GoogleAdsFailure"
    )
    assertAt(reply.body, "partialFailureError.details.0.errors.0.location.fieldPathElements", [
      { fieldName: "conversions", index: 1 },
      { fieldName: "conversionDateTime" }
    ])
    assertAt(await client.control("GET", "stats"), "platforms.google-ads.events", 2)
  })

  withSandbox("applies each documented rule of a row", async (client) => {
    const refused: ReadonlyArray<readonly [string, Json | undefined, JsonObject]> = [
      ["conversionAction", "987654321", { conversionUploadError: "INVALID_CONVERSION_ACTION" }],
      ["conversionDateTime", undefined, { fieldError: "REQUIRED" }],
      ["conversionDateTime", dateTime(91), { conversionUploadError: "EXPIRED_EVENT" }],
      ["currencyCode", "XXQ", { conversionUploadError: "INVALID_CURRENCY_CODE" }],
      ["userIdentifiers", [{ hashedEmail: "jane@example.com" }], { conversionUploadError: "INVALID_USER_IDENTIFIER" }],
      ["consent", { adUserData: "CONSENT_GRANTED" }, { enumError: "ENUM_VALUE_NOT_PERMITTED" }],
      ["wbraid", "w", { fieldError: "VALUE_MUST_BE_UNSET" }]
    ]
    for (const [key, value, code] of refused) {
      const { body } = await upload(client, [changed(conversion("o"), key, value)])
      assertAt(body, "partialFailureError.details.0.errors.0.errorCode", code)
    }
    const braids = { ...changed(conversion("o"), "gclid", undefined), gbraid: "g", wbraid: "w" }
    assertAt((await upload(client, [braids])).body, "partialFailureError.details.0.errors.0.errorCode", {
      conversionUploadError: "GBRAID_WBRAID_BOTH_SET"
    })
    const unknown = await upload(client, [{ ...conversion("o"), foo: 1 }])
    assert.strictEqual(unknown.status, 400)
  })

  withSandbox("takes no address and no consent for personalization with a click conversion", async (client) => {
    for (const row of [
      { ...conversion("o"), userIdentifiers: [{ addressInfo: { countryCode: "US" } }] },
      { ...conversion("o"), consent: { adUserData: "GRANTED", adPersonalization: "GRANTED" } }
    ])
      assert.strictEqual((await upload(client, [row])).status, 400)
  })

  withSandbox("fails the row of an order id that was used", async (client) => {
    await upload(client, [conversion("o-1")])
    const { body } = await upload(client, [conversion("o-1")])
    assertAt(body, "partialFailureError.details.0.errors.0.errorCode", {
      conversionUploadError: "ORDER_ID_ALREADY_IN_USE"
    })
    assertAt(await client.control("GET", "duplicates"), "duplicates.0.event_id", "o-1")
  })

  withSandbox("is closed to new projects, sunset versions, wrong headers and whole failures", async (client) => {
    const created = await upload(client, [conversion("o")], {
      headers: { "developer-token": "sandbox-new-developer-token" }
    })
    assert.strictEqual(created.status, 403)
    assert.deepStrictEqual(adsErrorCode(created.body), {
      notAllowlistedError: "CUSTOMER_NOT_ALLOWLISTED_FOR_THIS_FEATURE"
    })
    const sunset = await upload(client, [conversion("o")], { version: "v15" })
    assert.deepStrictEqual(adsErrorCode(sunset.body), { requestError: "UNSUPPORTED_VERSION" })
    const expired = await upload(client, [conversion("o")], { headers: { authorization: "Bearer x" } })
    assert.strictEqual(expired.status, 401)
    const login = await upload(client, [conversion("o")], { headers: { "login-customer-id": "111-222-3333" } })
    assert.deepStrictEqual(adsErrorCode(login.body), { headerError: "INVALID_LOGIN_CUSTOMER_ID" })
    const whole = await upload(client, [conversion("o")], { body: { partialFailure: false } })
    assert.deepStrictEqual(adsErrorCode(whole.body), { partialFailureError: "PARTIAL_FAILURE_MODE_REQUIRED" })
    const many = await upload(
      client,
      Array.from({ length: 2001 }, () => conversion("o"))
    )
    assert.deepStrictEqual(adsErrorCode(many.body), { conversionUploadError: "TOO_MANY_CONVERSIONS_IN_REQUEST" })
  })

  withSandbox(
    "is closed to a Google Cloud project without access to production accounts",
    async (client) => {
      const reply = await upload(client, [conversion("o")])
      assert.strictEqual(reply.status, 403)
      assert.deepStrictEqual(adsErrorCode(reply.body), {
        authorizationError: "CLOUD_PROJECT_NOT_APPROVED_FOR_PRODUCTION"
      })
    },
    { googleAds: { projectApproved: false } }
  )

  withSandbox("takes adjustments, also from a new project", async (client) => {
    const path = "/v26/customers/1234567890:uploadConversionAdjustments"
    const enhancement = {
      conversionAction: "customers/1234567890/conversionActions/1",
      adjustmentType: "ENHANCEMENT",
      orderId: "o-1",
      userIdentifiers: [{ hashedEmail }]
    }
    const send = (row: JsonObject) =>
      client.post(
        "google-ads",
        path,
        { conversionAdjustments: [row], partialFailure: true },
        { ...headers, "developer-token": "sandbox-new-developer-token" }
      )
    assertAt((await send(enhancement)).body, "results.0.orderId", "o-1")
    const retraction = { ...enhancement, adjustmentType: "RETRACTION", restatementValue: { adjustedValue: 1 } }
    assertAt((await send(retraction)).body, "partialFailureError.code", 3)
    assertAt((await send(changed(enhancement, "orderId", undefined))).body, "partialFailureError.code", 3)
  })
})
