import { assert, describe, it } from "@effect/vitest"
import { measure, type TimeTarget } from "./measure.ts"
import { timeTargets } from "./targets.ts"
import { shapes, textOf } from "./texts.ts"

describe("the targets of `make fuzz-time`", () => {
  it("are all that reads a text, and take one of each family", { timeout: 240_000 }, async () => {
    const targets = await timeTargets()
    const counts = Object.fromEntries(Object.entries(targets).map(([kind, list]) => [kind, list.length]))
    assert.isAbove(counts["place of a raw event"]!, 150)
    assert.isAbove(counts["function of a text"]!, 80)
    for (const [kind, count] of Object.entries(counts)) assert.isAbove(count, 1, kind)
    const all = shapes()
    for (const [index, target] of Object.values(targets).flat().entries())
      target.prepare(textOf(all[index % all.length]!, 1_000))()
  })
})

describe("the measurement", () => {
  const long =
    (shape: { readonly start: string; readonly repeated: string; readonly end: string }) => (length: number) =>
      textOf(shape, length)
  const spaces = long({ start: "", repeated: " ", end: "x" })
  const target = (use: (text: string) => unknown): TimeTarget => ({
    name: "t",
    lengthMax: 16_384,
    prepare: (text) => () => use(text)
  })

  it("finds what takes the square of the length, and what takes too long", { timeout: 600_000 }, () => {
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
          for (let index = 0; index < 10_000 * text.length; index++) sum += index % 7
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
