import { assert, describe, it } from "@effect/vitest"
import type { Hop } from "../../api.ts"
import { rowsInSight } from "../parts/rows-in-sight.ts"
import { waterfall } from "./waterfall.ts"

const hop = (id: string, parent: string | null, from: number, to = from): Hop => ({
  id,
  parent,
  kind: "result",
  topic: "t",
  partition: 0,
  offset: 0,
  at: to,
  stage: null,
  connection_id: null,
  started_at: from,
  ended_at: to,
  latency_ms: null,
  mapping_version: null,
  summary: "",
  tone: "neutral",
  input: null,
  output: null,
  request: null,
  answer: null
})

describe("a waterfall", () => {
  it("shows each hop once, below its parent, those of one parent by time", () => {
    const bars = waterfall([
      hop("c", "a", 30),
      hop("b", "a", 20),
      hop("a", null, 10),
      hop("d", "b", 40),
      hop("e", "gone", 15)
    ])
    assert.deepEqual(
      bars.map(({ hop: { id }, depth }) => `${id}${depth}`),
      ["a0", "b1", "d2", "c1", "e0"]
    )
  })

  it("shows hops whose parents form a circle, or that are their own parent", () => {
    const bars = waterfall([hop("a", "b", 1), hop("b", "a", 2), hop("c", "c", 3)])
    assert.sameMembers(
      bars.map(({ hop: { id } }) => id),
      ["a", "b", "c"]
    )
  })

  it("keeps bars inside, in the order of time, and wide enough to be seen", () => {
    const bars = waterfall([hop("a", null, 1_000), hop("b", "a", 1_010, 1_200), hop("c", "b", 1_200)])
    for (const { from, width } of bars) {
      assert.isAtLeast(from, 0)
      assert.isAtLeast(width, 0.008)
      assert.isAtMost(from + width, 1.000_001)
    }
    assert.deepEqual(bars[0]!.from, 0)
    assert.closeTo(bars[1]!.width, 0.95, 0.001)
  })

  it("draws hours without any hop short, so that milliseconds are still seen beside them", () => {
    const hours = 6 * 3_600_000
    const bars = waterfall([hop("a", null, 0, 100), hop("b", "a", hours, hours + 100)])
    assert.closeTo(bars[0]!.width, 0.45, 0.001)
    assert.closeTo(bars[1]!.from, 0.55, 0.001)
  })

  it("is empty without hops", () => {
    assert.deepEqual(waterfall([]), [])
  })
})

describe("the rows in sight", () => {
  it("are those of the window and a few more, inside of the list", () => {
    assert.deepEqual(rowsInSight(100_000, 30, 30_000, 600), { first: 994, last: 1_026 })
    assert.deepEqual(rowsInSight(10, 30, 0, 600), { first: 0, last: 10 })
    assert.deepEqual(rowsInSight(0, 30, 0, 600), { first: 0, last: 0 })
    // The list became shorter while it was scrolled far down.
    assert.deepEqual(rowsInSight(10, 30, 30_000, 600), { first: 10, last: 10 })
  })
})
