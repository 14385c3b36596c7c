import { assert, describe, it } from "@effect/vitest"
import { balanceOf } from "./balance.ts"
import { DecidedConnections } from "./decided-connections.ts"
import type { Committed } from "./event-state.ts"
import { Ledger, type LedgerResult } from "./ledger.ts"

const at = (offset: number, timestamp = 7) => ({ partition: 0, offset, timestamp })
/** Every group but the normalizer's has committed offset 2. */
const behind = { partition: 0, offset: 1 }
const ahead = { partition: 0, offset: 2 }
const upTo = (offset: number) => new Map([[0, offset]])
const committed = (normalizer: number, others = 2): Committed => {
  const deliveries = new Map(["meta", "google", "paused", "old", "new"].map((id) => [id, upTo(others)]))
  return { normalizer: upTo(normalizer), mapper: upTo(others), deliveries, retries: deliveries }
}
const enabled = (...ids: ReadonlyArray<string>) => new Map(ids.map((id) => [id, "enabled" as const]))

const ledgerOf = (raws: number, normalizer = raws) => {
  const ledger = new Ledger(enabled("meta"))
  ledger.advance(committed(normalizer))
  for (let offset = 0; offset < raws; offset++) ledger.raw(at(offset))
  return ledger
}

const resultOf = (outcome: string, reason: string | null, acceptedAt: number | null = null): LedgerResult => ({
  outcome,
  reason_code: reason,
  timestamp: acceptedAt === null ? 1 : acceptedAt + 1,
  attempted_at: outcome === "skipped" ? null : 1,
  accepted_at: acceptedAt,
  corrects: null
})

describe("the ledger", () => {
  it("balances when every event has one outcome", () => {
    const ledger = ledgerOf(6)
    ledger.deadLetter(at(0))
    for (const offset of [1, 2, 3, 4, 5]) ledger.normalized(at(offset), `e${offset}`, behind)
    ledger.result(at(1), "meta", resultOf("skipped", "consent"))
    for (const offset of [2, 3, 4]) ledger.mapped(at(offset), "meta", behind)
    ledger.result(at(2), "meta", resultOf("delivered", null))
    ledger.result(at(3), "meta", resultOf("retry_scheduled", "transient"))
    ledger.retried(at(3), "meta", "e3", ahead)
    ledger.result(at(4), "meta", resultOf("accepted", null))
    ledger.mapped(at(5), "meta", ahead)
    const balance = balanceOf(ledger)
    assert.isTrue(balance.balanced)
    assert.deepStrictEqual(
      [balance.raw, balance.deadLetteredRaw, balance.normalized, balance.inFlightRaw],
      [6, 1, 5, 0]
    )
    const [meta] = balance.connections
    assert.deepStrictEqual([meta?.consumed, meta?.inFlight, meta?.repeated], [5, 2, 0])
    assert.deepStrictEqual([meta?.outcomes.delivered, meta?.outcomes.accepted, meta?.outcomes.skipped], [1, 1, 1])
    assert.deepStrictEqual(meta?.skippedBy, { consent: 1 })
  })

  it("counts the reasons of what was refused, the final one where it was accepted first", () => {
    const ledger = ledgerOf(4)
    for (const offset of [0, 1, 2, 3]) ledger.normalized(at(offset), `e${offset}`, behind)
    ledger.result(at(0), "meta", resultOf("rejected", "100/2804009"))
    ledger.result(at(1), "meta", resultOf("accepted", null))
    ledger.result(at(1), "meta", resultOf("rejected", "100/2804009", 1))
    ledger.result(at(2), "meta", resultOf("dead_lettered", "attempts_exhausted"))
    ledger.result(at(3), "meta", resultOf("delivered", null))
    const [meta] = balanceOf(ledger).connections
    assert.deepStrictEqual(meta?.rejectedBy, { "100/2804009": 2, attempts_exhausted: 1 })
  })

  it("accounts for an event whose normalized record is gone by its results, and names the connection without one", () => {
    const ledger = new Ledger(enabled("meta", "google"))
    ledger.advance(committed(2))
    for (const offset of [0, 1]) ledger.raw(at(offset))
    ledger.result(at(0), "meta", resultOf("delivered", null))
    ledger.result(at(0), "google", resultOf("skipped", "filter"))
    ledger.result(at(1), "meta", resultOf("delivered", null, 1))
    const balance = balanceOf(ledger)
    assert.deepStrictEqual([balance.normalized, balance.missingRaw], [2, []])
    assert.deepStrictEqual(
      balance.connections.map(({ consumed, missing }) => [consumed, missing]),
      [
        [2, []],
        [2, ["raw-events 0:1"]]
      ]
    )
  })

  it("names a raw record that the normalizer passed without a trace", () => {
    const balance = balanceOf(ledgerOf(2, 1))
    assert.deepStrictEqual([balance.missingRaw, balance.inFlightRaw, balance.balanced], [["0:0"], 1, false])
  })

  it("names an event that the mapper passed without a trace", () => {
    const ledger = ledgerOf(2)
    ledger.normalized(at(0), "lost", behind)
    ledger.normalized(at(1), "waiting", ahead)
    const [meta] = balanceOf(ledger).connections
    assert.deepStrictEqual([meta?.missing, meta?.inFlight], [["lost"], 1])
  })

  it("names a mapped event that delivery passed without a result", () => {
    const ledger = ledgerOf(1)
    ledger.normalized(at(0), "lost", behind)
    ledger.mapped(at(0), "meta", behind)
    assert.deepStrictEqual(balanceOf(ledger).connections[0]?.missing, ["lost"])
  })

  it("names an event whose delayed retry was passed without a result, or is gone", () => {
    const ledger = ledgerOf(4)
    for (const offset of [0, 1, 2, 3]) {
      ledger.normalized(at(offset), `e${offset}`, behind)
      ledger.mapped(at(offset), "meta", behind)
      ledger.result(at(offset), "meta", resultOf("retry_scheduled", "500"))
    }
    ledger.retried(at(0), "meta", "e0", behind)
    ledger.retried(at(1), "meta", "e1", behind)
    ledger.retried(at(1), "meta", "e1", ahead)
    ledger.retried(at(2), "meta", "e2", behind)
    ledger.result(at(2), "meta", resultOf("delivered", null))
    const balance = balanceOf(ledger)
    const [meta] = balance.connections
    assert.deepStrictEqual([meta?.missing, meta?.lostRetries, meta?.inFlight], [["e0", "e3"], ["e0", "e3"], 1])
    assert.isFalse(balance.balanced)
  })

  it("takes no trace of an earlier topic's record for one at the same position", () => {
    const ledger = ledgerOf(2)
    const earlier = (offset: number) => at(offset, 3)
    for (const offset of [0, 1]) {
      ledger.normalized(earlier(offset), "old", behind)
      ledger.mapped(earlier(offset), "meta", behind)
      ledger.result(earlier(offset), "meta", resultOf("delivered", null))
    }
    ledger.deadLetter(earlier(0))
    const none = balanceOf(ledger)
    assert.deepStrictEqual([none.normalized, none.deadLetteredRaw, none.missingRaw], [0, 0, ["0:0", "0:1"]])
    ledger.normalized(at(0), "new", behind)
    ledger.result(at(0), "meta", resultOf("skipped", "filter"))
    ledger.deadLetter({ ...at(1), timestamp: null })
    const balance = balanceOf(ledger)
    assert.deepStrictEqual([balance.balanced, balance.deadLetteredRaw], [true, 1])
    assert.deepStrictEqual(balance.connections[0]?.outcomes.delivered, 0)
  })

  it("counts an event with two final results as repeated, an accepted one's final outcome not", () => {
    const ledger = ledgerOf(2)
    for (const offset of [0, 1]) ledger.normalized(at(offset), `e${offset}`, behind)
    ledger.result(at(0), "meta", resultOf("delivered", null))
    ledger.result(at(0), "meta", resultOf("delivered", null))
    ledger.result(at(1), "meta", resultOf("accepted", null))
    ledger.result(at(1), "meta", resultOf("delivered", null))
    const balance = balanceOf(ledger)
    assert.deepStrictEqual(
      [balance.connections[0]?.repeated, balance.connections[0]?.outcomes.delivered, balance.balanced],
      [1, 2, true]
    )
  })

  it("counts an event by the best that is known of it, whatever a replay or a redrive wrote since", () => {
    const ledger = ledgerOf(3)
    for (const offset of [0, 1, 2]) ledger.normalized(at(offset), `e${offset}`, behind)
    ledger.result(at(0), "meta", resultOf("accepted", null))
    ledger.result(at(1), "meta", resultOf("unknown", "http_reset"))
    for (const offset of [0, 1]) ledger.result(at(offset), "meta", resultOf("skipped", "duplicate"))
    ledger.result(at(2), "meta", resultOf("rejected", "131026"))
    ledger.result(at(2), "meta", resultOf("accepted", null))
    const [meta] = balanceOf(ledger).connections
    assert.deepStrictEqual(
      [meta?.outcomes.accepted, meta?.outcomes.unknown, meta?.outcomes.skipped, meta?.outcomes.rejected],
      [2, 1, 0, 0]
    )
  })

  it("skips what lies outside its range", () => {
    const ledger = ledgerOf(1)
    ledger.normalized(at(9), "e9", behind)
    ledger.result(at(9), "meta", resultOf("delivered", null))
    assert.deepStrictEqual(balanceOf(ledger).normalized, 0)
  })

  it("names what waits for a connection that was removed, and does not balance; a disabled one's waits", () => {
    const ledger = new Ledger(
      new Map([
        ["meta", "enabled"],
        ["paused", "disabled"]
      ])
    )
    ledger.advance(committed(2))
    for (const offset of [0, 1]) {
      ledger.raw(at(offset))
      ledger.normalized(at(offset), `e${offset}`, behind)
      ledger.result(at(offset), "meta", resultOf("delivered", null))
    }
    ledger.mapped(at(0), "paused", ahead)
    ledger.result(at(0), "old", resultOf("delivered", null))
    const waiting = () => {
      const { balanced, connections } = balanceOf(ledger)
      return [
        balanced,
        ...connections.map(({ connectionId, state, consumed, unread }) => [connectionId, state, consumed, unread])
      ]
    }
    const others = [
      ["meta", "enabled", 2, []],
      ["paused", "disabled", 1, ["e0"]]
    ]
    assert.deepStrictEqual(waiting(), [true, ...others, ["old", "removed", 1, []]])
    ledger.mapped(at(1), "old", ahead)
    assert.deepStrictEqual(waiting(), [false, ...others, ["old", "removed", 2, ["e1"]]])
  })

  it("asks a connection for nothing that passed the mapper before it was there, or while it was disabled", () => {
    const decided = new DecidedConnections()
    const change = (offset: number, ...ids: ReadonlyArray<string>) =>
      decided.add({ partition: 0, offset, timestamp: offset, connections: ids.map((id) => ({ id, platform: "meta" })) })
    change(0, "meta")
    change(2, "meta", "new")
    change(3, "new")
    change(4, "meta", "new")
    const ledger = new Ledger(enabled("meta", "new"), decided)
    ledger.advance(committed(9, 9))
    for (const offset of [0, 1, 2, 3, 4]) {
      ledger.raw(at(offset))
      ledger.normalized(at(offset), `e${offset}`, { partition: 0, offset })
    }
    for (const offset of [0, 1, 2, 4]) ledger.result(at(offset), "meta", resultOf("delivered", null))
    for (const offset of [2, 4]) ledger.result(at(offset), "new", resultOf("delivered", null))
    const { balanced, connections } = balanceOf(ledger)
    assert.deepStrictEqual(
      connections.map(({ connectionId, consumed, missing }) => [connectionId, consumed, missing]),
      [
        ["meta", 4, []],
        ["new", 3, ["e3"]]
      ]
    )
    assert.isFalse(balanced)
  })

  it("counts a delivery that corrects a failure once, whichever is read first, and as no repetition", () => {
    const results = [
      resultOf("accepted", null),
      resultOf("rejected", "131049", 1),
      { ...resultOf("delivered", null, 1), corrects: "rejected" }
    ]
    for (const order of [results, results.toReversed()]) {
      const ledger = ledgerOf(1)
      ledger.normalized(at(0), "e0", behind)
      ledger.mapped(at(0), "meta", behind)
      for (const result of order) ledger.result(at(0), "meta", result)
      const [meta] = balanceOf(ledger).connections
      assert.deepStrictEqual([meta?.outcomes.delivered, meta?.outcomes.rejected, meta?.repeated], [1, 0, 0])
    }
  })
})
