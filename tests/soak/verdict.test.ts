import { assert, describe, it } from "@effect/vitest"
import { growing, growthMax, judgedFromMinutes, type Quantity, type Series, shown, trendsOf } from "./verdict.ts"

const minutes = 60
const mebibyte = 2 ** 20

/** Grows by `anHour` from `start` on. */
const series = (quantity: Quantity, anHour: number, start = 0, program = "mapper"): Series => ({
  program,
  quantity,
  readings: Array.from({ length: minutes + 1 }, (_, minute) => ({ minute, value: start + (anHour * minute) / 60 }))
})
const found = (...all: ReadonlyArray<Series>) => growing(trendsOf(all, minutes))

describe("the verdict of a soak", () => {
  it("finds what grew by more than its bound over the second half, and names it", () => {
    assert.deepStrictEqual(found(series("heap", 9 * mebibyte)), [
      "mapper: heap grew by 4.5 MiB over the second half, more than 4 MiB."
    ])
    assert.deepStrictEqual(found(series("descriptors", 26)), [
      "mapper: descriptors grew by 13 over the second half, more than 12."
    ])
    assert.deepStrictEqual(found(series("heap", 8 * mebibyte), series("descriptors", 24)), [])
  })

  it("finds it in every quantity that has a bound", () => {
    for (const [quantity, atMost] of Object.entries(growthMax))
      assert.lengthOf(found(series(quantity as Quantity, (atMost ?? 1) * 2.5)), atMost === null ? 0 : 1, quantity)
  })

  it("judges no growth of a run that is too short for it", () => {
    const grown = [series("heap", 60 * mebibyte)]
    assert.lengthOf(growing(trendsOf(grown, judgedFromMinutes)), 1)
    assert.deepStrictEqual(growing(trendsOf(grown, judgedFromMinutes - 1)), [])
  })

  it("does not mind what grew in the first half, or shrinks", () => {
    const { readings, ...rest } = series("heap", 0)
    const early = readings.map(({ minute, value }) => ({ minute, value: value + Math.min(minute, 29) * mebibyte }))
    assert.deepStrictEqual(found({ ...rest, readings: early }, series("external", -99 * mebibyte)), [])
  })

  it("lets the ids of a program explain its memory, and neither another's nor its descriptors", () => {
    const ids = series("remembered", 9 * mebibyte)
    assert.deepStrictEqual(found(series("external", 20 * mebibyte), ids), [])
    assert.lengthOf(found(series("external", 20 * mebibyte, 0, "health"), ids), 1)
    assert.lengthOf(found(series("external", 30 * mebibyte), ids), 1)
    assert.lengthOf(found(series("descriptors", 99), ids), 1)
  })

  it("lets cached pages of a file explain resident memory alone", () => {
    const pages = series("cached", 60 * mebibyte)
    assert.deepStrictEqual(found(series("resident", 120 * mebibyte), pages), [])
    assert.lengthOf(found(series("resident", 130 * mebibyte), pages), 1)
    assert.lengthOf(found(series("heap", 9 * mebibyte), pages), 1)
  })

  it("gives start, end and the growth of an hour", () => {
    const [trend] = trendsOf([series("timers", 120, 5)], minutes)
    assert.deepInclude(trend, { start: 5, end: 125, growthAnHour: 120, unexplained: 60, atMost: 8 })
  })

  it("leaves out a program that had ended before the second half", () => {
    assert.deepStrictEqual(trendsOf([{ ...series("heap", 9 * mebibyte), readings: [{ minute: 3, value: 1 }] }], 60), [])
  })

  it("shows memory in MiB, delays in ms, and the rest as a number", () => {
    assert.deepStrictEqual(
      [shown("heap", 1.26 * mebibyte), shown("loopDelayMax", 1.26), shown("timers", 1.26)],
      ["1.3 MiB", "1.3 ms", "1.3"]
    )
  })
})
