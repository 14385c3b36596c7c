/** What a subscriber of the live view gets is bounded, whatever passes. */
import { assert, describe, it } from "@effect/vitest"
import { deliveryResult } from "../../../shared/model/delivery-result.ts"
import { type LiveEventName, type LiveEvents, liveBytesPerSecondMax, liveRowsMax } from "../api.ts"
import { LiveHub, subscribersMax } from "./live-hub.ts"

const connections = Array.from({ length: 200 }, (_, index) => `connection-${String(index).padStart(3, "0")}`)
const everything = { connections: null, outcomes: null, reasons: null, event: null }

const placed = (index: number, outcome = "rejected") => ({
  partition: index % 4,
  offset: index,
  log: deliveryResult({
    event_id: `11111111-2222-4333-8444-${String(index).padStart(12, "0")}`,
    event_name: "purchase",
    platform: "meta",
    connection_id: connections[index % connections.length]!,
    timestamp: 1_795_424_000_000 + index,
    outcome,
    reason_code: "invalid_value:100/2804003",
    error_message: "The value is not one. ".repeat(8),
    latency_ms: 20 + (index % 300),
    attempted_at: 1_795_424_000_000
  })
})

const read = <N extends LiveEventName>(texts: ReadonlyArray<string>, name: N): ReadonlyArray<LiveEvents[N]> =>
  texts.flatMap((text) => {
    const match = /^event: (\w+)\ndata: (.*)\n\n$/s.exec(text)
    return match?.[1] === name ? [JSON.parse(match[2]!) as LiveEvents[N]] : []
  })

describe("the hub of the live view", () => {
  it("sends no more than its bound at 10,000 results a second with 200 connections, and counts all of them", () => {
    const hub = new LiveHub(connections)
    const texts: Array<string> = []
    hub.subscribe((text) => texts.push(text) > 0, everything, 0)
    const lags = new Map(connections.map((id) => [id, 1_000_000]))
    for (let half = 1; half <= 20; half++) {
      for (let index = 0; index < 5_000; index++) hub.add(placed(half * 5_000 + index))
      hub.sendResults(half * 500)
      if (half % 2 === 0) hub.tick(half * 500, [], lags)
    }
    const bytes = texts.slice(1).reduce((sum, text) => sum + Buffer.byteLength(text), 0)
    assert.isAtMost(bytes / 10, liveBytesPerSecondMax)
    const results = read(texts, "results")
    assert.isTrue(results.every(({ rows }) => rows.length === liveRowsMax))
    assert.strictEqual(
      results.reduce((sum, { matched }) => sum + matched, 0),
      100_000
    )
    const ticks = read(texts, "tick")
    assert.strictEqual(ticks.length, 10)
    assert.approximately(ticks[5]!.failed, 10_000, 1)
    assert.strictEqual(ticks[5]!.connections.length, 200)
  })

  it("counts from its first subscriber on, and is watched while there is one", () => {
    const hub = new LiveHub(connections)
    for (let index = 0; index < 100; index++) hub.add(placed(index))
    const texts: Array<string> = []
    assert.isFalse(hub.watched.isOpen())
    const end = hub.subscribe((text) => texts.push(text) > 0, null, 60_000)!
    assert.isTrue(hub.watched.isOpen())
    hub.add(placed(1))
    hub.tick(61_000, [], new Map())
    assert.deepStrictEqual(
      read(texts, "tick").map(({ failed }) => failed),
      [1]
    )
    end()
    assert.isFalse(hub.watched.isOpen())
  })

  it("filters by connection, outcome, reason and event", () => {
    const hub = new LiveHub(connections)
    const texts: Array<string> = []
    const filter = {
      ...everything,
      connections: new Set(["connection-001"]),
      reasons: ["invalid_value"],
      outcomes: new Set(["rejected"])
    }
    hub.subscribe((text) => texts.push(text) > 0, filter, 0)
    hub.add(placed(1))
    hub.add(placed(2))
    hub.add(placed(201, "delivered"))
    hub.sendResults(500)
    assert.deepStrictEqual(
      read(texts, "results").map(({ rows, matched }) => [rows.map(({ id }) => id), matched]),
      [[["1:1"], 1]]
    )
  })

  it("keeps what a slow subscriber did not take for the next time, and refuses too many", () => {
    const hub = new LiveHub(connections)
    let takes = false
    const texts: Array<string> = []
    const end = hub.subscribe((text) => takes && texts.push(text) > 0, everything, 0)
    hub.changed("alerts")
    hub.add(placed(1))
    hub.sendResults(500)
    hub.tick(1_000, [], new Map())
    takes = true
    hub.sendResults(1_500)
    hub.tick(2_000, [], new Map())
    assert.deepStrictEqual(read(texts, "changed"), [{ what: ["alerts"] }])
    assert.strictEqual(read(texts, "results")[0]?.matched, 1)
    for (let more = 1; more < subscribersMax; more++) assert.isNotNull(hub.subscribe(() => true, null, 0))
    assert.isNull(hub.subscribe(() => true, null, 0))
    end?.()
    assert.isNotNull(hub.subscribe(() => true, null, 0))
  })
})
