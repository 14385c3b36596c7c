import { assert, it } from "@effect/vitest"
import fc from "fast-check"
import { halvesOfRefused, nextToSend, type Piece } from "./chunk.ts"

type Response = "taken" | "refused" | "put off"

/** Sends one item after the other as the engine does: pieces of a work list, until each item has an outcome. */
const send = (items: ReadonlyArray<number>, platform: (items: ReadonlyArray<number>) => Response) => {
  const requests: Array<ReadonlyArray<number>> = []
  const outcomes: Array<{ readonly item: number; readonly outcome: Response }> = []
  const isTakenFrom = (from: number) => outcomes.slice(from).every(({ outcome }) => outcome === "taken")
  let work: ReadonlyArray<Piece<number, null>> = [{ events: items, progress: null, firstHalfFrom: null }]
  while (work.length > 0) {
    const [piece, ...rest] = nextToSend(work, outcomes.length, isTakenFrom)
    work = rest
    if (piece === undefined) break
    requests.push(piece.events)
    const response = platform(piece.events)
    if (response === "refused" && piece.events.length > 1) work = [...halvesOfRefused(piece, outcomes.length), ...work]
    else outcomes.push(...piece.events.map((item) => ({ item, outcome: response })))
  }
  const of = (wanted: Response) =>
    outcomes.flatMap(({ item, outcome }) => (outcome === wanted ? [item] : [])).sort((a, b) => a - b)
  return { requests, taken: of("taken"), refused: of("refused") }
}

/** Refuses a whole request if one item is bad. */
const refusing =
  (bad: ReadonlySet<number>) =>
  (items: ReadonlyArray<number>): Response =>
    items.some((item) => bad.has(item)) ? "refused" : "taken"

const range = (size: number) => Array.from({ length: size }, (_, index) => index)

it("needs at most 2·log2(n)+2 requests for one bad item among n", () =>
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 2000 }), fc.nat(), (size, place) => {
      const bad = place % size
      const { requests, taken, refused } = send(range(size), refusing(new Set([bad])))
      assert.isAtMost(requests.length, 2 * Math.log2(size) + 2)
      assert.deepStrictEqual(refused, [bad])
      assert.deepStrictEqual(
        taken,
        range(size).filter((item) => item !== bad)
      )
    }),
    { numRuns: 500 }
  ))

it("refuses exactly the bad ones and delivers every other once, however many are bad", () =>
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 200 }), fc.array(fc.nat(199), { maxLength: 40 }), (size, places) => {
      const bad = new Set(places.map((place) => place % size))
      const { taken, refused } = send(range(size), refusing(bad))
      assert.deepStrictEqual(
        refused,
        range(size).filter((item) => bad.has(item))
      )
      assert.deepStrictEqual(
        taken,
        range(size).filter((item) => !bad.has(item))
      )
    })
  ))

it("concludes nothing from a first half that was not all taken", () => {
  const { requests } = send([0, 1, 2, 3], (items) => {
    if (items.length === 4) return "refused"
    return items.includes(0) ? "put off" : "taken"
  })
  assert.deepStrictEqual(requests, [
    [0, 1, 2, 3],
    [0, 1],
    [2, 3]
  ])
})
