import { assert, it } from "@effect/vitest"
import fc from "fast-check"
import type { ProducedRecord } from "../client.ts"
import { chunkByBytes, producedBytes } from "./record-batch-writer.ts"

const recordOf = (bytes: number): ProducedRecord => ({ topic: "t", key: null, value: Buffer.alloc(bytes) })

it("sends a record above the limit alone and keeps the order", () => {
  const records = [recordOf(10), recordOf(5_000), recordOf(20), recordOf(30)]
  assert.deepStrictEqual(
    chunkByBytes(records, 1_000).map((chunk) => chunk.map((record) => record.value?.length)),
    [[10], [5_000], [20, 30]]
  )
})

it("loses no record, and exceeds the limit only for a record alone", () => {
  fc.assert(
    fc.property(fc.array(fc.nat(3_000)), fc.integer({ min: 1, max: 4_000 }), (sizes, bytesMax) => {
      const records = sizes.map(recordOf)
      const chunks = chunkByBytes(records, bytesMax)
      assert.deepStrictEqual(chunks.flat(), records)
      for (const chunk of chunks) {
        const bytes = chunk.reduce((sum, record) => sum + producedBytes(record), 0)
        assert.isTrue(bytes <= bytesMax || chunk.length === 1)
      }
    })
  )
})

it("counts key and headers in bytes, not characters", () => {
  const plain = producedBytes({ topic: "t", key: null, value: null })
  assert.strictEqual(producedBytes({ topic: "t", key: "é", value: null }) - plain, 2)
  assert.isAbove(producedBytes({ topic: "t", key: null, value: null, headers: { a: "bc" } }), plain + 3)
})
