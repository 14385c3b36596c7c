import { afterEach, assert, beforeEach, it, vi } from "@effect/vitest"
import { FreeList } from "./free-list.ts"

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

const listOf = (count: number) => {
  const list = new FreeList<number>({ keptMax: 10, whileMillis: 1_000 })
  for (let one = 0; one < count; one++) list.put(one)
  return list
}

const takeAndPut = (list: FreeList<number>, count: number) => {
  const taken = Array.from({ length: count }, () => list.take()!)
  for (const one of taken) list.put(one)
}

it("gives each that is free once, and none when all are used", () => {
  const list = listOf(3)
  assert.deepStrictEqual([list.take(), list.take(), list.take(), list.take()].toSorted(), [0, 1, 2, undefined])
  list.put(7)
  assert.deepStrictEqual([list.length, list.take(), list.length], [1, 7, 0])
})

it("keeps what is needed again and again, and drops what is free all the time", () => {
  const list = listOf(100)
  for (let round = 0; round < 5; round++) {
    vi.advanceTimersByTime(500)
    takeAndPut(list, 60)
    vi.advanceTimersByTime(500)
  }
  assert.strictEqual(list.length, 60)
  // The load is over.
  vi.advanceTimersByTime(2_000)
  assert.strictEqual(list.length, 10)
  assert.strictEqual(vi.getTimerCount(), 0, "nothing is left to do")
})

it("sets no timer while few are free", () => {
  const list = listOf(10)
  takeAndPut(list, 10)
  assert.strictEqual(vi.getTimerCount(), 0)
  list.put(10)
  assert.strictEqual(vi.getTimerCount(), 1)
})
