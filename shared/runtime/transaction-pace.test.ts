import { assert, describe, it } from "@effect/vitest"
import { largeTransactionBytes, TransactionPace } from "./transaction-pace.ts"

const paceAfter = (...took: ReadonlyArray<number>): TransactionPace => {
  const pace = new TransactionPace()
  for (const millis of took) pace.ended(1_000, millis)
  return pace
}
const times = (count: number, millis: number) => Array.from({ length: count }, () => millis)

describe("the pause between two transactions", () => {
  it("does not happen before the first, nor while they are short", () => {
    assert.strictEqual(paceAfter().millisLeft(1_000), 0)
    assert.strictEqual(paceAfter(...times(50, 9)).millisLeft(1_000), 0)
  })

  it("is as long as they take where they take longer than alone, 40 ms at most, and ends", () => {
    const pace = paceAfter(4, ...times(30, 30))
    assert.closeTo(pace.millisLeft(1_000), 30, 1)
    assert.closeTo(pace.millisLeft(1_010), 20, 1)
    assert.strictEqual(pace.millisLeft(1_031), 0)
    assert.strictEqual(paceAfter(4, ...times(30, 300)).millisLeft(1_000), 40)
  })

  it("does not happen where each takes long by itself", () => {
    assert.strictEqual(paceAfter(...times(50, 100)).millisLeft(1_000), 0)
    // What was short once is forgotten.
    assert.strictEqual(paceAfter(4, ...times(400, 100)).millisLeft(1_000), 0)
  })

  it("is longer for events that are seconds late, which wait for a larger transaction, and ends with them", () => {
    const pace = paceAfter(...times(3, 5))
    pace.ended(10_000, 5, 3_000)
    assert.strictEqual(pace.millisLeft(10_100), 400)
    assert.isAbove(pace.enoughBytes, largeTransactionBytes)
    assert.isAbove(pace.openBytesMax, pace.enoughBytes)
    // Nothing more is in the log.
    assert.strictEqual(pace.millisLeft(10_100, true), 0)
    pace.ended(10_400, 5, 100)
    assert.strictEqual(pace.millisLeft(10_400), 0)
    assert.strictEqual(pace.enoughBytes, largeTransactionBytes)
    assert.strictEqual(pace.openBytesMax, 0)
  })
})
