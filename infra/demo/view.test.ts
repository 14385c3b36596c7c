import { assert, describe, it } from "@effect/vitest"
import type { ConnectorHealthStatus } from "../../schemas/types.gen.ts"
import { healthStatus } from "../../shared/testing/event-fixture.ts"
import { changesSince, nothingPrinted } from "./changes.ts"
import { makeScreen } from "./screen.ts"
import { alignedRows, coloured, cut, plain, visibleLength, wrapped } from "./table.ts"
import { emptyTally, type Tally } from "./tally.ts"
import { liveView } from "./view.ts"

const health = (id: string, fields: Partial<ConnectorHealthStatus> = {}): ConnectorHealthStatus =>
  healthStatus({ connection_id: id, success_rate_1h: 97.84, avg_latency_ms: 1_047.5, ...fields })

const esc = String.fromCharCode(27)

const ids = Array.from({ length: 7 }, (_, index) => `connection-number-${index}`)
const outcomes = [
  "delivered",
  "accepted",
  "skipped",
  "rejected",
  "expired",
  "dead_lettered",
  "unknown",
  "retry_scheduled"
]

/** Every column in use, long names, long issues: the widest and tallest view. */
const busy = (connections = ids): Tally => {
  const tally = emptyTally()
  for (const id of connections) {
    tally.outcomes.set(id, new Map(outcomes.map((outcome, index) => [outcome, 10_000 + index])))
    const issues = ["success rate is 70.51 % in the last hour (23 of 78 failed), below 90 %"]
    tally.health.set(id, health(id, { status: "degraded", issues }))
    tally.refusals.set(id, new Map([["no_recipient", 22]]))
  }
  tally.deadLetters.set("mapper", new Map(Array.from({ length: 20 }, (_, index) => [`some_reason_${index}`, index])))
  return tally
}

describe("the live view", () => {
  it.each([
    [24, 80],
    [50, 118],
    [10, 40],
    [200, 300]
  ])("fits a terminal of %i rows and %i columns", (rows, columns) => {
    for (const paint of [plain, coloured]) {
      const lines = liveView(busy(), ids, paint, { rows, columns })
      assert.isBelow(lines.length, rows)
      assert.deepStrictEqual(
        lines.filter((line) => visibleLength(line) > columns),
        []
      )
    }
  })

  it("names how many connections do not fit, and has every one where they do", () => {
    const many = Array.from({ length: 60 }, (_, index) => `c${index}`)
    const small = liveView(emptyTally(), many, plain, { rows: 24, columns: 80 })
    assert.match(small.join("\n"), /… \d+ more connections/)
    const large = liveView(emptyTally(), many, plain, { rows: 100, columns: 80 }).join("\n")
    assert.isTrue(many.every((id) => large.includes(id)))
  })

  it("says why a connection is not healthy, what to try next, and shows no recovery beside it", () => {
    const tally = busy(["orders"])
    const text = liveView(tally, ["orders"], plain, { rows: 50, columns: 120 }).join("\n")
    assert.include(text, "degraded orders: success rate is 70.51 %")
    assert.include(text, "refused: 22 no_recipient; some sample events are bad on purpose.")
    assert.include(text, "./capi results --summary")
    assert.notInclude(text, "again")
  })

  it("gives no rate to a connection without events", () => {
    const tally = emptyTally()
    tally.health.set("idle", health("idle", { success_rate_1h: 100, outcomes_1h: {} }))
    const text = liveView(tally, ["idle"], plain, { rows: 24, columns: 80 }).join("\n")
    assert.include(text, "no events")
    assert.notInclude(text, "100")
  })
})

/** A terminal that knows what the screen writes: new lines, up, clear below, clear all. */
const terminal = (rows: number) => {
  const lines = [""]
  let at = 0
  const write = (text: string): void => {
    for (const part of text.split(new RegExp(`(\n|\r|${esc}\\[\\d*[AJHK])`))) {
      const up = new RegExp(`^${esc}\\[(\\d+)A$`).exec(part)
      if (part === "\n") {
        at++
        if (at === lines.length) lines.push("")
      } else if (up !== null) at = Math.max(lines.length - rows, at - Number(up[1]), 0)
      else if (part === "\u001b[J") lines.splice(at, lines.length, "")
      else if (part === "\u001b[2J")
        for (let row = Math.max(0, lines.length - rows); row < lines.length; row++) lines[row] = ""
      else if (part === "\u001b[H") at = Math.max(0, lines.length - rows)
      else if (part !== "\r" && part !== `${esc}[K` && part !== "") lines[at] = part
    }
  }
  return { write, lines }
}

describe("the screen", () => {
  it("draws in place, however often and whatever height the view has", () => {
    const size = { rows: 24, columns: 80 }
    const { write, lines } = terminal(size.rows)
    const screen = makeScreen(write)
    for (let round = 0; round < 30; round++) {
      const tally = busy(ids.slice(0, 1 + (round % 7)))
      tally.outcomes.get(ids[0]!)!.set("delivered", round)
      if (round === 5) screen.above("First delivery 3.2 s after the start.")
      screen.draw(liveView(tally, ids, plain, size), size)
    }
    assert.lengthOf(
      lines.filter((line) => line.startsWith("connection ")),
      1
    )
    assert.lengthOf(
      lines.filter((line) => line.startsWith("First delivery")),
      1
    )
  })
})

describe("without a terminal", () => {
  it("prints what changed, and nothing where nothing did", () => {
    const tally = emptyTally()
    const printed = nothingPrinted()
    tally.outcomes.set("shop", new Map([["delivered", 5]]))
    tally.deadLetters.set("mapper", new Map([["no_recipient", 2]]))
    tally.health.set("shop", health("shop"))
    assert.deepStrictEqual(changesSince(tally, ["shop"], printed), [
      "shop: delivered +5 (5)",
      "dead letters of mapper: no_recipient +2 (2)",
      "health of shop: healthy"
    ])
    assert.deepStrictEqual(changesSince(tally, ["shop"], printed), [])
    tally.outcomes.get("shop")!.set("delivered", 7)
    tally.health.set("shop", health("shop", { status: "degraded", issues: ["slow"] }))
    assert.deepStrictEqual(changesSince(tally, ["shop"], printed), [
      "shop: delivered +2 (7)",
      "health of shop: healthy → degraded (slow)"
    ])
  })
})

describe("the demonstration's table", () => {
  it("keeps columns whatever their colours", () => {
    const rows = (cell: string) =>
      alignedRows([
        ["name", "n", "count"],
        ["a", cell, "22"]
      ])
    assert.deepStrictEqual(
      rows("\u001b[31m1\u001b[0m").map((line) => line.replaceAll(new RegExp(`${esc}\\[\\d+m`, "g"), "")),
      rows("1")
    )
  })

  it("cuts a line to what is visible, and ends its colour", () => {
    assert.strictEqual(cut("abcdef", 4), "abc…")
    assert.strictEqual(cut("\u001b[31mabcdef\u001b[0m", 4), "\u001b[31mabc…\u001b[0m")
    assert.strictEqual(cut("\u001b[31mabcd\u001b[0m", 4), "\u001b[31mabcd\u001b[0m")
  })

  it("folds a long list without losing an item", () => {
    const items = Array.from({ length: 40 }, (_, index) => `reason_${index} 1`)
    const lines = wrapped("dead letters: ", items)
    assert.isAbove(lines.length, 3)
    assert.isTrue(lines.every((line) => line.length <= 118))
    assert.strictEqual(lines.join(" ").match(/reason_\d+ 1/g)?.length, 40)
  })
})
