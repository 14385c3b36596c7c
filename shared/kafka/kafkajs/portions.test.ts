import { assert, it } from "@effect/vitest"
import { compressedBatch } from "../../testing/compressed-batch.ts"
import { codecs } from "../wire/compression.ts"
import { UnreadBatch } from "../wire/unread-batch.ts"
import { readPortions } from "./portions.ts"

const unread = (records: ReadonlyArray<{ readonly key: string; readonly value: Buffer }>, codec: number) =>
  new UnreadBatch(compressedBatch(records, codec))

const fetchedFrom = (topicName: string, batch: UnreadBatch) => {
  const partition = { partition: 0, messages: [batch] as ReadonlyArray<unknown> }
  return { responses: [{ topicName, partitions: [partition] }], partition }
}

it("of many partitions are smaller, and as large as they may be again when the others are read", async () => {
  const values = Array.from({ length: 40 }, (_, index) => ({ key: `k${index}`, value: Buffer.alloc(1_000_000) }))
  const batch = unread(values, codecs.zstd)
  const read = async (partition: number, message: unknown = batch) => {
    const found = { partition, messages: [message] as ReadonlyArray<unknown> }
    await readPortions({ responses: [{ topicName: "many", partitions: [found] }] }, [])
    return found.messages.length
  }
  const counts: Array<number> = []
  for (let partition = 0; partition < 16; partition++) counts.push(await read(partition))
  assert.deepStrictEqual([counts[0], counts[15]], [16, 4])
  // Megabytes, of 256 that 16 portions may have.
  assert.isBelow(
    counts.reduce((sum, count) => sum + count, 0),
    100
  )
  for (let partition = 1; partition < 16; partition++) await read(partition, "other records")
  assert.strictEqual(await read(0), 16)
})

it("are read one at a time, whichever response they are in", async () => {
  const many = Array.from({ length: 200 }, (_, index) => ({ key: `k${index}`, value: Buffer.alloc(1_000_000) }))
  const slow = unread(many, codecs.zstd)
  const small = unread([{ key: "k", value: Buffer.from("v") }], codecs.zstd)
  const ended: Array<string> = []
  await Promise.all(
    Object.entries({ slow, small }).map(async ([name, batch]) => {
      const { partition, ...fetched } = fetchedFrom(name, batch)
      // The last 10 records, behind all others.
      const asked = [{ topic: name, partitions: [{ partition: 0, fetchOffset: name === "slow" ? 190 : 0 }] }]
      await readPortions(fetched, asked)
      ended.push(`${name} ${partition.messages.length}`)
    })
  )
  assert.deepStrictEqual(ended, ["slow 10", "small 1"])
})
