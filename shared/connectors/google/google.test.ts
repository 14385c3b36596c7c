import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Redacted from "effect/Redacted"
import { contextOf, json, mappedEvent, secretValue } from "../../testing/connector-fixture.ts"
import { connectionOf, purchase } from "../../testing/event-fixture.ts"
import type { Json } from "../connector.ts"
import { mapForConnection } from "../mapping/map.ts"
import { connectorFor } from "../registry.ts"
import { probe, probeVerdict, readRequestStatus, request, requestStatusRequest, verdict } from "./exchange.ts"
import { readRefresh, refreshRequest } from "./oauth.ts"

const context = contextOf("google", ["refresh_token", "client_id", "client_secret", "access_token"])
const events = [0, 1, 2].map((index) => mappedEvent(index, { batch_group: "action=987" }))
const failure = (status: number, name: string, details: ReadonlyArray<Json>) =>
  json(status, { error: { code: status, status: name, message: "There was a problem with the request.", details } })
const detail = (type: string, more: Record<string, Json>): Json => ({
  "@type": `type.googleapis.com/google.rpc.${type}`,
  ...more
})
const violations = (...fields: ReadonlyArray<readonly [string, string]>): Json =>
  detail("BadRequest", {
    fieldViolations: fields.map(([field, reason]) => ({ field, reason, description: "Malformed." }))
  })

describe("Google's request", () => {
  it("has one destination: the operating account and the group's action", () => {
    const account = {
      operating_account_id: "123-456-7890",
      login_account_id: "111",
      login_account_type: "DATA_PARTNER"
    }
    const spec = request(events, { ...context, connection: { ...context.connection, account } })
    assert.strictEqual(spec.url, "https://platform.example/v9/events:ingest")
    const { events: sent, ...envelope } = JSON.parse(spec.body ?? "")
    assert.strictEqual(sent.length, 3)
    assert.deepStrictEqual(envelope, {
      destinations: [
        {
          reference: "987",
          operatingAccount: { accountType: "GOOGLE_ADS", accountId: "1234567890" },
          loginAccount: { accountType: "DATA_PARTNER", accountId: "111" },
          productDestinationId: "987"
        }
      ],
      encoding: "HEX",
      validateOnly: false
    })
  })

  it("only validates where it probes or tests", () => {
    assert.isTrue(JSON.parse(probe(context).body ?? "").validateOnly)
    const testing = { ...context, connection: { ...context.connection, testEventCode: "T" } }
    assert.isTrue(JSON.parse(request(events, testing).body ?? "").validateOnly)
  })

  it("asks for a status by id", () => {
    const spec = requestStatusRequest("a b/c", context)
    assert.strictEqual(spec.url, "https://platform.example/v9/requestStatus:retrieve?requestId=a%20b%2Fc")
    assert.strictEqual(spec.method, "GET")
  })
})

describe("a connection that changes between Google's kinds", () => {
  it("sends what each kind maps, and never what the other one mapped", () => {
    const actions = { purchase: { to: null, action: "987", when: [] } }
    const mapped = (kind: "google" | "google-ads") => {
      const connection = connectionOf(kind, { events: actions, maxAgeDays: null })
      const found = mapForConnection(purchase(), connection, connectorFor(kind), null)
      return found._tag === "Mapped" ? found.event : assert.fail(JSON.stringify(found))
    }
    for (const [kind, other] of [
      ["google", "google-ads"],
      ["google-ads", "google"]
    ] as const) {
      const event = mapped(kind)
      assert.isNull(connectorFor(kind).unsendable?.(event, context))
      const verdict = connectorFor(other).unsendable?.(event, context)
      assert.deepInclude(verdict, { errorClass: "invalid_event", reasonCode: "mapped_for_other_api" })
      assert.include(verdict?.message ?? "", `of platform: ${kind};`)
    }
  })
})

describe("Google's verdict", () => {
  it("keeps the request's id for later, and warnings", () => {
    const answer = verdict(
      json(200, {
        requestId: "r-1",
        fieldWarnings: [{ reason: "INVALID_POSTAL_CODE", field: "events[0].x", description: "Odd." }]
      }),
      events
    )
    assert.deepInclude(answer, {
      requestId: "r-1",
      trackingId: "r-1",
      warnings: ["INVALID_POSTAL_CODE events[0].x Odd."]
    })
  })

  it("is done with what was validated only, with an id or without: there is no status to ask for", () => {
    for (const body of [{}, { requestId: "r-1" }]) {
      const answer = verdict(json(200, body), events, true)
      assert.strictEqual(answer._tag === "All" ? answer.verdict.errorClass : answer._tag, "delivered")
      assert.deepInclude(answer, { trackingId: null, eventsReceived: events.length })
    }
    const of = (answer: ReturnType<typeof verdict>) => (answer._tag === "All" ? answer.verdict.errorClass : answer._tag)
    assert.strictEqual(of(verdict(json(200, {}), events)), "unknown")
    assert.strictEqual(of(verdict({ status: 200, headers: {}, body: "<html>" }, events, true)), "unknown")
    assert.strictEqual(of(verdict(failure(400, "INVALID_ARGUMENT", []), events, true)), "SomeInvalid")
  })

  it("names every bad event by either form of the field, with its first reason", () => {
    const answer = verdict(
      failure(400, "INVALID_ARGUMENT", [
        detail("RequestInfo", { requestId: "t-1" }),
        violations(
          ["events.events[2].user_data.user_identifiers[1]", "INVALID_HEX_ENCODING"],
          ["events[0].event_timestamp", "REQUIRED_FIELD_MISSING"],
          ["events[0].currency", "INVALID_CURRENCY_CODE"],
          ["events[77].currency", "INVALID_CURRENCY_CODE"]
        )
      ]),
      events
    )
    assert.strictEqual(answer.requestId, "t-1")
    assert.strictEqual(answer._tag, "InvalidEvents")
    if (answer._tag !== "InvalidEvents") return
    const codes = [...answer.invalidEvents].map(([index, { reasonCode }]) => [index, reasonCode])
    assert.deepStrictEqual(codes, [
      [2, "INVALID_ARGUMENT/INVALID_HEX_ENCODING"],
      [0, "INVALID_ARGUMENT/REQUIRED_FIELD_MISSING"]
    ])
    assert.strictEqual(answer.invalidEvents.get(0)?.message, "events[0].event_timestamp: Malformed.")
  })

  it("does not blame events for the destination, not even beside bad events", () => {
    const answer = verdict(
      failure(400, "INVALID_ARGUMENT", [
        violations(
          ["events[0].currency", "INVALID_CURRENCY_CODE"],
          ["destinations[0].product_destination_id", "INVALID_FORMAT"]
        )
      ]),
      events
    )
    assert.strictEqual(answer._tag === "All" && answer.verdict.errorClass, "configuration")
  })

  it("bisects where nothing is named", () => {
    assert.strictEqual(verdict(failure(400, "INVALID_ARGUMENT", []), events)._tag, "SomeInvalid")
  })

  it("waits as long as RetryInfo says and names the quota", () => {
    const answer = verdict(
      failure(429, "RESOURCE_EXHAUSTED", [
        detail("RetryInfo", { retryDelay: "3.5s" }),
        detail("ErrorInfo", { reason: "RATE_LIMIT_EXCEEDED", metadata: { quota_limit: "RequestsPerMinute" } })
      ]),
      events
    )
    assert.strictEqual(Duration.toMillis(answer.retryAfter ?? Duration.zero), 3500)
    assert.deepStrictEqual(answer.warnings, ["Quota RequestsPerMinute is used up."])
  })

  it("takes missing events for the only fault of a probe, and no other", () => {
    const missing = failure(400, "INVALID_ARGUMENT", [violations(["events", "REQUIRED_FIELD_MISSING"])])
    assert.strictEqual(probeVerdict(missing).errorClass, "delivered")
    const both = failure(400, "INVALID_ARGUMENT", [
      violations(["events", "REQUIRED_FIELD_MISSING"], ["destinations[0].operating_account", "INVALID_DESTINATION"])
    ])
    assert.strictEqual(probeVerdict(both).errorClass, "configuration")
    assert.strictEqual(probeVerdict(failure(403, "PERMISSION_DENIED", [])).errorClass, "auth")
  })
})

describe("Google's later outcome", () => {
  const status = (requestStatus: string, more: Record<string, Json> = {}) =>
    readRequestStatus(json(200, { requestStatusPerDestination: [{ destination: {}, requestStatus, ...more }] }))
  const sent = { eventsIngestionStatus: { recordCount: "10" } }

  it("is pending while Google processes", () => {
    assert.deepStrictEqual(status("PROCESSING", sent), { _tag: "Pending", retryAfter: null })
    assert.strictEqual(status("REQUEST_STATUS_UNKNOWN")._tag, "Pending")
  })

  it("is final with all events", () => {
    assert.deepStrictEqual(status("SUCCESS", sent), { _tag: "Final", processed: 10, rejected: [], warnings: [] })
  })

  it("counts what was not taken, by reason, duplicates as such", () => {
    const errorCounts = [
      { recordCount: "3", reason: "PROCESSING_ERROR_REASON_DUPLICATE_TRANSACTION_ID" },
      { recordCount: "1", reason: "PROCESSING_ERROR_REASON_EVENT_TOO_OLD" }
    ]
    const reading = status("PARTIAL_SUCCESS", {
      ...sent,
      errorInfo: { errorCounts },
      warningInfo: { warningCounts: [{ recordCount: "2", reason: "PROCESSING_WARNING_REASON_INTERNAL_ERROR" }] }
    })
    assert.strictEqual(reading._tag, "Final")
    if (reading._tag !== "Final") return
    assert.strictEqual(reading.processed, 6)
    assert.deepStrictEqual(
      reading.rejected.map(({ verdict: { errorClass }, count }) => [errorClass, count]),
      [
        ["duplicate", 3],
        ["invalid_event", 1]
      ]
    )
    assert.deepStrictEqual(reading.warnings, ["PROCESSING_WARNING_REASON_INTERNAL_ERROR: 2 events."])
  })

  it("is a loss of all where a failed request has no counts", () => {
    const reading = status("FAILED", sent)
    assert.strictEqual(reading._tag === "Final" && reading.processed, 0)
    assert.strictEqual(reading._tag === "Final" && reading.rejected[0]?.count, 10)
  })

  it("is unreadable where the question failed", () => {
    const busy = readRequestStatus({ ...failure(429, "RESOURCE_EXHAUSTED", []), headers: { "retry-after": "9" } })
    assert.strictEqual(busy._tag === "Unreadable" && busy.verdict.errorClass, "throttled")
    assert.strictEqual(busy._tag === "Unreadable" && busy.retryAfter && Duration.toSeconds(busy.retryAfter), 9)
    assert.strictEqual(readRequestStatus({ status: 200, headers: {}, body: "<html>" })._tag, "Unreadable")
    const unknown = readRequestStatus(
      failure(400, "INVALID_ARGUMENT", [violations(["request_id", "INVALID_REQUEST_ID"])])
    )
    assert.strictEqual(unknown._tag === "Unreadable" && unknown.verdict.errorClass, "invalid_event")
  })
})

describe("Google's token refresh", () => {
  it("posts the documented form", () => {
    const spec = refreshRequest(context)
    assert.strictEqual(spec.url, "https://oauth2.googleapis.com/token")
    assert.deepStrictEqual(Object.keys(spec.secretForm ?? {}).sort(), [
      "client_id",
      "client_secret",
      "grant_type",
      "refresh_token"
    ])
    assert.strictEqual(Redacted.value(spec.secretForm!["refresh_token"]!), secretValue("refresh_token"))
  })

  it("goes to another host where the account names one", () => {
    const account = { ...context.connection.account, oauth_host: "http://127.0.0.1:99/" }
    assert.strictEqual(
      refreshRequest({ ...context, connection: { ...context.connection, account } }).url,
      "http://127.0.0.1:99/token"
    )
  })

  it("reads the token and its life", () => {
    const result = readRefresh(json(200, { access_token: "ya29.x", expires_in: 3599, token_type: "Bearer" }))
    assert.strictEqual(result._tag === "Token" && Redacted.value(result.accessToken), "ya29.x")
    assert.strictEqual(result._tag === "Token" && Duration.toSeconds(result.expiresIn), 3599)
  })

  it("distinguishes a revoked token from a busy endpoint", () => {
    const classOf = (status: number, body: Json) => {
      const result = readRefresh(json(status, body))
      return result._tag === "Refused" ? result.verdict.errorClass : result._tag
    }
    assert.strictEqual(classOf(400, { error: "invalid_grant", error_description: "Token has been revoked." }), "auth")
    assert.strictEqual(classOf(401, { error: "invalid_client" }), "auth")
    assert.strictEqual(classOf(503, {}), "transient")
    assert.strictEqual(classOf(200, {}), "unknown")
    assert.strictEqual(classOf(200, { access_token: "" }), "unknown")
  })

  it("blames the credential, and no event, for a refusal that is not documented", () => {
    const refused = (status: number, body: Json) => {
      const result = readRefresh(json(status, body))
      return result._tag === "Refused" ? [result.verdict.errorClass, result.verdict.message] : result._tag
    }
    const bare = { error: "restricted_client", error_description: "Unregistered scopes." }
    for (const status of [200, 400, 401, 403])
      assert.deepStrictEqual(refused(status, bare), ["auth", "Unregistered scopes."], `${status}`)
    assert.strictEqual(refused(400, { error: { code: 400, status: "INVALID_ARGUMENT" } })[0], "auth")
    assert.strictEqual(refused(429, bare)[0], "throttled")
    assert.strictEqual(refused(503, bare)[0], "transient")
  })
})
