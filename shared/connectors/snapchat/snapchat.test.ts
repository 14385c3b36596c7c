import { assert, describe, it } from "@effect/vitest"
import * as Redacted from "effect/Redacted"
import { contextOf, json, mappedEvent, secretValue } from "../../testing/connector-fixture.ts"
import { probe, probeVerdict, request, verdict } from "./exchange.ts"

const context = contextOf("snapchat", ["access_token"])
const events = [0, 1, 2].map((index) => mappedEvent(index, { batch_group: "asset=pixel-1" }))

describe("Snap's request", () => {
  it("goes to the group's asset, with the token as a secret parameter", () => {
    const spec = request(events.slice(0, 1), { ...context, connection: { ...context.connection, testEventCode: "T1" } })
    assert.strictEqual(spec.url, "https://platform.example/v9/pixel-1/events")
    assert.strictEqual(Redacted.value(spec.secretParams["access_token"]!), secretValue("access_token"))
    assert.deepStrictEqual(spec.secretHeaders, {})
    assert.strictEqual(spec.body, `{"data":[${events[0]!.payload}],"test_event_code":"T1"}`)
  })

  it("validates only when it probes, with the app where there is no pixel", () => {
    const connection = { ...context.connection, account: { app_id: "app-1" } }
    assert.strictEqual(probe({ ...context, connection }).url, "https://platform.example/v9/app-1/events/validate")
  })
})

describe("Snap's verdict", () => {
  it("names the bad event, with Snap's code and both its texts", () => {
    const answer = verdict(
      json(200, { status: "INVALID", reason: "Bad.", event: 2, errors: { codes: ["2001"], error_msgs: ["Too old."] } }),
      events
    )
    assert.strictEqual(answer._tag, "InvalidEvents")
    if (answer._tag !== "InvalidEvents") return
    assert.deepStrictEqual([...answer.invalidEvents.keys()], [2])
    assert.deepInclude(answer.invalidEvents.get(2), { reasonCode: "event_not_accepted:2001", message: "Bad. Too old." })
  })

  it("bisects where no event is named, or one that was not sent", () => {
    assert.strictEqual(verdict(json(400, { status: "INVALID", reason: "Bad." }), events)._tag, "SomeInvalid")
    assert.strictEqual(verdict(json(400, { status: "INVALID", reason: "Bad.", event: 9 }), events)._tag, "SomeInvalid")
  })

  it("blames no event where the text says that the token is refused, nor finds that in order", () => {
    for (const reason of ["The access token is invalid.", "access_token expired", "Unauthorized", "Invalid token"]) {
      const refused = json(400, { status: "INVALID", reason })
      const answer = verdict(refused, events)
      assert.strictEqual(answer._tag === "All" ? answer.verdict.errorClass : answer._tag, "auth", reason)
      assert.strictEqual(probeVerdict(refused).errorClass, "auth", reason)
    }
    const missing = json(400, { status: "INVALID", reason: "data is empty" })
    assert.strictEqual(probeVerdict(missing).errorClass, "delivered")
    const taken = verdict(json(200, { status: "VALID", reason: "access token expires soon" }), events)
    assert.strictEqual(taken._tag === "All" && taken.verdict.errorClass, "delivered")
  })

  it("keeps warnings of what Snap takes", () => {
    const answer = verdict(json(200, { status: "valid", reason: "ok", warnings: ["em is missing"] }), events)
    assert.strictEqual(answer._tag === "All" && answer.verdict.errorClass, "delivered")
    assert.deepStrictEqual(answer.warnings, ["em is missing"])
  })

  it("does not understand a 400 that is not of Snap's documented shape", () => {
    const answer = verdict(json(400, { oops: true }), events)
    assert.strictEqual(answer._tag === "All" && answer.verdict.errorClass, "unknown")
  })
})
