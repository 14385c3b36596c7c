import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import { contextOf, json, mappedEvent } from "../../testing/connector-fixture.ts"
import type { Json } from "../connector.ts"
import { probe, probeVerdict, request, verdict } from "./exchange.ts"

const events = [mappedEvent(0), mappedEvent(1), mappedEvent(2)]
const context = contextOf("pinterest", ["access_token"])
const item = (status: Json, error_message: Json = "", warning_message: Json = "") => ({
  status,
  error_message,
  warning_message
})
const mixed = {
  num_events_received: 3,
  num_events_processed: 1,
  events: [item("processed", "", "value without currency"), item("failed", "em: not a hash"), item("later")]
}

describe("Pinterest's request", () => {
  it("goes to the ad account, and as a test where the connection has a test code", () => {
    const url = "https://platform.example/v9/ad_accounts/549755885175/events"
    assert.strictEqual(request(events, context).url, url)
    const testing = { ...context, connection: { ...context.connection, testEventCode: "on" } }
    assert.strictEqual(request(events, testing).url, `${url}?test=true`)
    assert.strictEqual(probe(context).url, `${url}?test=true`)
    assert.strictEqual(probe(context).body, '{"data":[]}')
  })
})

describe("Pinterest's verdict", () => {
  it.each([
    ["in the body of 200", 200, mixed],
    ["in the body of 422", 422, mixed],
    ["in the details of 422", 422, { code: 422, message: "Not all events were processed.", details: mixed }]
  ] as const)("is a status for each event %s", (_name, status, body) => {
    const result = verdict(json(status, body), events)
    assert.strictEqual(result._tag, "PerEvent")
    if (result._tag !== "PerEvent") return
    assert.deepStrictEqual(
      result.events.map(({ errorClass, reasonCode }) => `${errorClass}:${reasonCode}`),
      ["delivered:null", "invalid_event:event_failed", "unknown:http_422"]
    )
    assert.strictEqual(result.events[1]?.message, "em: not a hash")
    assert.deepStrictEqual([result.eventsReceived, result.warnings], [3, ["value without currency"]])
  })

  it("knows nothing of events that the list leaves out", () => {
    const result = verdict(json(200, { events: [item("processed")] }), events)
    assert.deepStrictEqual(result._tag === "PerEvent" ? result.events.map(({ errorClass }) => errorClass) : [], [
      "delivered",
      "unknown",
      "unknown"
    ])
  })

  it("blames no other event where the list has something else in one's place", () => {
    const classes = (list: ReadonlyArray<Json>) => {
      const result = verdict(json(200, { events: list }), events)
      return result._tag === "PerEvent" ? result.events.map(({ errorClass }) => errorClass) : result._tag
    }
    for (const other of [null, "failed", 1, []])
      assert.deepStrictEqual(
        classes([other, item("failed", "em: not a hash"), item("processed")]),
        ["unknown", "invalid_event", "delivered"],
        JSON.stringify(other)
      )
  })

  it("is the error's where nothing was taken", () => {
    const whole = (status: number, code: number) => {
      const result = verdict(json(status, { code, message: "No." }), events)
      return result._tag === "All" || result._tag === "SomeInvalid"
        ? `${result._tag}:${result.verdict.errorClass}:${result.verdict.reasonCode}`
        : result._tag
    }
    assert.strictEqual(whole(400, 4196), "SomeInvalid:invalid_event:invalid_request:4196")
    assert.strictEqual(whole(422, 4711), "SomeInvalid:invalid_event:not_processed:4711")
    assert.strictEqual(whole(401, 2), "All:auth:authentication_failed:2")
    assert.strictEqual(whole(403, 29), "All:configuration:not_permitted:29")
    assert.strictEqual(whole(429, 8), "All:throttled:rate_limited:8")
    assert.strictEqual(whole(503, 4197), "All:transient:endpoint_ramped_down:4197")
    const throttled = verdict(json(429, { code: 8, message: "Slow." }, { "retry-after": "9" }), events)
    assert.strictEqual(Duration.toSeconds(throttled.retryAfter ?? Duration.zero), 9)
  })

  it("of a probe is good where only the events are missing", () => {
    assert.strictEqual(probeVerdict(json(400, { code: 4196, message: "data" })).errorClass, "delivered")
    assert.strictEqual(probeVerdict(json(200, { events: [] })).errorClass, "delivered")
    assert.strictEqual(probeVerdict(json(403, { code: 29, message: "No." })).errorClass, "configuration")
  })
})
