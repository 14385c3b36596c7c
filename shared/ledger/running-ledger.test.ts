import { assert, describe, it } from "@effect/vitest"
import { DecidedConnections } from "./decided-connections.ts"
import { RunningLedger } from "./running-ledger.ts"

const at = (offset: number, timestamp = 7) => ({ partition: 0, offset, timestamp })
const upTo = (offset: number) => new Map([[0, offset]])
const committed = (normalizer: number, mapper: number, meta: number, retries = 0) => ({
  normalizer: upTo(normalizer),
  mapper: upTo(mapper),
  deliveries: new Map([["meta", upTo(meta)]]),
  retries: new Map([["meta", upTo(retries)]])
})

const names = (ledger: RunningLedger, ...offsets: Parameters<typeof committed>) =>
  ledger
    .missing(committed(...offsets))
    .map(
      ({ source, eventId, connectionId, lostRetry }) =>
        `${source.offset} ${eventId} ${connectionId}${lostRetry ? ", lost retry" : ""}`
    )

describe("the running ledger", () => {
  it("forgets an event once every connection has its outcome", () => {
    const ledger = new RunningLedger(["meta", "tiktok"], 100)
    for (const offset of [0, 1, 2]) ledger.raw(at(offset))
    ledger.deadLetter(at(0))
    ledger.normalized(at(1), "e1", at(10))
    ledger.mapped(at(1), "meta", at(20))
    ledger.result(at(1), "meta", "delivered")
    assert.deepStrictEqual([ledger.inFlight, ledger.settled], [2, 1])
    ledger.result(at(1), "tiktok", "skipped")
    assert.deepStrictEqual([ledger.inFlight, ledger.settled], [1, 2])
  })

  it("names what each stage passed without a trace, and nothing that it has before it", () => {
    const ledger = new RunningLedger(["meta"], 100)
    for (const offset of [0, 1, 2]) ledger.raw(at(offset))
    ledger.normalized(at(1), "e1", at(10))
    ledger.normalized(at(2), "e2", at(11))
    ledger.mapped(at(2), "meta", at(20))
    assert.deepStrictEqual(names(ledger, 0, 10, 20), [])
    assert.deepStrictEqual(names(ledger, 1, 11, 21), ["0 null null", "1 e1 meta", "2 e2 meta"])
  })

  it("waits for an event that is put off for as long as its delayed retry waits", () => {
    const ledger = new RunningLedger(["meta"], 100)
    ledger.raw(at(0))
    ledger.normalized(at(0), "e0", at(10))
    ledger.mapped(at(0), "meta", at(20))
    ledger.retried(at(0), "meta", "e0", at(30), false)
    ledger.result(at(0), "meta", "retry_scheduled")
    assert.deepStrictEqual(names(ledger, 99, 99, 99, 30), [])
    ledger.retried(at(0), "meta", "e0", at(40), false)
    assert.deepStrictEqual(names(ledger, 99, 99, 99, 40), [])
    assert.deepStrictEqual(names(ledger, 99, 99, 99, 41), ["0 e0 meta, lost retry"])
    ledger.result(at(0), "meta", "delivered")
    assert.strictEqual(ledger.inFlight, 0)
  })

  it("takes up a delayed retry of an event from before its time, unless it was read already", () => {
    const ledger = new RunningLedger(["meta", "tiktok"], 100)
    ledger.retried(at(0), "meta", "e0", at(30), true)
    ledger.retried(at(1), "meta", "e1", at(31), false)
    assert.deepStrictEqual(names(ledger, 0, 0, 0, 31), [])
    assert.deepStrictEqual(names(ledger, 0, 0, 0, 32), ["1 e1 meta, lost retry"])
    ledger.result(at(1), "meta", "delivered")
    assert.deepStrictEqual([ledger.inFlight, ledger.settled], [0, 1])
  })

  it("takes no trace of an earlier topic's record for one at the same position", () => {
    const ledger = new RunningLedger(["meta"], 100)
    ledger.raw(at(0))
    ledger.normalized(at(0, 3), "old", at(10))
    ledger.result(at(0, 3), "meta", "delivered")
    ledger.deadLetter(at(0, 3))
    assert.deepStrictEqual(names(ledger, 1, 0, 0), ["0 null null"])
  })

  it("asks a connection for nothing that passed the mapper before it was there", () => {
    const decided = new DecidedConnections()
    const change = (offset: number, ...ids: ReadonlyArray<string>) =>
      decided.add({ partition: 0, offset, timestamp: 0, connections: ids.map((id) => ({ id, platform: "meta" })) })
    change(10, "meta")
    change(12, "meta", "new")
    const ledger = new RunningLedger(["meta", "new"], 100, decided)
    for (const offset of [0, 1, 2]) {
      ledger.raw(at(offset))
      ledger.normalized(at(offset), `e${offset}`, at(10 + offset))
      ledger.result(at(offset), "meta", "delivered")
    }
    assert.deepStrictEqual([ledger.settled, ledger.inFlight], [2, 1])
    assert.deepStrictEqual(names(ledger, 3, 13, 0), ["2 e2 new"])
  })

  it("stays within its bound and counts what it gives up", () => {
    const ledger = new RunningLedger([], 3)
    for (let offset = 0; offset < 10; offset++) ledger.raw(at(offset))
    assert.deepStrictEqual([ledger.inFlight, ledger.unchecked], [3, 7])
  })
})
