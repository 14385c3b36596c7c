import { assert, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import { BatchGroup, type GroupedQueue } from "./batch-group.ts"

const limits = { recordsMax: 10, bytesMax: 1_000, linger: Duration.zero }

const queueOf = (records: number, bytes: number, isIdle = true): GroupedQueue<never, never> => ({
  isIdle,
  queued: { records, bytes },
  share: () => assert.fail("Nothing is cut here.")
})

const batchOf = (records: number, bytes: number) => ({ records: new Array(records).fill(null), bytes })

const groupOf = (...queues: ReadonlyArray<GroupedQueue<never, never>>) => {
  const group = new BatchGroup()
  for (const queue of queues) group.queues.add(queue)
  return group
}

it("takes what is queued beside a batch, as far as it would fit into one with it", () => {
  const [first, second, large, third] = [queueOf(0, 0), queueOf(3, 300), queueOf(5, 100), queueOf(3, 300)]
  const group = groupOf(first, second, large, third)
  assert.deepStrictEqual(group.idleBeside(first, batchOf(3, 300), limits), [second, third])
  assert.deepStrictEqual(group.idleBeside(first, batchOf(7, 100), limits), [second])
  assert.deepStrictEqual(group.idleBeside(first, batchOf(1, 900), limits), [large])
})

it("takes nothing beside a full batch, nor of a queue that is empty or has a step under way", () => {
  const [first, second, busy] = [queueOf(0, 0), queueOf(1, 1), queueOf(1, 1, false)]
  const group = groupOf(first, second, busy)
  assert.deepStrictEqual(group.idleBeside(first, batchOf(10, 100), limits), [])
  assert.deepStrictEqual(group.idleBeside(first, batchOf(1, 1_000), limits), [])
  assert.deepStrictEqual(group.idleBeside(first, batchOf(1, 1), limits), [second])
})
