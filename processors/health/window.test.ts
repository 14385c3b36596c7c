import { assert, describe, it } from "@effect/vitest"
import type { EventDeliveryLog } from "../../schemas/types.gen.ts"
import { OutcomeWindow, windowMillis } from "./window.ts"

const now = 1_795_000_000_000

const log = (fields: Partial<EventDeliveryLog>): EventDeliveryLog => ({
  event_id: "e",
  platform: "meta",
  event_name: "purchase",
  timestamp: now,
  success: true,
  latency_ms: 100,
  error_message: null,
  request_id: null,
  retry_count: 0,
  connection_id: "meta-main",
  outcome: "delivered",
  reason_code: null,
  error_class: null,
  batch_size: 1,
  events_received: null,
  mapping_version: null,
  platform_event: null,
  event_time: null,
  attempted_at: null,
  match_quality: null,
  dropped_fields: [],
  source: null,
  circuit_state: null,
  ...fields
})

describe("the window of outcomes", () => {
  it("sums successes, failures, latencies and outcomes of the last hour", () => {
    const window = new OutcomeWindow()
    window.add(log({}))
    window.add(log({ success: false, outcome: "rejected", latency_ms: 300, timestamp: now - 60_000 }))
    window.add(log({ success: false, outcome: "skipped", latency_ms: 0 }))
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
    window.add(log({}))
    assert.strictEqual(window.totals(now + windowMillis - 20_000).succeeded, 1)
    assert.strictEqual(window.totals(now + windowMillis).succeeded, 0)
  })

  it("reuses a bucket for a later hour and leaves out what comes too late for it", () => {
    const window = new OutcomeWindow()
    window.add(log({}))
    window.add(log({ timestamp: now + windowMillis }))
    window.add(log({}))
    assert.strictEqual(window.totals(now + windowMillis).succeeded, 1)
  })
})
