import { assert, it } from "@effect/vitest"
import fc from "fast-check"
import type { ProducedRecord } from "../client.ts"
import { chunkByBytes } from "./produce-chunks.ts"
import { producedBytes } from "./record-batch-writer.ts"

const recordOf = (bytes: number, partition = 0): ProducedRecord => ({
  topic: "t",
  key: null,
  value: Buffer.alloc(bytes),
  partition
})
const chunksOf = (records: ReadonlyArray<ProducedRecord>, batchBytesMax: number, requestBytesMax = 1e9) =>
  chunkByBytes(records, { batchBytesMax: () => batchBytesMax, requestBytesMax }, ({ partition }) => partition ?? 0)

it("sends a record above the limit of a batch alone in its batch and keeps the order", () => {
  const records = [recordOf(10), recordOf(5_000), recordOf(20), recordOf(30), recordOf(5_000, 1), recordOf(40, 1)]
  assert.deepStrictEqual(
    chunksOf(records, 1_000).map((chunk) => chunk.map((record) => record.value?.length)),
    [[10], [5_000], [20, 30, 5_000], [40]]
  )
})

it("loses no record, and exceeds the limits only for a record alone", () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat(3_000), fc.nat(3))),
      fc.integer({ min: 1, max: 4_000 }),
      fc.integer({ min: 1, max: 9_000 }),
      (made, batchBytesMax, requestBytesMax) => {
        const records = made.map(([bytes, partition]) => recordOf(bytes, partition))
        const chunks = chunksOf(records, batchBytesMax, requestBytesMax)
        assert.deepStrictEqual(chunks.flat(), records)
        const bytesOf = (some: ReadonlyArray<ProducedRecord>) =>
          some.reduce((sum, record) => sum + producedBytes(record), 0)
        for (const chunk of chunks) {
          assert.isTrue(bytesOf(chunk) <= requestBytesMax || chunk.length === 1)
          for (const batch of Map.groupBy(chunk, ({ partition }) => partition).values())
            assert.isTrue(bytesOf(batch) <= batchBytesMax || batch.length === 1)
        }
      }
    )
  )
})
