import { assert, describe } from "@effect/vitest"
import type { Json, JsonObject } from "../platform.ts"
import { assertAt, at, type Client, changed, hashedEmail, secondsAgo, withSandbox } from "../testing.ts"

const token = { authorization: "Bearer sandbox-google-token" }
const rfc3339 = (secondsBefore: number) => new Date(secondsAgo(secondsBefore) * 1000).toISOString()

const event = (id: string): JsonObject => ({
  transactionId: id,
  eventTimestamp: rfc3339(60),
  eventSource: "WEB",
  conversionValue: 129.9,
  currency: "USD",
  adIdentifiers: { gclid: "Cj0" },
  userData: {
    userIdentifiers: [
      { emailAddress: hashedEmail },
      { address: { givenName: hashedEmail, familyName: hashedEmail, regionCode: "US", postalCode: "94103" } }
    ]
  },
  eventDeviceInfo: { userAgent: "UA", ipAddress: "93.184.216.34" },
  cartData: { items: [{ merchantProductId: "s1", quantity: "1", unitPrice: 99.9 }] }
})

const destination: JsonObject = {
  reference: "d1",
  operatingAccount: { accountType: "GOOGLE_ADS", accountId: "1234567890" },
  productDestinationId: "987654321"
}

const request = (events: ReadonlyArray<Json>, more: JsonObject = {}): JsonObject => ({
  destinations: [destination],
  encoding: "HEX",
  consent: { adUserData: "CONSENT_GRANTED", adPersonalization: "CONSENT_GRANTED" },
  events,
  ...more
})

const ingest = (client: Client, body: JsonObject) => client.post("google", "/v1/events:ingest", body, token)

const status = async (client: Client, requestId: Json | undefined) =>
  (await client.get("google", `/v1/requestStatus:retrieve?requestId=${requestId}`, token)).body

const violation = (body: JsonObject, key: string) => at(body, `error.details.2.fieldViolations.0.${key}`)

describe("Google's Data Manager sandbox", () => {
  withSandbox("answers a request id whose status goes from PROCESSING to SUCCESS", async (client) => {
    const reply = await ingest(client, request([event("o-1"), event("o-2")]))
    assert.strictEqual(reply.status, 200)
    const processing = await status(client, reply.body.requestId)
    assertAt(processing, "requestStatusPerDestination.0.requestStatus", "PROCESSING")
    await client.control("POST", "clock", { offset_ms: 2000 })
    const done = await status(client, reply.body.requestId)
    assertAt(done, "requestStatusPerDestination.0.requestStatus", "SUCCESS")
    assertAt(done, "requestStatusPerDestination.0.eventsIngestionStatus.recordCount", "2")
    assertAt(done, "requestStatusPerDestination.0.destination.productDestinationId", "987654321")
  })

  withSandbox("reports a repeated transaction id and denied consent later, as counts", async (client) => {
    await ingest(client, request([event("o-1")]))
    const denied = { ...event("o-3"), consent: { adUserData: "CONSENT_DENIED" } }
    const reply = await ingest(client, request([event("o-1"), event("o-2"), denied]))
    await client.control("POST", "clock", { offset_ms: 2000 })
    const done = await status(client, reply.body.requestId)
    assertAt(done, "requestStatusPerDestination.0.requestStatus", "PARTIAL_SUCCESS")
    assertAt(done, "requestStatusPerDestination.0.errorInfo.errorCounts", [
      { recordCount: "1", reason: "PROCESSING_ERROR_REASON_DUPLICATE_TRANSACTION_ID" },
      { recordCount: "1", reason: "PROCESSING_ERROR_REASON_DENIED_CONSENT" }
    ])
    assertAt(await client.control("GET", "stats"), "platforms.google.duplicates", 1)
  })

  withSandbox("names a bad event by its index and stores nothing of the request", async (client) => {
    const bad = changed(event("o-2"), "userData.userIdentifiers", [
      { emailAddress: hashedEmail },
      { phoneNumber: "+14155550132" }
    ])
    const reply = await ingest(client, request([event("o-1"), bad]))
    assert.strictEqual(reply.status, 400)
    assertAt(reply.body, "error.status", "INVALID_ARGUMENT")
    assertAt(reply.body, "error.details.0.@type", "type.googleapis.com/google.rpc.ErrorInfo")
    assert.strictEqual(
      at(reply.body, "error.details.0.metadata.requestId"),
      at(reply.body, "error.details.1.requestId")
    )
    assert.strictEqual(violation(reply.body, "field"), "events.events[1].user_data.user_identifiers[1]")
    assert.strictEqual(violation(reply.body, "reason"), "INVALID_HEX_ENCODING")
    assertAt(await client.control("GET", "stats"), "platforms.google.events", 0)
  })

  withSandbox("names every bad event of a request", async (client) => {
    const bad = (id: string) => changed(event(id), "currency", "XXQ")
    const reply = await ingest(client, request([bad("a"), event("b"), bad("c")]))
    const fields = at(reply.body, "error.details.2.fieldViolations") as ReadonlyArray<JsonObject>
    assert.deepStrictEqual(
      fields.map((one) => [one.field, one.reason]),
      [
        ["events.events[0].currency", "INVALID_CURRENCY_CODE"],
        ["events.events[2].currency", "INVALID_CURRENCY_CODE"]
      ]
    )
  })

  withSandbox("applies each documented rule of an event", async (client) => {
    const address = { givenName: hashedEmail, familyName: hashedEmail, regionCode: "US", postalCode: "94103" }
    const identifiers = (one: JsonObject) => ({ userIdentifiers: [one] })
    const refused: ReadonlyArray<readonly [string, Json | undefined, string]> = [
      ["eventTimestamp", undefined, "REQUIRED_FIELD_MISSING"],
      ["eventTimestamp", "2026-11-23 10:00:00", "EVENT_TIME_INVALID"],
      ["eventTimestamp", rfc3339(-3600), "EVENT_TIME_INVALID"],
      ["eventTimestamp", rfc3339(91 * 86_400), "EVENT_TIME_INVALID"],
      ["eventSource", undefined, "REQUIRED_FIELD_MISSING"],
      ["eventSource", "WEBSITE", "INVALID_ENUM_VALUE"],
      ["conversionValue", "12", "INVALID_FORMAT"],
      ["consent", { adUserData: "GRANTED" }, "INVALID_ENUM_VALUE"],
      ["cartData", { items: [{ quantity: 1 }] }, "INVALID_NUMBER_FORMAT"],
      ["eventDeviceInfo", { ipAddress: "1.2.3" }, "INVALID_FORMAT"],
      ["userData", identifiers({ emailAddress: hashedEmail.slice(2) }), "INVALID_SHA256_FORMAT"],
      ["userData", identifiers({ address: { ...address, regionCode: "us" } }), "INVALID_COUNTRY_CODE"],
      ["userData", identifiers({ address: changed(address, "postalCode", undefined) }), "REQUIRED_FIELD_MISSING"],
      ["userData", identifiers({ emailAddress: hashedEmail, phoneNumber: hashedEmail }), "INVALID_FORMAT"],
      [
        "userData",
        { userIdentifiers: Array.from({ length: 11 }, () => ({ emailAddress: hashedEmail })) },
        "TOO_MANY_USER_IDENTIFIERS"
      ],
      ["destinationReferences", ["d2"], "INVALID_DESTINATION"]
    ]
    for (const [key, value, reason] of refused) {
      const reply = await ingest(client, request([changed(event("o"), key, value)]))
      assert.strictEqual(reply.status, 400, key)
      assert.strictEqual(violation(reply.body, "reason"), reason, `${key} = ${JSON.stringify(value)}: ${reply.text}`)
    }
    const anonymous = changed(changed(event("o"), "userData", undefined), "adIdentifiers", undefined)
    assert.strictEqual(
      violation((await ingest(client, request([anonymous]))).body, "reason"),
      "NO_IDENTIFIERS_PROVIDED"
    )
  })

  withSandbox("refuses a name it does not know, with the path of the JSON reader", async (client) => {
    const reply = await ingest(client, request([event("a"), { ...event("b"), event_id: "b" }]))
    assert.strictEqual(reply.status, 400)
    assert.strictEqual(violation(reply.body, "field"), "events[1]")
    assert.include(String(violation(reply.body, "description")), 'Unknown name "event_id"')
  })

  withSandbox("applies the rules of a request", async (client) => {
    const refused: ReadonlyArray<readonly [JsonObject, string]> = [
      [request([]), "REQUIRED_FIELD_MISSING"],
      [changed(request([event("o")]), "encoding", undefined), "REQUIRED_FIELD_MISSING"],
      [request([event("o")], { destinations: [] }), "REQUIRED_FIELD_MISSING"],
      [request([event("o")], { destinations: [destination, destination] }), "DUPLICATE_DESTINATION_REFERENCE"],
      [request([event("o")], { destinations: Array.from({ length: 11 }, () => destination) }), "TOO_MANY_DESTINATIONS"],
      [
        request([event("o")], { destinations: [{ ...destination, productDestinationId: "customers/1" }] }),
        "INVALID_CONVERSION_ACTION_ID"
      ],
      [request(Array.from({ length: 2001 }, (_, index) => event(`o-${index}`))), "TOO_MANY_EVENTS"]
    ]
    for (const [body, reason] of refused)
      assert.strictEqual(violation((await ingest(client, body)).body, "reason"), reason, reason)
  })

  withSandbox("validates only, without a status", async (client) => {
    const reply = await ingest(client, request([event("o")], { validateOnly: true }))
    assert.strictEqual(reply.status, 200)
    const answer = await client.get("google", `/v1/requestStatus:retrieve?requestId=${reply.body.requestId}`, token)
    assert.strictEqual(answer.status, 400)
    assert.strictEqual(violation(answer.body, "reason"), "INVALID_REQUEST_ID")
    assertAt(await client.control("GET", "stats"), "platforms.google.events", 0)
  })

  withSandbox("allows 300 requests a minute and names the quota", async (client) => {
    const body = JSON.stringify(request([event("o")], { validateOnly: true }))
    for (let index = 0; index < 300; index++) await client.post("google", "/v1/events:ingest", body, token)
    const reply = await client.post("google", "/v1/events:ingest", body, token)
    assert.strictEqual(reply.status, 429)
    assertAt(reply.body, "error.status", "RESOURCE_EXHAUSTED")
    assert.isString(at(reply.body, "error.details.0.metadata.quota_limit"))
    const read = await client.get("google", "/v1/requestStatus:retrieve?requestId=x", token)
    assert.strictEqual(read.status, 400, "reads are counted apart")
  })
})

describe("Google's token endpoint", () => {
  const refresh = (client: Client, changes: Record<string, string> = {}) =>
    client.post(
      "google-oauth",
      "/token",
      new URLSearchParams({
        client_id: "sandbox-client-id",
        client_secret: "sandbox-client-secret",
        refresh_token: "sandbox-refresh-token",
        grant_type: "refresh_token",
        ...changes
      }).toString(),
      { "content-type": "application/x-www-form-urlencoded" }
    )

  const withToken = (client: Client, accessToken: Json | undefined) =>
    client.post("google", "/v1/events:ingest", request([event("o")]), { authorization: `Bearer ${accessToken}` })

  withSandbox("gives an access token that the API takes until it expires", async (client) => {
    const { body } = await refresh(client)
    assertAt(body, "token_type", "Bearer")
    assertAt(body, "expires_in", 3599)
    assert.strictEqual((await withToken(client, body.access_token)).status, 200)
    await client.control("POST", "clock", { offset_ms: 3_600_000 })
    const late = await withToken(client, body.access_token)
    assert.strictEqual(late.status, 401)
    assertAt(late.body, "error.status", "UNAUTHENTICATED")
  })

  withSandbox("refuses a wrong client, a revoked token and another grant", async (client) => {
    assertAt((await refresh(client, { client_secret: "x" })).body, "error", "invalid_client")
    assertAt((await refresh(client, { refresh_token: "x" })).body, "error", "invalid_grant")
    assertAt((await refresh(client, { grant_type: "password" })).body, "error", "unsupported_grant_type")
    assert.strictEqual((await withToken(client, "wrong")).status, 401)
  })

  withSandbox("after a scripted expiry a refresh gives a good token", async (client) => {
    const before = (await refresh(client)).body.access_token
    await client.control("POST", "clock", { offset_ms: 10 })
    await client.control("POST", "faults", { kind: "expired_token", platform: "google" })
    assert.strictEqual((await withToken(client, before)).status, 401)
    const after = (await refresh(client)).body.access_token
    assert.strictEqual((await withToken(client, after)).status, 200)
    await client.control("POST", "faults", { kind: "revoked_refresh", platform: "google-oauth" })
    assertAt((await refresh(client)).body, "error", "invalid_grant")
  })

  withSandbox(
    "refuses a token without the scope",
    async (client) => {
      const { body } = await refresh(client)
      const reply = await withToken(client, body.access_token)
      assert.strictEqual(reply.status, 403)
      assertAt(reply.body, "error.details.0.reason", "ACCESS_TOKEN_SCOPE_INSUFFICIENT")
    },
    { google: { refreshTokens: { "sandbox-refresh-token": "https://www.googleapis.com/auth/adwords" } } }
  )
})
