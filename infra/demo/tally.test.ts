import { assert, describe, it } from "@effect/vitest"
import type { EventDeliveryLog } from "../../schemas/types.gen.ts"
import { deliveryLog } from "../../shared/testing/event-fixture.ts"
import { countResult, emptyTally } from "./tally.ts"

const result = (offset: number, outcome: string): EventDeliveryLog =>
  deliveryLog({
    event_id: `e-${offset}`,
    platform: "whatsapp",
    timestamp: 1_795_000_000_000 + offset,
    connection_id: "orders",
    outcome,
    source: { topic: "raw-events", partition: 0, offset, timestamp: 1 }
  })

describe("the demonstration's tally", () => {
  it("moves an event from a retry and an acceptance to where its last result says", () => {
    const tally = emptyTally()
    for (const log of [
      result(1, "retry_scheduled"),
      result(2, "accepted"),
      result(1, "accepted"),
      result(1, "delivered"),
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
      result(1, "accepted"),
      later({ ...result(1, "skipped"), reason_code: "duplicate" }),
      { ...result(2, "rejected"), attempted_at: 1, reason_code: "131026" },
      later(result(2, "accepted")),
      result(3, "delivered"),
      later(result(3, "delivered"))
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
