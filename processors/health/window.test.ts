import { assert, describe, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import type { EventDeliveryLog } from "../../schemas/types.gen.ts"
import { deliveryLog, recordTime } from "../../shared/testing/event-fixture.ts"
import { OutcomeWindow, type Totals, windowMillis } from "./window.ts"

const now = recordTime
const later = now + 2 * windowMillis

const step = Schema.Struct({
  advanceSeconds: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 900 })),
  ageSeconds: Schema.Int.check(Schema.isBetween({ minimum: -60, maximum: 4_000 })),
  outcome: Schema.Literals(["delivered", "accepted", "dead_lettered", "skipped"]),
  source: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 5 }))
})

describe("the window of outcomes", () => {
  it.prop("sums up the same whenever it was asked before", { steps: Schema.Array(step) }, ({ steps }) => {
    const asked = new OutcomeWindow()
    const logs: Array<readonly [log: EventDeliveryLog, at: number]> = []
    let time = now
    for (const { advanceSeconds, ageSeconds, outcome, source } of steps) {
      time += advanceSeconds * 1_000
      const log = deliveryLog({
        outcome,
        success: outcome === "delivered" || outcome === "accepted",
        timestamp: time - ageSeconds * 1_000,
        source: { topic: "raw-events", partition: 0, offset: source, timestamp: now }
      })
      logs.push([log, time])
      asked.add(log, time)
      const fresh = new OutcomeWindow()
      for (const [one, at] of logs) fresh.add(one, at)
      const counts = ({ outcomes, reasons, ...sums }: Totals) => [sums, [...outcomes].sort(), [...reasons].sort()]
      assert.deepStrictEqual(counts(asked.totals(time)), counts(fresh.totals(time)))
    }
  })

  it("sums successes, failures, latencies and outcomes of the last hour", () => {
    const window = new OutcomeWindow()
    window.add(deliveryLog({}), later)
    window.add(deliveryLog({ success: false, outcome: "rejected", latency_ms: 300, timestamp: now - 60_000 }), later)
    window.add(deliveryLog({ success: false, outcome: "skipped", latency_ms: 0 }), later)
    const totals = window.totals(now)
    assert.deepStrictEqual([totals.succeeded, totals.failed, totals.latencyMillis, totals.timed], [1, 1, 400, 2])
    assert.deepStrictEqual(
      totals.outcomes,
      new Map([
        ["delivered", 1],
        ["rejected", 1],
        ["skipped", 1]
      ])
    )
  })

  it.each([
    ["skipped by its consent", { outcome: "skipped", reason_code: "consent", latency_ms: 0 }],
    ["a producer's duplicate", { outcome: "skipped", reason_code: "duplicate", latency_ms: 0 }],
    ["a conflicting duplicate", { outcome: "skipped", reason_code: "duplicate_conflict", latency_ms: 0 }],
    ["invalid at the mapper", { outcome: "rejected", reason_code: "missing_value", error_class: "invalid_event" }],
    ["invalid for the platform", { outcome: "rejected", reason_code: "invalid:100", error_class: "invalid_event" }],
    ["too old when it came", { outcome: "expired", reason_code: "event_too_old", error_class: "invalid_event" }],
    ["ahead of the clock", { outcome: "retry_scheduled", reason_code: "event_time_in_future", latency_ms: 0 }]
  ])("does not count against the connection what is %s", (_, fields) => {
    const window = new OutcomeWindow()
    window.add(deliveryLog({}), later)
    for (let count = 0; count < 50; count++) window.add(deliveryLog({ ...fields, success: false }), later)
    const { succeeded, failed, outcomes, reasons } = window.totals(now)
    assert.deepStrictEqual([succeeded, failed, outcomes.get(fields.outcome), reasons.size], [1, 0, 50, 0])
  })

  it.each([
    ["refused for the credential", { outcome: "dead_lettered", reason_code: "auth:190", error_class: "auth" }],
    ["given up", { outcome: "dead_lettered", reason_code: "undocumented_answer:7", error_class: "unknown" }],
    ["too old when it was its time", { outcome: "expired", reason_code: "expired", error_class: null }],
    ["tried again later", { outcome: "retry_scheduled", reason_code: "throttled", error_class: "throttled" }],
    ["unknown after a crash", { outcome: "unknown", reason_code: null, error_class: null }]
  ])("counts against the connection what is %s, by its reason", (_, fields) => {
    const window = new OutcomeWindow()
    for (let count = 0; count < 3; count++) window.add(deliveryLog({ ...fields, success: false }), later)
    const { failed, reasons } = window.totals(now)
    assert.deepStrictEqual([failed, [...reasons]], [3, [[fields.reason_code?.split(":")[0] ?? "unknown", 3]]])
  })

  it("counts no replay of what was sent, and a producer's duplicate as skipped", () => {
    const window = new OutcomeWindow()
    const skipped = { success: false, outcome: "skipped", reason_code: "duplicate", latency_ms: 0 }
    window.add(deliveryLog({ outcome: "accepted" }), later)
    window.add(deliveryLog({ ...skipped, circuit_state: "CLOSED" }), later)
    window.add(deliveryLog({ ...skipped, circuit_state: null }), later)
    assert.deepStrictEqual(
      window.totals(now).outcomes,
      new Map([
        ["accepted", 1],
        ["skipped", 1]
      ])
    )
  })

  it("counts an event that failed and got through later as a success alone, and one that failed twice once", () => {
    const window = new OutcomeWindow()
    const of = (offset: number, fields: Partial<EventDeliveryLog>) =>
      deliveryLog({ source: { topic: "raw-events", partition: 0, offset, timestamp: now }, ...fields })
    const failed = { success: false, outcome: "rejected", timestamp: now - 60_000 }
    for (const offset of [1, 2, 3]) window.add(of(offset, failed), later)
    window.add(of(4, { ...failed, outcome: "unknown" }), later)
    window.add(of(1, { outcome: "accepted" }), later)
    window.add(of(4, {}), later)
    window.add(of(2, { ...failed, timestamp: now }), later)
    // A second time is no second event that got through.
    window.add(of(1, { success: false, outcome: "skipped", reason_code: "duplicate", circuit_state: "CLOSED" }), later)
    const totals = window.totals(now)
    assert.deepStrictEqual([totals.succeeded, totals.failed], [2, 2])
    assert.deepStrictEqual(
      totals.outcomes,
      new Map([
        ["rejected", 2],
        ["accepted", 1],
        ["delivered", 1]
      ])
    )
  })

  it("forgets what is older than an hour, whether or not anything came since", () => {
    const window = new OutcomeWindow()
    window.add(deliveryLog({}), later)
    assert.strictEqual(window.totals(now + windowMillis - 20_000).succeeded, 1)
    assert.strictEqual(window.totals(now + windowMillis).succeeded, 0)
  })

  it("counts now what a delivery whose clock is ahead has decided", () => {
    const window = new OutcomeWindow()
    const ahead = { timestamp: now + 2 * windowMillis }
    window.add(deliveryLog({ ...ahead, circuit_state: "CLOSED" }), now)
    assert.strictEqual(window.totals(now).succeeded, 1)
    assert.deepStrictEqual([window.lastSuccessAt, window.lastDeliveryAt], [now, now])
    assert.strictEqual(window.totals(now + windowMillis).succeeded, 0)
  })

  it("goes on counting where the clock was set back by hours", () => {
    const window = new OutcomeWindow()
    for (let at = now; at < now + 2 * windowMillis; at += 10_000)
      window.add(deliveryLog({ timestamp: at, circuit_state: "CLOSED" }), at)
    for (let at = now; at < now + 60_000; at += 10_000)
      window.add(deliveryLog({ timestamp: at, success: false, outcome: "rejected" }), at)
    assert.strictEqual(window.totals(now + 60_000).failed, 6)
    assert.deepStrictEqual([window.lastSuccessAt, window.lastDeliveryAt], [now + 60_000, now + 60_000])
  })

  it("reuses a bucket for a later hour and leaves out what comes too late for it", () => {
    const window = new OutcomeWindow()
    window.add(deliveryLog({}), later)
    window.add(deliveryLog({ timestamp: now + windowMillis }), later)
    window.add(deliveryLog({}), later)
    assert.strictEqual(window.totals(now + windowMillis).succeeded, 1)
  })

  it("an accepted event counts once: its final outcome takes its place", () => {
    const window = new OutcomeWindow()
    const acceptedAt = now - 60_000
    for (let event = 0; event < 10; event++)
      window.add(deliveryLog({ outcome: "accepted", timestamp: acceptedAt }), later)
    for (let event = 0; event < 8; event++) window.add(deliveryLog({ accepted_at: acceptedAt }), later)
    window.add(deliveryLog({ accepted_at: acceptedAt, outcome: "rejected", success: false }), later)
    const totals = window.totals(now)
    assert.deepStrictEqual([totals.succeeded, totals.failed, totals.timed], [9, 1, 10])
    assert.deepStrictEqual(
      totals.outcomes,
      new Map([
        ["accepted", 1],
        ["delivered", 8],
        ["rejected", 1]
      ])
    )
  })

  it("a final outcome counts alone where the hour of its acceptance is over or was not read", () => {
    const window = new OutcomeWindow()
    window.add(deliveryLog({ accepted_at: now - 2 * windowMillis }), later)
    window.add(deliveryLog({ accepted_at: now - 60_000 }), later)
    assert.strictEqual(window.totals(now).succeeded, 2)
  })
})
