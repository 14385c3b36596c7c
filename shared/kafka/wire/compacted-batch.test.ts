/** Batches of which compaction removed records: read as a whole or in portions of any size, each record that is left comes once, and the end is found. */
import zlib from "node:zlib"
import { assert, it } from "@effect/vitest"
import fc from "fast-check"
import { plainBatch, withRecords } from "../../testing/compressed-batch.ts"
import { BatchEnd } from "./batch-end.ts"
import { codecs } from "./compression.ts"
import { ReadResponse, readBatches } from "./fetched-batches.ts"
import { headerBytes } from "./record-batch-reader.ts"
import { UnreadBatch } from "./unread-batch.ts"

const firstOffset = 2 ** 33

/** The batch without the records that are not kept; its offsets stay. */
const compacted = (values: ReadonlyArray<string>, isKept: ReadonlyArray<boolean>, codec: number): Buffer => {
  const batch = plainBatch(values.map((value, index) => ({ key: `k${index}`, value })))
  const kept: Array<Buffer> = []
  for (let at = headerBytes, index = 0; at < batch.length; index++) {
    // A length as a zigzag varint of one or two bytes.
    const [low, high] = [batch[at]!, batch[at + 1]!]
    const end = low < 128 ? at + 1 + low / 2 : at + 2 + ((low & 0x7f) + high * 128) / 2
    if (isKept[index]) kept.push(batch.subarray(at, end))
    at = end
  }
  batch.writeInt32BE(kept.length, 57)
  const records = Buffer.concat(kept)
  return withRecords(batch, codec, codec === codecs.gzip ? zlib.gzipSync(records) : records, firstOffset)
}

const input = fc.record({
  values: fc.array(
    fc.nat(2_000).map((bytes) => "v".repeat(bytes)),
    { minLength: 1, maxLength: 30 }
  ),
  isKept: fc.array(fc.boolean(), { minLength: 30, maxLength: 30 }),
  codec: fc.constantFrom(codecs.none, codecs.gzip),
  from: fc.nat(29),
  bytesMax: fc.nat(5_000)
})

it("come whole and in portions", () =>
  fc.assert(
    fc.asyncProperty(input, async ({ values, isKept, codec, from: wanted, bytesMax }) => {
      const batch = compacted(values, isKept, codec)
      const end = firstOffset + values.length
      const from = Math.min(firstOffset + wanted, end - 1)
      const expected = values
        .map((value, index) => `${firstOffset + index} k${index} ${value}`)
        .filter((_, index) => isKept[index] && firstOffset + index >= from)
      const readers = {
        whole: async () => readBatches(batch, 0, batch.length, new ReadResponse()),
        portions: (next: number) => new UnreadBatch(batch).read(next, bytesMax)
      }
      for (const read of Object.values(readers)) {
        const found: Array<string> = []
        let next = from
        // Each fetch brings a record at least, or the end.
        for (let fetches = 0; next < end; fetches++) {
          assert.isAtMost(fetches, expected.length)
          const messages = await read(next)
          for (const message of messages)
            if (message.offset >= next && !(message instanceof BatchEnd) && "value" in message)
              found.push(`${message.offset} ${message.key} ${message.value}`)
          next = Math.max(next, messages.at(-1)!.offset + 1)
        }
        assert.strictEqual(next, end)
        assert.deepStrictEqual(found, expected)
      }
    }),
    { numRuns: 300 }
  ))
