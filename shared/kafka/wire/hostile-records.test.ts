/** Records as only a producer that is broken, or means harm, writes them. */
import { assert, it } from "@effect/vitest"
import { plainBatch } from "../../testing/compressed-batch.ts"
import { readBatch } from "./record-batch-reader.ts"
import { UnreadBatch } from "./unread-batch.ts"

it("have times that are dates, whatever a producer wrote, and as they were where they are", async () => {
  const times = [
    ["-9223372036854775808", -8.64e15],
    ["-1", -1],
    ["1790000000123", 1_790_000_000_123],
    ["1790000000123456789", 8.64e15]
  ] as const
  for (const [timestamp, expected] of times) {
    const batch = plainBatch([{ key: "k", value: "v", timestamp }])
    assert.strictEqual(readBatch(batch, 0).records[0]!.timestamp, expected)
    // Time of the broker.
    batch.writeInt16BE(8, 21)
    batch.writeBigInt64BE(BigInt(timestamp), 35)
    assert.strictEqual(readBatch(batch, 0).records[0]!.timestamp, expected)
    // One without its value, since the batch is damaged.
    batch.writeInt16BE(8 | 7, 21)
    const [omitted] = await new UnreadBatch(batch).read(0)
    assert.strictEqual((omitted as { readonly timestamp?: number }).timestamp, expected)
  }
})

it("have as many headers as are read, the first ones", () => {
  const headersOf = (count: number) => {
    const headers = Object.fromEntries(Array.from({ length: count }, (_, index) => [`name-${index}`, `${index}`]))
    return readBatch(plainBatch([{ key: "k", value: "v", headers }]), 0).records[0]!.headers
  }
  for (const count of [0, 1, 256]) assert.strictEqual(Object.keys(headersOf(count)).length, count)
  const headers = headersOf(100_000)
  assert.strictEqual(Object.keys(headers).length, 256)
  assert.deepStrictEqual([headers["name-0"], headers["name-255"]], ["0", "255"])
})
