/** Each event counts once, by the outcome that the ledger takes. */
import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import type { EventDeliveryLog } from "../../../schemas/types.gen.ts"
import { bestOf, factOf, type KnownOutcome, learn, nothingKnown } from "../../../shared/ledger/known-outcome.ts"
import { deliveryResult } from "../../../shared/model/delivery-result.ts"
import { OutcomeCounts } from "./outcome-counts.ts"

const minute = 1_795_424_040_000
const source = (offset: number, at = minute) => ({ topic: "raw-events", partition: 0, offset, timestamp: at })
const result = (offset: number, outcome: string, more: Partial<EventDeliveryLog> = {}): EventDeliveryLog =>
  deliveryResult({
    event_id: `e-${offset}`,
    event_name: "purchase",
    platform: "meta",
    connection_id: "shop",
    timestamp: minute + 1_000,
    outcome,
    source: source(offset),
    ...more
  })

const countsOf = (counts: OutcomeCounts, since = minute, until = minute + 60_000) =>
  Object.fromEntries(
    counts
      .counts("shop", since, until)
      .map(({ outcome, reason, count }) => [reason === "" ? outcome : `${outcome} ${reason}`, count])
  )

const megabyte = 1_048_576

describe("the counts of outcomes", () => {
  it("take back what a later result corrects, in the minute in which the event arrived", () => {
    const counts = new OutcomeCounts(megabyte)
    counts.add(result(1, "rejected", { reason_code: "invalid_value", attempted_at: minute }))
    counts.add(result(2, "accepted", { attempted_at: minute }))
    counts.add(result(3, "skipped", { reason_code: "consent" }))
    assert.deepStrictEqual(countsOf(counts), { "rejected invalid_value": 1, accepted: 1, "skipped consent": 1 })
    counts.add(result(1, "delivered", { timestamp: minute + 3_600_000 }))
    counts.add(result(2, "delivered", { accepted_at: minute, timestamp: minute + 7_200_000 }))
    assert.deepStrictEqual(countsOf(counts), { delivered: 2, "skipped consent": 1 })
    // A replay sends again, and the platform takes it for a repeat.
    counts.add(result(1, "delivered"))
    counts.add(result(1, "skipped", { reason_code: "duplicate", circuit_state: "CLOSED" }))
    counts.add(result(1, "retry_scheduled"))
    assert.deepStrictEqual(countsOf(counts), { delivered: 2, "skipped consent": 1 })
  })

  it("are those of the ledger for any order of results, also where results are read back", () => {
    const step = fc.constantFrom("delivered", "rejected", "accepted", "final", "skipped", "expired")
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.integer({ min: 0, max: 5 }), step), { maxLength: 40 }), (steps) => {
        const counts = new OutcomeCounts(megabyte)
        const known = new Map<number, KnownOutcome>()
        const accepted = new Map<number, number>()
        steps.forEach(([offset, kind], index) => {
          const at = minute + index
          const acceptedAt = accepted.get(offset) ?? null
          if (kind === "final" && acceptedAt === null) return
          if (kind === "final") accepted.delete(offset)
          if (kind === "accepted") accepted.set(offset, at)
          const isSent = kind !== "skipped" && kind !== "expired"
          const log = result(offset, kind === "final" ? "rejected" : kind, {
            timestamp: at,
            attempted_at: isSent ? at : null,
            accepted_at: kind === "final" ? acceptedAt : null
          })
          counts.add(log)
          known.set(offset, learn(known.get(offset) ?? nothingKnown, factOf(log)!))
        })
        const expected: Record<string, number> = {}
        for (const one of known.values()) {
          const { outcome } = bestOf(one)!
          expected[outcome] = (expected[outcome] ?? 0) + 1
        }
        assert.deepStrictEqual(countsOf(counts), expected)
      })
    )
  })

  it("put a result that is read back behind one that is counted already", () => {
    const counts = new OutcomeCounts(megabyte)
    counts.add(result(1, "delivered"))
    counts.add(result(1, "rejected", { attempted_at: minute }), true)
    counts.add(result(2, "rejected", { attempted_at: minute, reason_code: "refused", accepted_at: minute }))
    counts.add(result(2, "accepted", { attempted_at: minute }), true)
    assert.deepStrictEqual(countsOf(counts), { delivered: 1, "rejected refused": 1 })
  })

  it("hold a bounded number of events and reasons, and forget the oldest first", () => {
    const counts = new OutcomeCounts(4 * 2_048)
    for (let offset = 0; offset < 20_000; offset++)
      counts.add(
        result(offset, "rejected", { reason_code: `code:${offset}`, source: source(offset, minute + offset * 60_000) })
      )
    assert.isAtMost(counts.bytes, 4 * 2_048)
    const all = counts.counts("shop", minute, minute + 20_000 * 60_000)
    assert.isAtMost(all.length, 402)
    assert.strictEqual(
      all.reduce((sum, { count }) => sum + count, 0),
      20_000
    )
    counts.prune(minute + 30_000 * 60_000)
    assert.deepStrictEqual([...counts.connectionIds], [])
  })
})
