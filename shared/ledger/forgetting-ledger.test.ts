import { assert, describe, it } from "@effect/vitest"
import fc from "fast-check"
import { balanceOf } from "./balance.ts"
import { DecidedConnections } from "./decided-connections.ts"
import type { Committed } from "./event-state.ts"
import { Ledger } from "./ledger.ts"

const at = (offset: number, timestamp = 7) => ({ partition: 0, offset, timestamp })
const upTo = (offset: number) => new Map([[0, offset]])
const enabled = (ids: ReadonlyArray<string>) => new Map(ids.map((id) => [id, "enabled" as const]))
const resultOf = (outcome: string) => ({
  outcome,
  reason_code: null,
  timestamp: 1,
  attempted_at: 1,
  accepted_at: null,
  corrects: null
})

const forgetting = (ids: ReadonlyArray<string>, openMax: number, decided = new DecidedConnections()) =>
  new Ledger(enabled(ids), decided, openMax)

const offsets = (normalizer: number, mapper: number, meta: number, retries = 0): Committed => ({
  normalizer: upTo(normalizer),
  mapper: upTo(mapper),
  deliveries: new Map([["meta", upTo(meta)]]),
  retries: new Map([["meta", upTo(retries)]])
})

/** What is missing once the groups have committed so far. */
const names = (ledger: Ledger, ...given: Parameters<typeof offsets>) => {
  ledger.advance(offsets(...given))
  return ledger
    .missing()
    .map(
      ({ source, eventId, connectionId, lostRetry }) =>
        `${source.offset} ${eventId} ${connectionId}${lostRetry ? ", lost retry" : ""}`
    )
}

describe("a ledger that forgets settled events", () => {
  it("forgets an event once every connection has its outcome", () => {
    const ledger = forgetting(["meta", "tiktok"], 100)
    for (const offset of [0, 1, 2]) ledger.raw(at(offset))
    ledger.deadLetter(at(0))
    ledger.normalized(at(1), "e1", at(10))
    ledger.mapped(at(1), "meta", at(20))
    ledger.result(at(1), "meta", resultOf("delivered"))
    assert.deepStrictEqual([ledger.inFlight, ledger.settled], [2, 1])
    ledger.result(at(1), "tiktok", resultOf("skipped"))
    assert.deepStrictEqual([ledger.inFlight, ledger.settled], [1, 2])
  })

  it("names what each stage passed without a trace, and nothing that it has before it", () => {
    const ledger = forgetting(["meta"], 100)
    for (const offset of [0, 1, 2]) ledger.raw(at(offset))
    ledger.normalized(at(1), "e1", at(10))
    ledger.normalized(at(2), "e2", at(11))
    ledger.mapped(at(2), "meta", at(20))
    assert.deepStrictEqual(names(ledger, 0, 10, 20), [])
    assert.deepStrictEqual(names(ledger, 1, 11, 21), ["0 null null", "1 e1 meta", "2 e2 meta"])
  })

  it("waits for an event that is put off for as long as its delayed retry waits", () => {
    const ledger = forgetting(["meta"], 100)
    ledger.raw(at(0))
    ledger.normalized(at(0), "e0", at(10))
    ledger.mapped(at(0), "meta", at(20))
    ledger.retried(at(0), "meta", "e0", at(30))
    ledger.result(at(0), "meta", resultOf("retry_scheduled"))
    assert.deepStrictEqual(names(ledger, 99, 99, 99, 30), [])
    ledger.retried(at(0), "meta", "e0", at(40))
    assert.deepStrictEqual(names(ledger, 99, 99, 99, 40), [])
    assert.deepStrictEqual(names(ledger, 99, 99, 99, 41), ["0 e0 meta, lost retry"])
    ledger.result(at(0), "meta", resultOf("delivered"))
    assert.strictEqual(ledger.inFlight, 0)
  })

  it("takes up a delayed retry of an event from before its time, unless it was read already", () => {
    const ledger = forgetting(["meta", "tiktok"], 100)
    ledger.advance(offsets(0, 0, 0, 31))
    ledger.retried(at(0), "meta", "e0", at(30))
    ledger.retried(at(1), "meta", "e1", at(31))
    assert.deepStrictEqual(names(ledger, 0, 0, 0, 31), [])
    assert.deepStrictEqual(names(ledger, 0, 0, 0, 32), ["1 e1 meta, lost retry"])
    ledger.result(at(1), "meta", resultOf("delivered"))
    assert.deepStrictEqual([ledger.inFlight, ledger.settled], [0, 1])
  })

  it("takes no trace of an earlier topic's record for one at the same position", () => {
    const ledger = forgetting(["meta"], 100)
    ledger.raw(at(0))
    ledger.normalized(at(0, 3), "old", at(10))
    ledger.result(at(0, 3), "meta", resultOf("delivered"))
    ledger.deadLetter(at(0, 3))
    assert.deepStrictEqual(names(ledger, 1, 0, 0), ["0 null null"])
  })

  it("asks a connection for nothing that passed the mapper before it was there", () => {
    const decided = new DecidedConnections()
    const change = (offset: number, ...ids: ReadonlyArray<string>) =>
      decided.add({ partition: 0, offset, timestamp: 0, connections: ids.map((id) => ({ id, platform: "meta" })) })
    change(10, "meta")
    change(12, "meta", "new")
    const ledger = forgetting(["meta", "new"], 100, decided)
    for (const offset of [0, 1, 2]) {
      ledger.raw(at(offset))
      ledger.normalized(at(offset), `e${offset}`, at(10 + offset))
      ledger.result(at(offset), "meta", resultOf("delivered"))
    }
    assert.deepStrictEqual([ledger.settled, ledger.inFlight], [2, 1])
    assert.deepStrictEqual(names(ledger, 3, 13, 0), ["2 e2 new"])
  })

  it("stays within its bound and counts what it gives up", () => {
    const ledger = forgetting([], 3)
    for (let offset = 0; offset < 10; offset++) ledger.raw(at(offset))
    assert.deepStrictEqual([ledger.inFlight, ledger.unchecked], [3, 7])
  })
})

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
const passedBy = upTo(committed)
const byConnection = (offsets: ReadonlyMap<number, number>) => new Map(connections.map((id) => [id, offsets]))

it("names the same events as the balance of a ledger that holds all", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), fc.boolean(), (steps, normalizerPassed) => {
      const whole = new Ledger(enabled(connections))
      const open = forgetting(connections, 1_000)
      const both = [whole, open]
      for (const ledger of both)
        ledger.advance({
          normalizer: normalizerPassed ? passedBy : none,
          mapper: passedBy,
          deliveries: byConnection(passedBy),
          retries: byConnection(passedBy)
        })
      for (const ledger of both)
        for (let offset = 0; offset < 4; offset++) ledger.raw({ partition: 0, offset, timestamp: 7 })
      const sorted = steps.toSorted((one, other) => order.indexOf(one.stage) - order.indexOf(other.stage))
      // A dead letter stands beside no normalized event, and later stages have records of events that were normalized.
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
        const isOther = stage !== "deadLetter" && !known.has(source.offset)
        // The continuous check would take up a retry of an earlier topic's event.
        if (isOther || (stage === "retried" && source.timestamp !== 7)) continue
        for (const ledger of both) {
          if (stage === "deadLetter") ledger.deadLetter(source)
          else if (stage === "normalized") ledger.normalized(source, `e${source.offset}`, place)
          else if (stage === "mapped") ledger.mapped(source, connection, place)
          else if (stage === "retried") ledger.retried(source, connection, `e${source.offset}`, place)
          else ledger.result(source, connection, resultOf(outcome))
        }
      }
      const balance = balanceOf(whole)
      const missing = open.missing()
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
