import process from "node:process"
import { assert, it } from "@effect/vitest"
import type { FetchedRecord } from "../kafka/client.ts"
import { PackedRecords } from "./packed-records.ts"

const record = (offset: number, bytes: number): FetchedRecord => ({
  topic: "in",
  partition: 0,
  offset,
  timestamp: 0,
  key: null,
  value: Buffer.alloc(bytes, offset % 256),
  headers: {}
})

it("gives thousands of queues with a record each little memory", () => {
  const queues = Array.from({ length: 4_000 }, () => new PackedRecords("in"))
  const one = record(0, 1_000)
  const before = process.memoryUsage().arrayBuffers
  for (const queue of queues) queue.push([one])
  assert.isBelow(process.memoryUsage().arrayBuffers - before, 4_000 * 5_000)
  for (const queue of queues) queue.clear()
})

it("gives records of any size back as they came, from chunks of every size", () => {
  const queue = new PackedRecords("in")
  const sizes = [100, 3_000, 5_000, 15_000, 40_000, 200, 16_300]
  for (const round of [0, 1]) {
    queue.push(sizes.map((bytes, index) => record(round * 100 + index, bytes)))
    for (const [index, bytes] of sizes.entries()) {
      assert.strictEqual(queue.firstOffset, round * 100 + index)
      const taken = queue.shift()
      assert.strictEqual(taken.value!.length, bytes)
      assert.isTrue(taken.value!.every((byte) => byte === round * 100 + index))
      taken.bufferRef?.release()
    }
    assert.strictEqual(queue.length, 0)
  }
})
