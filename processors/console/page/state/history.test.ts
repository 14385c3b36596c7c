import { assert, it } from "@effect/vitest"
import type { LiveTick } from "../../api.ts"
import { History } from "./history.ts"

const tick = (at: number, stages: ReadonlyArray<string>, succeeded = 0): LiveTick => ({
  at,
  seconds: 2,
  stages: stages.map((stage) => ({ stage, topic: "t", in_per_second: at / 1_000, lag: 7, latency_ms: null })),
  succeeded,
  failed: 0,
  skipped: 0,
  retried: 0,
  connections: [],
  not_read: null
})

it("keeps a column of the times' length for each stage, with gaps where it was not there, and no more than its length", () => {
  const history = new History(3)
  history.add(tick(1_000, ["mapper"], 10))
  history.add(tick(2_000, ["mapper", "health"]))
  history.add(tick(3_000, ["health"]))
  assert.deepEqual(history.column("in:mapper"), [1, 2, null])
  assert.deepEqual(history.column("in:health"), [null, 2, 3])
  // It is a rate already, over however many seconds.
  assert.deepEqual(history.column("succeeded"), [10, 0, 0])
  history.add(tick(4_000, []))
  assert.deepEqual(history.times, [2, 3, 4])
  assert.deepEqual(history.column("in:mapper"), [2, null, null])
  assert.deepEqual(history.column("never"), [null, null, null])
  assert.sameMembers([...history.stages], ["mapper", "health"])
})

it("leaves out a tick that is not later than the one before: charts need rising times", () => {
  const history = new History(3)
  for (const at of [2_000, 2_000, 1_000, 3_000]) history.add(tick(at, ["mapper"]))
  assert.deepEqual(history.times, [2, 3])
  assert.lengthOf(history.column("lag:mapper"), 2)
})
