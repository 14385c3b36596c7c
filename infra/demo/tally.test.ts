import { assert, describe, it } from "@effect/vitest"
import type { EventDeliveryLog } from "../../schemas/types.gen.ts"
import { countResult, emptyTally } from "./tally.ts"

const result = (offset: number, outcome: string, success = false): EventDeliveryLog => ({
  event_id: `e-${offset}`,
  platform: "whatsapp",
  event_name: "purchase",
  timestamp: 1_795_000_000_000 + offset,
  success,
  latency_ms: 1,
  error_message: null,
  request_id: null,
  retry_count: 0,
  connection_id: "orders",
  outcome,
  reason_code: null,
  error_class: null,
  batch_size: 1,
  events_received: null,
  mapping_version: "1",
  platform_event: null,
  event_time: null,
  attempted_at: null,
  match_quality: null,
  dropped_fields: [],
  source: { topic: "raw-events", partition: 0, offset, timestamp: 1 },
  circuit_state: null,
  accepted_at: null,
  pricing: null,
  corrects: null,
  request_note: null
})

describe("the demonstration's tally", () => {
  it("moves an event from a retry and an acceptance to where its last result says", () => {
    const tally = emptyTally()
    for (const log of [
      result(1, "retry_scheduled"),
      result(2, "accepted", true),
      result(1, "accepted", true),
      result(1, "delivered", true),
      result(3, "skipped")
    ])
      countResult(tally, log)
    const outcomes = Object.fromEntries(tally.outcomes.get("orders") ?? [])
    assert.deepStrictEqual(outcomes, { retry_scheduled: 0, accepted: 1, delivered: 1, skipped: 1 })
    assert.deepStrictEqual([tally.events.size, tally.moved, tally.firstDelivery], [3, 5, 1_795_000_000_002])
  })

  it("counts an event once, by its best, though it is replayed or redriven", () => {
    const tally = emptyTally()
    const later = (log: EventDeliveryLog): EventDeliveryLog => ({ ...log, timestamp: log.timestamp + 1_000 })
    for (const log of [
      result(1, "accepted", true),
      later({ ...result(1, "skipped"), reason_code: "duplicate" }),
      { ...result(2, "rejected"), attempted_at: 1, reason_code: "131026" },
      later(result(2, "accepted", true)),
      result(3, "delivered", true),
      later(result(3, "delivered", true))
    ])
      countResult(tally, log)
    assert.deepStrictEqual(Object.fromEntries(tally.outcomes.get("orders") ?? []), {
      accepted: 2,
      rejected: 0,
      delivered: 1
    })
    assert.deepStrictEqual(Object.fromEntries(tally.refusals.get("orders") ?? []), { "131026": 0 })
  })
})
