import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Redacted from "effect/Redacted"
import { contextOf, json, mappedEvent, secretValue } from "../../testing/connector-fixture.ts"
import type { Json } from "../connector.ts"
import { googleAds } from "./connector.ts"
import { probe, request, verdict } from "./exchange.ts"

const context = contextOf("google-ads", [
  "refresh_token",
  "client_id",
  "client_secret",
  "developer_token",
  "access_token"
])
const events = [0, 1, 2].map((index) => mappedEvent(index, { batch_group: "operation=conversions" }))
const adsError = (errorCode: Record<string, string>, index?: number, more: Record<string, Json> = {}): Json => ({
  errorCode,
  message: "Not valid.",
  ...(index === undefined
    ? {}
    : { location: { fieldPathElements: [{ fieldName: "conversions", ...(index === 0 ? {} : { index }) }] } }),
  ...more
})
const details = (...errors: ReadonlyArray<Json>): Json => [
  { "@type": "type.googleapis.com/google.ads.googleads.v25.errors.GoogleAdsFailure", errors, requestId: "req-1" }
]
const row = { gclid: "x" }

describe("Google Ads' request", () => {
  it("uploads conversions with partial failure, the developer token and the manager's id", () => {
    const account = { customer_id: "123-456-7890", login_customer_id: "999-888-7777" }
    const spec = request(events, { ...context, connection: { ...context.connection, account } })
    assert.strictEqual(spec.url, "https://platform.example/v9/customers/1234567890:uploadClickConversions")
    assert.strictEqual(spec.headers["login-customer-id"], "9998887777")
    assert.strictEqual(Redacted.value(spec.secretHeaders["developer-token"]!), secretValue("developer_token"))
    const { conversions, ...envelope } = JSON.parse(spec.body ?? "")
    assert.strictEqual(conversions.length, 3)
    assert.deepStrictEqual(envelope, { partialFailure: true, validateOnly: false })
  })

  it("leaves the developer token out where the credential has none", () => {
    const bare = contextOf("google-ads", ["refresh_token", "client_id", "client_secret", "access_token"])
    assert.deepStrictEqual(Object.keys(request(events, bare).secretHeaders), ["authorization"])
    assert.deepStrictEqual(Object.keys(probe(bare).secretHeaders), ["authorization"])
    assert.notInclude(googleAds.credential.required, "developer_token")
    assert.strictEqual(googleAds.endpoint.version, "v26")
  })

  it("uploads adjustments where the group says so", () => {
    const spec = request([mappedEvent(0, { batch_group: "operation=adjustments" })], context)
    assert.match(spec.url, /:uploadConversionAdjustments$/)
    assert.isArray(JSON.parse(spec.body ?? "").conversionAdjustments)
  })
})

describe("Google Ads' verdict", () => {
  const partly = (results: ReadonlyArray<Json>, ...errors: ReadonlyArray<Json>) =>
    verdict(
      json(200, {
        partialFailureError: { code: 3, message: "Multiple errors.", details: details(...errors) },
        results
      }),
      events
    )
  const classes = (answer: ReturnType<typeof verdict>) =>
    answer._tag === "PerEvent" ? answer.events.map(({ errorClass }) => errorClass) : answer._tag

  it("judges each row: taken, duplicate, bad, and a zero index that JSON leaves out", () => {
    const answer = partly(
      [{}, row, {}],
      adsError({ conversionUploadError: "ORDER_ID_ALREADY_IN_USE" }, 0),
      adsError({ conversionUploadError: "EXPIRED_EVENT" }, 2)
    )
    assert.deepStrictEqual(classes(answer), ["duplicate", "delivered", "invalid_event"])
    assert.deepInclude(answer, { requestId: "req-1", eventsReceived: 2 })
    assert.strictEqual(
      answer._tag === "PerEvent" && answer.events[2]?.reasonCode,
      "conversionUploadError.EXPIRED_EVENT"
    )
  })

  it("takes what was validated only, which has no results, by its errors alone", () => {
    const whole = verdict(json(200, { jobId: "4" }), events, true)
    assert.strictEqual(whole._tag === "All" ? whole.verdict.errorClass : whole._tag, "delivered")
    const sent = verdict(json(200, { jobId: "4" }), events)
    assert.strictEqual(sent._tag === "All" ? sent.verdict.errorClass : sent._tag, "unknown")
    const tested = (...errors: ReadonlyArray<Json>) => {
      const partialFailureError = { code: 3, message: "Multiple errors.", details: details(...errors) }
      return classes(verdict(json(200, { partialFailureError, jobId: "4" }), events, true))
    }
    const named = adsError({ conversionUploadError: "UNPARSEABLE_GCLID" }, 1)
    assert.deepStrictEqual(tested(named), ["delivered", "invalid_event", "delivered"])
    const general = adsError({ quotaError: "RESOURCE_EXHAUSTED" })
    assert.deepStrictEqual(tested(named, general), ["throttled", "invalid_event", "throttled"])
    assert.deepStrictEqual(tested(), ["unknown", "unknown", "unknown"])
    const page = verdict({ status: 200, headers: {}, body: "<html>" }, events, true)
    assert.strictEqual(page._tag === "All" ? page.verdict.errorClass : page._tag, "unknown")
  })

  const failed = (status: number, name: string | null, ...errors: ReadonlyArray<Json>) =>
    verdict(
      json(status, {
        error: { code: status, message: "No.", ...(name === null ? {} : { status: name }), details: details(...errors) }
      }),
      events
    )
  const wholeOf = (answer: ReturnType<typeof verdict>) => (answer._tag === "All" ? answer.verdict : null)

  it("falls back on the gRPC status and the element's index where the family is not listed", () => {
    const bad = { brandNewError: "MALFORMED" }
    for (const name of ["INVALID_ARGUMENT", null]) {
      const answer = failed(400, name, adsError(bad, 1))
      assert.deepStrictEqual(answer._tag === "InvalidEvents" ? [...answer.invalidEvents.keys()] : answer._tag, [1])
      const invalidEvent = answer._tag === "InvalidEvents" ? answer.invalidEvents.get(1) : undefined
      assert.deepInclude(invalidEvent ?? {}, { errorClass: "invalid_event", reasonCode: "brandNewError.MALFORMED" })
    }
    assert.strictEqual(failed(400, "INVALID_ARGUMENT", adsError(bad))._tag, "SomeInvalid")
    const [denied, busy, gone, asleep] = [
      failed(403, "PERMISSION_DENIED", adsError(bad, 1)),
      failed(429, "RESOURCE_EXHAUSTED", adsError(bad)),
      failed(404, "NOT_FOUND", adsError(bad)),
      failed(503, "UNAVAILABLE", adsError(bad))
    ].map((answer) => wholeOf(answer)?.errorClass)
    assert.deepStrictEqual([denied, busy, gone, asleep], ["configuration", "throttled", "configuration", "transient"])
    assert.deepStrictEqual(classes(partly([row, {}, row], adsError(bad, 1))), [
      "delivered",
      "invalid_event",
      "delivered"
    ])
  })

  it("takes an index at the beginning of the path for the element's, whatever the list is called, and no later one", () => {
    const at = (...fieldPathElements: ReadonlyArray<Json>) =>
      failed(
        400,
        "INVALID_ARGUMENT",
        adsError({ fieldError: "REQUIRED" }, undefined, { location: { fieldPathElements } })
      )
    const first = at({ fieldName: "events", index: 2 }, { fieldName: "user_identifiers", index: 0 })
    assert.deepStrictEqual(first._tag === "InvalidEvents" ? [...first.invalidEvents.keys()] : first._tag, [2])
    assert.strictEqual(at({ fieldName: "events" }, { fieldName: "user_identifiers", index: 2 })._tag, "SomeInvalid")
  })

  it("says what to do for the Cloud project's access, the scope and 2-step verification", () => {
    const steps: ReadonlyArray<readonly [Record<string, string>, string, RegExp]> = [
      [
        { authorizationError: "CLOUD_PROJECT_NOT_APPROVED_FOR_PRODUCTION" },
        "configuration",
        /access level of the Google Cloud project/
      ],
      [
        { authorizationError: "DEVELOPER_TOKEN_NOT_APPROVED" },
        "configuration",
        /access level of the Google Cloud project/
      ],
      [{ authorizationError: "PROJECT_DISABLED" }, "configuration", /Enable the Google Ads API/],
      [{ authorizationError: "MISSING_SCOPE" }, "auth", /adwords scope/],
      [{ authorizationError: "USER_PERMISSION_DENIED" }, "configuration", /login_customer_id/],
      [{ authenticationError: "TWO_STEP_VERIFICATION_NOT_ENROLLED" }, "configuration", /2-Step Verification/],
      [{ authenticationError: "ADVANCED_PROTECTION_NOT_ENROLLED" }, "configuration", /Advanced Protection/],
      [
        { authenticationError: "ORGANIZATION_NOT_APPROVED" },
        "configuration",
        /organization of the Google Cloud project/
      ]
    ]
    for (const [code, errorClass, step] of steps) {
      const whole = wholeOf(failed(403, "PERMISSION_DENIED", adsError(code)))
      assert.strictEqual(whole?.errorClass, errorClass, JSON.stringify(code))
      assert.match(whole?.nextStep ?? "", step)
    }
    const info = { "@type": "type.googleapis.com/google.rpc.ErrorInfo", reason: "ACCESS_TOKEN_SCOPE_INSUFFICIENT" }
    const scope = verdict(
      json(403, {
        error: { code: 403, status: "PERMISSION_DENIED", message: "Insufficient scopes.", details: [info] }
      }),
      events
    )
    assert.match(wholeOf(scope)?.nextStep ?? "", /adwords scope/)
  })

  it("makes a click that is too recent wait alone", () => {
    const answer = partly([row, {}, row], adsError({ conversionUploadError: "TOO_RECENT_EVENT" }, 1))
    assert.deepStrictEqual(classes(answer), ["delivered", "transient", "delivered"])
    const wait = answer._tag === "PerEvent" ? answer.events[1]?.retryAfter : undefined
    assert.strictEqual(Duration.toHours(wait ?? Duration.zero), 6)
    assert.isNull(answer.retryAfter)
  })

  it("gives up a row that can't succeed, whatever else it has", () => {
    const answer = partly(
      [row, {}, row],
      adsError({ internalError: "TRANSIENT_ERROR" }, 1),
      adsError({ conversionUploadError: "UNPARSEABLE_GCLID" }, 1)
    )
    assert.deepStrictEqual(classes(answer), ["delivered", "invalid_event", "delivered"])
  })

  it("blames an error without an index on the rows that failed, and on no others", () => {
    const answer = partly([row, {}, row], adsError({ internalError: "INTERNAL_ERROR" }))
    assert.deepStrictEqual(classes(answer), ["delivered", "transient", "delivered"])
  })

  it("takes a failed row that nothing explains for not understood", () => {
    assert.deepStrictEqual(classes(partly([row, {}, row])), ["delivered", "unknown", "delivered"])
  })

  it("waits as long as the quota error says", () => {
    const body = {
      error: {
        code: 429,
        status: "RESOURCE_EXHAUSTED",
        message: "Quota.",
        details: details(
          adsError({ quotaError: "RESOURCE_EXHAUSTED" }, undefined, {
            details: { quotaErrorDetails: { retryDelay: "120s" } }
          })
        )
      }
    }
    const answer = verdict(json(429, body), events)
    assert.strictEqual(Duration.toSeconds(answer.retryAfter ?? Duration.zero), 120)
  })

  it("retries a concurrent modification, though it comes as 400", () => {
    const body = {
      error: {
        code: 400,
        status: "INVALID_ARGUMENT",
        details: details(adsError({ databaseError: "CONCURRENT_MODIFICATION" }))
      }
    }
    const answer = verdict(json(400, body), events)
    assert.strictEqual(answer._tag === "All" && answer.verdict.errorClass, "transient")
  })

  it("says that the developer token may not upload, and where to go instead", () => {
    const body = {
      error: {
        code: 403,
        status: "PERMISSION_DENIED",
        details: details(adsError({ notAllowlistedError: "CUSTOMER_NOT_ALLOWLISTED_FOR_THIS_FEATURE" }))
      }
    }
    const answer = verdict(json(403, body), events)
    assert.strictEqual(answer._tag === "All" && answer.verdict.errorClass, "configuration")
    assert.include(answer._tag === "All" ? (answer.verdict.nextStep ?? "") : "", "Data Manager")
  })

  it("names the invalid events of a request that was refused whole", () => {
    const body = {
      error: { code: 400, status: "INVALID_ARGUMENT", details: details(adsError({ dateError: "INVALID_FORMAT" }, 2)) }
    }
    const answer = verdict(json(400, body), events)
    assert.deepStrictEqual(answer._tag === "InvalidEvents" ? [...answer.invalidEvents.keys()] : answer._tag, [2])
  })
})
