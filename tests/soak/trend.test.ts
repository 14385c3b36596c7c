import { assert, describe, it } from "@effect/vitest"
import { growthOf, secondHalf, slopeOf } from "./trend.ts"

const readings = (values: ReadonlyArray<number>) => values.map((value, minute) => ({ minute, value }))

describe("the trend of readings", () => {
  it("is the slope of a line, up, down and flat", () => {
    assert.strictEqual(slopeOf(readings([1, 3, 5, 7, 9])), 2)
    assert.strictEqual(slopeOf(readings([9, 7, 5])), -2)
    assert.strictEqual(slopeOf(readings([4, 4, 4, 4])), 0)
  })

  it("counts by time, not by the number of a reading", () => {
    assert.strictEqual(
      slopeOf([
        { minute: 0, value: 0 },
        { minute: 10, value: 30 },
        { minute: 11, value: 33 }
      ]),
      3
    )
  })

  it("stays as it is where a fifth of the readings is wild", () => {
    assert.closeTo(slopeOf(readings([0, 1, 900, 3, 4, 5, 6, -700, 8, 9])), 1, 0.001)
  })

  it("is nothing of none or of one reading, or of two at one time", () => {
    assert.deepStrictEqual([slopeOf([]), slopeOf(readings([5])), growthOf(readings([5]))], [0, 0, 0])
    assert.strictEqual(slopeOf([...readings([5]), ...readings([9])]), 0)
  })

  it("makes the growth between the first and the last reading", () => {
    assert.strictEqual(growthOf(readings([10, 12, 14, 16])), 6)
  })

  it("leaves out the first half of a run", () => {
    assert.deepStrictEqual(
      secondHalf(readings([0, 1, 2, 3, 4]), 4).map(({ minute }) => minute),
      [2, 3, 4]
    )
  })
})
