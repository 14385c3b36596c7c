import { assert, describe, it } from "@effect/vitest"
import * as Redacted from "effect/Redacted"
import { contextOf, json, mappedEvent, secretValue } from "../../testing/connector-fixture.ts"
import { probe, probeVerdict, request, verdict } from "./exchange.ts"

const context = contextOf("tiktok", ["access_token"])
const events = [0, 1, 2, 3].map((index) =>
  mappedEvent(index, { batch_group: "event_source=web&event_source_id=PIXEL" })
)
const answer = (code: number, message: string) => json(200, { code, message, request_id: "2026", data: {} })

describe("TikTok's request", () => {
  it("has the documented address with its slash, the token header and the group's event source", () => {
    const connection = { ...context.connection, testEventCode: "TEST1", partnerName: "relay" }
    const spec = request([events[0]!], { ...context, connection })
    assert.strictEqual(spec.url, "https://platform.example/open_api/v9/event/track/")
    assert.strictEqual(Redacted.value(spec.secretHeaders["access-token"]!), secretValue("access_token"))
    assert.strictEqual(
      spec.body,
      `{"data":[${events[0]!.payload}],"event_source":"web","event_source_id":"PIXEL","test_event_code":"TEST1","partner_name":"relay"}`
    )
  })

  it("probes the first source that the connection has", () => {
    const connection = { ...context.connection, account: { offline_event_set_id: "77" } }
    const body = JSON.parse(probe({ ...context, connection }).body ?? "")
    assert.deepInclude(body, { event_source: "offline", event_source_id: "77" })
  })
})

describe("TikTok's verdict", () => {
  it("names every bad event, each with its own words", () => {
    const verdicts = verdict(
      answer(40002, "Batch.0.properties.value: Not a valid number., Batch.3.event: Missing data for required field."),
      events
    )
    assert.strictEqual(verdicts._tag, "InvalidEvents")
    if (verdicts._tag !== "InvalidEvents") return
    assert.deepStrictEqual([...verdicts.invalidEvents.keys()], [0, 3])
    assert.strictEqual(verdicts.invalidEvents.get(3)?.message, "Batch.3.event: Missing data for required field.")
    assert.strictEqual(verdicts.requestId, "2026")
  })

  it("does not blame events for the envelope", () => {
    const verdicts = verdict(answer(40002, "event_source_id: Missing data for required field."), events)
    assert.strictEqual(verdicts._tag === "All" && verdicts.verdict.errorClass, "configuration")
  })

  it("knows a field of the envelope in either form of TikTok's messages, and no field of an event for one", () => {
    const classOf = (message: string) => {
      const found = verdict(answer(40002, message), events)
      return found._tag === "All" ? found.verdict.errorClass : found._tag
    }
    for (const message of [
      "Invalid value for event_source_id: not a valid string.",
      "Invalid value for event_source_id",
      "Invalid value for event_source."
    ]) {
      assert.strictEqual(classOf(message), "configuration", message)
      assert.strictEqual(probeVerdict(answer(40002, message)).errorClass, "configuration", message)
    }
    for (const message of ["Invalid value for event_id: not a valid string.", "Invalid value for data.3.event: odd"])
      assert.strictEqual(classOf(message), "SomeInvalid", message)
    assert.strictEqual(probeVerdict(answer(40002, "Invalid value for data: too short.")).errorClass, "delivered")
  })

  it("bisects an error that names nothing or an event that was not sent", () => {
    assert.strictEqual(verdict(answer(40062, "PII is not hashed"), events)._tag, "SomeInvalid")
    assert.strictEqual(verdict(answer(40002, "Batch.44.event: Missing"), events)._tag, "SomeInvalid")
  })

  it("takes partial success as success, with a warning and without a count", () => {
    const verdicts = verdict(answer(20001, "Partial success"), events)
    assert.strictEqual(verdicts._tag === "All" && verdicts.verdict.errorClass, "delivered")
    assert.deepStrictEqual(verdicts.warnings, ["20001: Partial success"])
    assert.isNull(verdicts.eventsReceived)
  })

  it("reads a code written as text", () => {
    const verdicts = verdict(json(200, { code: "40100", message: "Too frequent" }), events)
    assert.strictEqual(verdicts._tag === "All" && verdicts.verdict.errorClass, "throttled")
  })

  it("sees at the probe whether token and source are right", () => {
    assert.strictEqual(probeVerdict(answer(40002, "data: Shorter than minimum length 1.")).errorClass, "delivered")
    assert.strictEqual(probeVerdict(answer(40061, "Batch size must be 1 to 1000")).errorClass, "delivered")
    assert.strictEqual(probeVerdict(answer(40002, "event_source_id: Invalid")).errorClass, "configuration")
    assert.strictEqual(probeVerdict(answer(40001, "No permission")).errorClass, "configuration")
  })
})
