import { assert, describe, it } from "@effect/vitest"
import { deliveryLog, recordTime } from "../../shared/testing/records.ts"
import { OutcomeWindow, windowMillis } from "./window.ts"

const now = recordTime

describe("the window of outcomes", () => {
  it("sums successes, failures, latencies and outcomes of the last hour", () => {
    const window = new OutcomeWindow()
    window.add(deliveryLog({}))
    window.add(deliveryLog({ success: false, outcome: "rejected", latency_ms: 300, timestamp: now - 60_000 }))
    window.add(deliveryLog({ success: false, outcome: "skipped", latency_ms: 0 }))
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

  it("forgets what is older than an hour, whether or not anything came since", () => {
    const window = new OutcomeWindow()
    window.add(deliveryLog({}))
    assert.strictEqual(window.totals(now + windowMillis - 20_000).succeeded, 1)
    assert.strictEqual(window.totals(now + windowMillis).succeeded, 0)
  })

  it("reuses a bucket for a later hour and leaves out what comes too late for it", () => {
    const window = new OutcomeWindow()
    window.add(deliveryLog({}))
    window.add(deliveryLog({ timestamp: now + windowMillis }))
    window.add(deliveryLog({}))
    assert.strictEqual(window.totals(now + windowMillis).succeeded, 1)
  })
})
