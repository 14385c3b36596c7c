import { assert, describe, it } from "@effect/vitest"
import { RunningLedger } from "./running-ledger.ts"

const at = (offset: number) => ({ partition: 0, offset })
const upTo = (offset: number) => new Map([[0, offset]])
const committed = (normalizer: number, mapper: number, meta: number) => ({
  normalizer: upTo(normalizer),
  mapper: upTo(mapper),
  deliveries: new Map([["meta", upTo(meta)]])
})

const names = (ledger: RunningLedger, ...offsets: Parameters<typeof committed>) =>
  ledger
    .missing(committed(...offsets))
    .map(({ source, eventId, connectionId }) => `${source.offset} ${eventId} ${connectionId}`)

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

  it("waits for an event that is put off", () => {
    const ledger = new RunningLedger(["meta"], 100)
    ledger.raw(at(0))
    ledger.normalized(at(0), "e0", at(10))
    ledger.mapped(at(0), "meta", at(20))
    ledger.result(at(0), "meta", "retry_scheduled")
    assert.deepStrictEqual(names(ledger, 99, 99, 99), [])
    ledger.result(at(0), "meta", "delivered")
    assert.strictEqual(ledger.inFlight, 0)
  })

  it("stays within its bound and counts what it gives up", () => {
    const ledger = new RunningLedger([], 3)
    for (let offset = 0; offset < 10; offset++) ledger.raw(at(offset))
    assert.deepStrictEqual([ledger.inFlight, ledger.unchecked], [3, 7])
  })
})
