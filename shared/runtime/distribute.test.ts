import { assert, it } from "@effect/vitest"
import type { FetchedRecord } from "../kafka/client.ts"
import { distribute, type Taking } from "./distribute.ts"

class Queue {
  readonly taking: Taking = { reading: null, from: 0, records: [] }
  readonly got: Array<number> = []
  packed = 0

  add(records: ReadonlyArray<FetchedRecord>, isPacked: boolean): number {
    this.got.push(...records.map(({ offset }) => offset))
    if (isPacked) this.packed += records.length
    return 10 * records.length
  }
}

/** Queues of these names; the records of a reading, each for the name at its place; and the offsets of buffers that are released. */
const readingOf = (names: ReadonlyArray<string>) => {
  const subscribers = new Map(names.map((name) => [name, new Queue()]))
  const released: Array<number> = []
  const records = (to: ReadonlyArray<string>, first = 0): ReadonlyArray<FetchedRecord> =>
    to.map((name, index) => ({
      ...{ topic: "in", partition: 0, offset: first + index, timestamp: 0, key: null, value: null },
      headers: { to: name },
      bufferRef: { release: () => void released.push(first + index) }
    }))
  const receivers = { subscribers, processorOf: ({ headers }: FetchedRecord) => headers["to"] }
  const got = (name: string) => subscribers.get(name)!.got
  return { subscribers, receivers, records, released, got }
}

const takesAll = { from: () => 0, refuses: () => false }

it("gives each its records in order, and releases those for none", () => {
  const { receivers, records, released, got } = readingOf(["a", "b", "c"])
  const { bytes, takers } = distribute(records(["a", "b", "none", "a", "b", "a"]), receivers, takesAll)
  assert.deepStrictEqual([got("a"), got("b"), got("c")], [[0, 3, 5], [1, 4], []])
  assert.deepStrictEqual([released, bytes], [[2], 50])
  assert.deepStrictEqual([...takers], [receivers.subscribers.get("a"), receivers.subscribers.get("b")])
})

it("asks each once for a reading from where on it takes records, and again for the next reading", () => {
  const { receivers, records, released, got, subscribers } = readingOf(["a", "b"])
  const from = new Map([...subscribers.values()].map((queue, index) => [queue, [3, Number.POSITIVE_INFINITY][index]!]))
  let asked = 0
  const takes = {
    from: (queue: Queue) => {
      asked++
      return from.get(queue)!
    },
    refuses: () => false
  }
  distribute(records(["a", "b", "a", "a", "b", "a"]), receivers, takes)
  assert.deepStrictEqual([got("a"), got("b"), released, asked], [[3, 5], [], [0, 1, 2, 4], 2])
  from.set(subscribers.get("b")!, 0)
  distribute(records(["b", "a"], 6), receivers, takes)
  assert.deepStrictEqual([got("a"), got("b"), asked], [[3, 5, 7], [6], 4])
})

it("leaves one that refuses its first record without any of the reading", () => {
  const { receivers, records, released, got, subscribers } = readingOf(["a", "b"])
  const refused: Array<number> = []
  const { takers } = distribute(records(["b", "a", "b", "a"]), receivers, {
    from: (queue) => (queue === subscribers.get("a") ? 2 : 0),
    refuses: (queue, first) => queue === subscribers.get("a") && refused.push(first) > 0
  })
  assert.deepStrictEqual([got("a"), got("b"), refused, released], [[], [0, 2], [3], [1, 3]])
  assert.deepStrictEqual([...takers], [subscribers.get("b")])
})

it("packs the records of a reading that is for eight or more", () => {
  const names = ["a", "b", "c", "d", "e", "f", "g", "h"]
  const packedOf = (to: ReadonlyArray<string>) => {
    const { receivers, records, subscribers } = readingOf(names)
    distribute(records(to), receivers, takesAll)
    return [...subscribers.values()].reduce((sum, { packed }) => sum + packed, 0)
  }
  assert.strictEqual(packedOf([...names.slice(1), "h", "h"]), 0)
  assert.strictEqual(packedOf([...names, "h"]), 9)
})
