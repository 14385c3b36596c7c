import { assert, describe, it } from "@effect/vitest"
import { changeOf, median, noiseOf, p99, pooled, quantile } from "./trouble-change.ts"

describe("the change of p99", () => {
  const four = {
    trouble: "hangs",
    calm: [
      [1, 100],
      [2, 100]
    ],
    troubled: [
      [1, 110],
      [3, 110]
    ]
  } as const

  it("is that of the troubled phases over the calm ones around them, in percent", () => {
    assert.closeTo(changeOf(four), 10, 1e-9)
    assert.closeTo(changeOf({ ...four, troubled: four.calm }), 0, 1e-9)
  })

  it("cancels a steady drift", () => {
    const drifting = { trouble: "hangs", calm: [[100], [133.1]], troubled: [[110], [121]] } as const
    assert.closeTo(changeOf(drifting), 0, 1e-9)
    assert.closeTo(noiseOf(drifting), 33.1, 1e-9)
  })

  it("takes quantiles of all phases of a kind together", () => {
    assert.deepStrictEqual(pooled([four, four], "troubled"), [1, 1, 3, 3, 110, 110, 110, 110])
    assert.strictEqual(quantile([1, 2, 3, 4], 0.5), 2)
    assert.strictEqual(p99(Array.from({ length: 200 }, (_, index) => index + 1)), 198)
    assert.isNaN(p99([]))
    assert.strictEqual(median([3, 1, 2]), 2)
    assert.strictEqual(median([4, 1, 2, 3]), 2.5)
  })
})
