import { assert, describe, it } from "@effect/vitest"
import { balanceOf } from "./balance.ts"
import { DecidedConnections } from "./decided-connections.ts"
import type { Committed } from "./event-state.ts"
import { Ledger, type LedgerResult } from "./ledger.ts"

const at = (offset: number) => ({ partition: 0, offset, timestamp: 7 })
const behind = { partition: 0, offset: 1 }
const ahead = { partition: 0, offset: 2 }
const upTo = (offset: number) => new Map([[0, offset]])
const committed = (normalizer: number, others = 2): Committed => {
  const deliveries = new Map(["meta", "google"].map((id) => [id, upTo(others)]))
  return { normalizer: upTo(normalizer), mapper: upTo(others), deliveries, retries: deliveries }
}
const enabled = (...ids: ReadonlyArray<string>) => new Map(ids.map((id) => [id, "enabled" as const]))

const delivered: LedgerResult = {
  outcome: "delivered",
  reason_code: null,
  timestamp: 1,
  attempted_at: 1,
  accepted_at: null,
  corrects: null
}

/** A dead letter of the record at offset `offset` of partition 0, whose event was not read. */
const unreadDeadLetter = (topic: string, offset: number, connection: string | null, stage = "delivery-meta") => ({
  stage,
  connection_id: connection,
  source_topic: topic,
  source_partition: 0,
  source_offset: offset,
  reason_code: "poison",
  timestamp: 5,
  event_name: null
})

describe("a record that a later stage could not read", () => {
  it("is known by its dead letter, which comes before it or while it is ahead, at its connection alone", () => {
    const ledger = new Ledger(enabled("meta", "google"))
    ledger.advance(committed(4))
    for (let offset = 0; offset < 4; offset++) ledger.raw(at(offset))
    ledger.unread.add(unreadDeadLetter("mapped-events.meta", 1, "meta"))
    ledger.unread.add(unreadDeadLetter("mapped-events.meta", 0, "google"))
    for (let offset = 0; offset < 4; offset++) ledger.normalized(at(offset), `e${offset}`, behind)
    for (const id of ["meta", "google"]) ledger.mapped(at(0), id, behind)
    ledger.mapped(at(1), "meta", ahead)
    ledger.retried(at(2), "meta", "e2", ahead)
    ledger.unread.add(unreadDeadLetter("delivery-retry.meta", 2, "meta"))
    ledger.mapped(at(3), "meta", ahead)
    for (const offset of [1, 2, 3]) ledger.result(at(offset), "google", delivered)
    ledger.advance(committed(4, 3))
    const [meta, google] = balanceOf(ledger).connections
    assert.deepStrictEqual(meta?.rejectedBy, { poison: 2 })
    assert.deepStrictEqual(meta?.missing, ["e1", "e3"], "a place counts once, and for its own topic")
    assert.deepStrictEqual(google?.missing, ["e0"], "another connection's dead letter says nothing of it")
  })

  it("is known at all connections that had to decide, where the mapper could not read it", () => {
    const ledger = new Ledger(enabled("meta", "google"), new DecidedConnections(), 100)
    ledger.advance(committed(1, 1))
    ledger.raw(at(0))
    ledger.normalized(at(0), "e0", behind)
    assert.deepStrictEqual([ledger.inFlight, ledger.missing()], [1, []])
    ledger.unread.add(unreadDeadLetter("normalized-events", 1, null, "mapper"))
    ledger.advance(committed(1, 2))
    assert.deepStrictEqual(ledger.missing(), [])
    assert.deepStrictEqual([ledger.inFlight, ledger.settled], [0, 1])
  })

  it("is not one whose event was read", () => {
    const ledger = new Ledger(enabled("meta"))
    ledger.unread.add({ ...unreadDeadLetter("mapped-events.meta", 1, "meta"), event_name: "purchase" })
    assert.strictEqual(ledger.unread.size, 0)
  })
})
