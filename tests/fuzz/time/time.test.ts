import { assert, describe, it } from "@effect/vitest"
import { limits, measure, type TimeTarget } from "./measure.ts"
import { describeFind, runTimes } from "./run.ts"
import { shapes, textOf } from "./texts.ts"

describe("the time of a text", () => {
  it("grows with its length alone in all that reads it, and is short (`make fuzz-time` tries more)", {
    timeout: 600_000
  }, async () => {
    const { endless, finds, kinds } = await runTimes({ every: 1_800, only: "", millisMax: 200_000 })
    assert.isNull(endless)
    // Beside other tests a time may double; the command holds the bound itself.
    const slow = finds.filter(({ millis, ratio }) => ratio !== null || millis > 2 * limits.millisMax)
    assert.deepStrictEqual(slow.map(describeFind), [])
    const targets = Object.fromEntries(kinds.map(({ kind, targets }) => [kind, targets]))
    assert.isAbove(targets["place of a raw event"]!, 150)
    assert.isAbove(targets["function of a text"]!, 80)
    for (const kind of ["whole raw event", "mapper", "verdict", "redactor", "file", "command line"])
      assert.isAbove(targets[kind]!, 1, kind)
  })
})

describe("the measurement", () => {
  const long =
    (shape: { readonly start: string; readonly repeated: string; readonly end: string }) => (length: number) =>
      textOf(shape, length)
  const spaces = long({ start: "", repeated: " ", end: "x" })
  const target = (use: (text: string) => unknown): TimeTarget => ({ name: "t", prepare: (text) => () => use(text) })

  it("finds what takes the square of the length, and what takes too long", () => {
    assert.isNotNull(
      measure(
        target((text) => text.replace(/\s+$/, "")),
        spaces,
        "spaces"
      )
    )
    assert.isNotNull(
      measure(
        target((text) => {
          let sum = 0
          for (let index = 0; index < 200 * text.length; index++) sum += index % 7
          return sum
        }),
        spaces,
        "spaces"
      )
    )
    assert.isNull(
      measure(
        target((text) => text.trim()),
        spaces,
        "spaces"
      )
    )
  })

  it("has texts of every regular expression", { timeout: 120_000 }, () => {
    const all = shapes()
    assert.isAbove(all.length, 1_500)
    for (const shape of all.slice(0, 50)) assert.isAtLeast(textOf(shape, 1_000).length, 1_000)
  })
})
