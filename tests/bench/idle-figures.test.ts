import { assert, describe, it } from "@effect/vitest"
import { figuresOf, programsMax } from "./idle-figures.ts"

const missed = (connections: number, programs: ReadonlyArray<number>, broker: number): ReadonlyArray<string> =>
  figuresOf(4, [{ connections, programs: new Map(programs.map((value, index) => [`p${index}`, value])), broker }])
    .filter(({ value, goal }) => value > (goal?.atMost ?? Number.POSITIVE_INFINITY))
    .map(({ figure }) => figure)

describe("the goals of idle programs", () => {
  it("allow all programs together 1.5 % of a core with the example's connections, and 3 % with hundreds", () => {
    assert.deepStrictEqual(
      [8, 100, 200].map((connections) => programsMax({ connections })),
      [1.5, 3, 3]
    )
    assert.deepStrictEqual(missed(8, [0.5, 1], 4), [])
    assert.deepStrictEqual(missed(8, [0.75, 1], 4), ["8 connections: all programs"])
    assert.deepStrictEqual(missed(200, [1, 2], 4), [])
    assert.deepStrictEqual(missed(200, [1, 2.25], 4), ["200 connections: all programs"])
  })

  it("allow the broker 2 % more than it takes alone", () => {
    assert.deepStrictEqual(missed(8, [1], 6), [])
    assert.deepStrictEqual(missed(200, [1], 6.25), ["200 connections: broker, more than alone"])
  })
})
