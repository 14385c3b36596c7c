import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import fc from "fast-check"
import { sendAndIsolate } from "./bisect.ts"

/** A platform that refuses a whole request if one item is bad; notes what it took, what was blamed and the requests. */
const platform = (bad: ReadonlySet<number>) => {
  const taken: Array<number> = []
  const blamed: Array<number> = []
  let requests = 0
  const send = (items: ReadonlyArray<number>) =>
    Effect.sync(() => {
      requests += 1
      if (!items.some((item) => bad.has(item))) {
        taken.push(...items)
        return "taken" as const
      }
      if (items.length === 1) blamed.push(...items)
      return "refused" as const
    })
  return { send, seen: () => ({ requests, taken: taken.sort((a, b) => a - b), blamed: blamed.sort((a, b) => a - b) }) }
}
const range = (size: number) => Array.from({ length: size }, (_, index) => index)

it("needs at most 2·log2(n)+2 requests for one bad item among n", () =>
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 2000 }), fc.nat(), (size, place) => {
      const bad = place % size
      const { send, seen } = platform(new Set([bad]))
      Effect.runSync(sendAndIsolate(range(size), send))
      const { requests, taken, blamed } = seen()
      assert.isAtMost(requests, 2 * Math.log2(size) + 2)
      assert.deepStrictEqual(blamed, [bad])
      assert.deepStrictEqual(
        taken,
        range(size).filter((item) => item !== bad)
      )
    }),
    { numRuns: 500 }
  ))

it("blames exactly the bad ones and delivers every other once, however many are bad", () =>
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 200 }), fc.array(fc.nat(199), { maxLength: 40 }), (size, places) => {
      const bad = new Set(places.map((place) => place % size))
      const { send, seen } = platform(bad)
      Effect.runSync(sendAndIsolate(range(size), send))
      assert.deepStrictEqual(
        seen().blamed,
        range(size).filter((item) => bad.has(item))
      )
      assert.deepStrictEqual(
        seen().taken,
        range(size).filter((item) => !bad.has(item))
      )
    })
  ))

it("concludes nothing from a piece whose fate is undecided", () => {
  const sent: Array<ReadonlyArray<number>> = []
  Effect.runSync(
    sendAndIsolate([0, 1, 2, 3], (items) =>
      Effect.sync(() => {
        sent.push(items)
        if (items.length === 4) return "refused" as const
        return items.includes(0) ? ("undecided" as const) : ("taken" as const)
      })
    )
  )
  assert.deepStrictEqual(sent, [
    [0, 1, 2, 3],
    [0, 1],
    [2, 3]
  ])
})
