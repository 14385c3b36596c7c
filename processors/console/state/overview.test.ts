/** The figures of the overview balance, and compare with the period before; replays and dead letters are counted. */
import { assert, describe, it } from "@effect/vitest"
import { deadLetter, deadLetterHeaders, resolvedName } from "../../../shared/model/dead-letter.ts"
import { deliveryResult } from "../../../shared/model/delivery-result.ts"
import { OutcomeCounts } from "../counts/outcome-counts.ts"
import { DeadLetters } from "./dead-letters.ts"
import { overviewOf } from "./overview.ts"
import { ReplayWatch } from "./replay-watch.ts"

const now = 1_795_424_045_000
const minuteOf = (minutesAgo: number) => Math.floor(now / 60_000) * 60_000 - minutesAgo * 60_000

const counted = (): OutcomeCounts => {
  const counts = new OutcomeCounts(1_048_576)
  let offset = 0
  const add = (
    connection_id: string,
    outcome: string,
    reason_code: string | null,
    times: number,
    minutesAgo: number
  ) => {
    for (let time = 0; time < times; time++)
      counts.add(
        deliveryResult({
          ...{ event_id: `e-${offset}`, event_name: "purchase", platform: "meta", timestamp: now },
          ...{ connection_id, outcome, reason_code },
          attempted_at: outcome === "rejected" ? now : null,
          source: { topic: "raw-events", partition: 0, offset: offset++, timestamp: minuteOf(minutesAgo) }
        })
      )
  }
  add("shop", "delivered", null, 90, 1)
  add("shop", "skipped", "consent", 6, 2)
  add("shop", "rejected", "invalid_value", 4, 2)
  add("shop", "delivered", null, 50, 20)
  add("gone", "delivered", null, 10, 3)
  return counts
}

describe("the overview", () => {
  it("has steps that add up to what was received, with shares, reasons and the change", () => {
    const { platforms, intake, previous_since } = overviewOf(
      {
        counts: counted(),
        connections: [{ id: "shop", platform: "meta", enabled: true }],
        platformOf: () => "meta",
        waiting: (id) => (id === "shop" ? 20 : 0),
        deadLettered: (since) => (since >= minuteOf(20) ? [{ reason: "invalid_json", count: 3 }] : []),
        intakeWaiting: 2,
        completeSince: now - 3_600_000,
        loading: false,
        ledger: { state: "balanced", since: null, message: null }
      },
      "15m",
      now
    )
    assert.isNotNull(previous_since)
    const rows = platforms[0]!.connections
    assert.deepStrictEqual(
      rows.map(({ connection_id, state }) => [connection_id, state]),
      [
        ["shop", "enabled"],
        ["gone", "removed"]
      ]
    )
    for (const { steps } of [...rows, ...platforms]) {
      const [received, ...others] = steps.map(({ count }) => count)
      assert.strictEqual(
        others.reduce((sum, count) => sum + count, 0),
        received
      )
    }
    const step = (name: string) => rows[0]!.steps.find((one) => one.step === name)!
    assert.deepInclude(step("received"), { count: 120, previous_count: 50, change: 120 / 50 - 1 })
    assert.deepInclude(step("delivered"), { count: 90, share: 0.75 })
    assert.deepInclude(step("skipped").reasons[0]!, { reason: "consent", count: 6, share: 1, previous_count: 0 })
    assert.deepInclude(intake, { received: 120 + 3 + 2, normalized: 120, dead_lettered: 3, waiting: 2 })
  })

  it("compares with nothing where the period before is not in memory", () => {
    const input = {
      counts: counted(),
      connections: [{ id: "shop", platform: "meta", enabled: true }],
      platformOf: () => "meta",
      waiting: () => 0,
      deadLettered: () => [],
      intakeWaiting: 0,
      completeSince: now - 20 * 60_000,
      loading: true,
      ledger: { state: "unknown", since: null, message: null } as const
    }
    const { previous_since, platforms } = overviewOf(input, "15m", now)
    assert.isNull(previous_since)
    assert.isTrue(platforms[0]!.steps.every(({ previous_count, change }) => previous_count === null && change === null))
  })
})

describe("dead letters by reason", () => {
  it("count those that were redriven or delivered after all", () => {
    const deadLetters = new DeadLetters()
    const entry = (request_id: string | null) =>
      deadLetter(
        { topic: "mapped-events.meta", partition: 0, offset: 1, timestamp: now },
        {
          ...{ stage: "delivery-meta", reason_code: "refused", message: "No: jane@shop.example.", timestamp: now },
          ...{ connection_id: "shop", platform: "meta", request_id, attempts: 1, event_id: "e-1" }
        }
      )
    deadLetters.add("0:1", entry("r-1"))
    deadLetters.add("0:2", entry("r-2"))
    deadLetters.add("0:3", entry(null))
    deadLetters.mark({ [deadLetterHeaders.redriven]: "0:2" })
    deadLetters.mark({
      [deadLetterHeaders.resolved]: resolvedName("shop", "r-1"),
      [deadLetterHeaders.outcome]: "delivered"
    })
    assert.deepInclude(deadLetters.list()[0]!, { count: 3, open: 1, redriven: 1, resolved: 1 })
    const samples = deadLetters.samples("delivery-meta", "refused", "shop")
    assert.deepStrictEqual(
      samples.map(({ id, redriven, resolved }) => [id, redriven, resolved]),
      [
        ["0:3", false, null],
        ["0:2", true, null],
        ["0:1", false, "delivered"]
      ]
    )
    assert.notInclude(JSON.stringify(samples), "jane@")
  })
})

describe("replays", () => {
  it("begin where a position goes back, and end where it has come to what was read before", () => {
    const watch = new ReplayWatch()
    const at = (position: number, time: number) =>
      watch.observe("mapper", "normalized-events", new Map([[0, position]]), time)
    assert.isFalse(at(1_000, 1))
    assert.isFalse(at(1_200, 2))
    assert.isTrue(at(200, 3))
    assert.deepInclude(watch.list()[0]!, { stage: "mapper", seen_at: 3, records: 1_000, left: 1_000, ended_at: null })
    assert.isTrue(at(900, 4))
    assert.deepInclude(watch.list()[0]!, { records: 1_000, left: 300 })
    assert.isTrue(at(1_300, 5))
    assert.deepInclude(watch.list()[0]!, { left: 0, ended_at: 5 })
    assert.isFalse(at(1_400, 6))
    assert.strictEqual(watch.list().length, 1)
  })
})
