/** The ledger that is read at once and the one that runs on name the same events, whatever was written and passed. */
import { assert, it } from "@effect/vitest"
import fc from "fast-check"
import { Ledger } from "./ledger.ts"
import { RunningLedger } from "./running-ledger.ts"

const connections = ["meta", "tiktok"]
const source = fc.record({
  partition: fc.constant(0),
  offset: fc.integer({ min: 0, max: 3 }),
  timestamp: fc.constantFrom(7, 7, 7, 3)
})
const step = fc.record({
  stage: fc.constantFrom("deadLetter", "normalized", "mapped", "retried", "result"),
  source,
  connection: fc.constantFrom(...connections),
  isPassed: fc.boolean(),
  outcome: fc.constantFrom("delivered", "accepted", "skipped", "rejected", "retry_scheduled")
})

/** In the order in which a round takes them. */
const order = ["deadLetter", "normalized", "mapped", "retried", "result"]
const committed = 100
const none = new Map<number, number>()
const passedBy = new Map([[0, committed]])
const byConnection = (offsets: ReadonlyMap<number, number>) => new Map(connections.map((id) => [id, offsets]))

it("names the same events", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), fc.boolean(), (steps, normalizerPassed) => {
      const whole = new Ledger(new Map(connections.map((id) => [id, "enabled"])))
      const running = new RunningLedger(connections, 1_000)
      for (let offset = 0; offset < 4; offset++) {
        whole.raw({ partition: 0, offset, timestamp: 7 }, normalizerPassed ? committed : 0)
        running.raw({ partition: 0, offset, timestamp: 7 })
      }
      const sorted = steps.toSorted((one, other) => order.indexOf(one.stage) - order.indexOf(other.stage))
      // A dead letter stands beside no normalized event, and later stages tell of events that were normalized.
      const dead = new Set(sorted.flatMap((one) => (one.stage === "deadLetter" ? [one.source.offset] : [])))
      const known = new Set(
        sorted.flatMap((one) =>
          one.stage === "normalized" && one.source.timestamp === 7 && !dead.has(one.source.offset)
            ? [one.source.offset]
            : []
        )
      )
      for (const { stage, source, connection, isPassed, outcome } of sorted) {
        const place = { partition: 0, offset: isPassed ? 0 : committed }
        if (stage === "deadLetter") {
          whole.deadLetter(source)
          running.deadLetter(source)
        } else if (!known.has(source.offset)) continue
        else if (stage === "normalized") {
          whole.normalized(source, `e${source.offset}`, { ...place, committed })
          running.normalized(source, `e${source.offset}`, place)
        } else if (stage === "mapped") {
          whole.mapped(source, connection, { ...place, committed })
          running.mapped(source, connection, place)
        } else if (stage === "retried" && source.timestamp === 7) {
          whole.retried(source, connection, { ...place, committed })
          running.retried(source, connection, `e${source.offset}`, place, isPassed)
        } else if (stage === "result") {
          const at = { reason_code: null, timestamp: 1, attempted_at: 1, accepted_at: null, corrects: null }
          whole.result(source, connection, { outcome, ...at })
          running.result(source, connection, outcome)
        }
      }
      const balance = whole.balance()
      const missing = running.missing({
        normalizer: normalizerPassed ? passedBy : none,
        mapper: passedBy,
        deliveries: byConnection(passedBy),
        retries: byConnection(passedBy)
      })
      const namedBy = (id: string | null, lost: boolean) =>
        missing
          .filter(({ connectionId, lostRetry }) => connectionId === id && (!lost || lostRetry))
          .map(({ source, eventId }) => eventId ?? `${source.partition}:${source.offset}`)
          .sort()
      assert.deepStrictEqual(namedBy(null, false), [...balance.missingRaw].sort())
      for (const { connectionId, missing, lostRetries } of balance.connections) {
        assert.deepStrictEqual(namedBy(connectionId, false), [...missing].sort())
        assert.deepStrictEqual(namedBy(connectionId, true), [...lostRetries].sort())
      }
    }),
    { numRuns: 500 }
  )
})
