/** Batches that are compressed are read as if they were not, and their buffers are used again. */
import { createRequire } from "node:module"
import { assert, describe, it } from "@effect/vitest"
import fc from "fast-check"
import { BatchSizes } from "../../wire/batch-sizes.ts"
import { BufferPool } from "../../wire/buffer-pool.ts"
import { codecs } from "../../wire/compression.ts"
import type { RecordView } from "../../wire/record-batch-reader.ts"
import { failureOf } from "../damaged.ts"
import { fetchedRecords } from "../records.ts"
import "./index.ts"

const require = createRequire(import.meta.url)
const produce = require("kafkajs/src/protocol/requests/produce").protocol({ version: 7 })
const fetch = require("kafkajs/src/protocol/requests/fetch").protocol({ version: 11 })
const decode = require("kafkajs/src/protocol/requests/fetch/v4/decodeMessages")
const Decoder = require("kafkajs/src/protocol/decoder")

const records = fc.array(
  fc.record({
    key: fc.option(fc.string({ unit: "grapheme", maxLength: 20 })),
    value: fc.option(fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes))),
    timestamp: fc.integer({ min: 1_700_000_000_000, max: 1_790_000_000_000 }).map(String)
  }),
  { minLength: 1, maxLength: 70 }
)
type Messages = ReadonlyArray<Readonly<Record<string, unknown>>>

/** For each of the topics t and u the batch of a request for partition 0, behind its size, as a fetch response has it. */
const batchesOf = async (messages: Messages, compression: unknown): Promise<ReadonlyArray<Buffer>> => {
  const topicData = ["t", "u"].map((topic) => ({ topic, partitions: [{ partition: 0, firstSequence: 7, messages }] }))
  const { buf, offset } = await produce({ acks: -1, timeout: 1, topicData, compression }).request.encode()
  const bytes = Buffer.from(buf.subarray(0, offset))
  // What comes before the batches: id, acks, timeout and count; before each: topic, count and partition.
  let at = 2 + 2 + 4 + 4
  return topicData.map(() => {
    const start = at + 3 + 4 + 4
    at = start + 4 + bytes.readInt32BE(start)
    return bytes.subarray(start, at)
  })
}
const codecOf = (batch: Buffer): number => batch.readInt16BE(4 + 21) & 7
const read = (batch: Buffer): Promise<ReadonlyArray<RecordView>> => decode(new Decoder(batch))
/** The messages of a fetch response that has the batch in a partition of its second topic. */
const fetched = async (batch: Buffer, fetchOffset: number): Promise<ReadonlyArray<RecordView>> => {
  const partitionsOf = (topic: string, records: Buffer) => [
    ...[Buffer.from([0, topic.length]), Buffer.from(topic), int32(1), int32(3), Buffer.alloc(2 + 8 + 8 + 8), int32(0)],
    ...[int32(-1), records]
  ]
  const topics = [...partitionsOf("other", int32(0)), ...partitionsOf("t", batch)]
  const asked = ["other", "t"].map((topic) => ({
    topic,
    partitions: [{ partition: 3, fetchOffset: String(fetchOffset) }]
  }))
  const { response } = fetch({ topics: asked, maxWaitTime: 1, minBytes: 1, maxBytes: 1 })
  const { responses } = await response.decode(Buffer.concat([Buffer.alloc(4 + 2 + 4), int32(2), ...topics]))
  assert.isEmpty(responses[0].partitions[0].messages)
  return responses[1].partitions[0].messages
}
const at = { topic: "t", partition: 3 }
const int32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32BE(value)
  return bytes
}
const plain = async (batch: Buffer) => {
  const records = await read(batch)
  return fetchedRecords("t", 0, records, 0).map(({ offset, timestamp, key, value, headers }, index) => ({
    offset,
    timestamp,
    key,
    value: value === null ? null : Buffer.from(value),
    headers,
    batchContext: records[index]!.batchContext
  }))
}

const compressed = (topics: (topic: string) => boolean = () => true, writtenBytesMax = 900_000) =>
  new BatchSizes({ writtenBytesMax, recordBytesMax: 4_000_000, compressedTopics: topics })

const large = [{ key: "k", value: Buffer.alloc(200_000, "abc"), timestamp: "1790000000000" }]

describe("a compressed batch", () => {
  it("is written for larger batches of the topics that are compressed, and read as if it were not", () =>
    fc.assert(
      fc.asyncProperty(records, fc.nat({ max: 40_000 }), async (some, padding) => {
        const messages = [...some, { key: "k", value: Buffer.alloc(padding, "padding"), timestamp: "1790000000000" }]
        const uncompressed = await batchesOf(messages, 0)
        const both = await batchesOf(
          messages,
          compressed((topic) => topic === "u")
        )
        assert.isTrue(both[0]!.equals(uncompressed[0]!))
        assert.deepStrictEqual(await plain(both[1]!), await plain(uncompressed[1]!))
        if (padding > 20_000) assert.strictEqual(codecOf(both[1]!), codecs.zstd)
        if (padding < 100 && some.length < 10) assert.strictEqual(codecOf(both[1]!), codecs.none)
      }),
      { numRuns: 60 }
    ))

  it("shares no memory with the others of its request", async () => {
    for (const sizes of [
      [20_000, 900_000, 30_000, 17_000],
      [3_000_000, 20_000, 3_000_000],
      [100_000, 100_000]
    ]) {
      const partitions = sizes.map((bytes, partition) => ({
        partition,
        firstSequence: 0,
        messages: [{ key: `k${partition}`, value: Buffer.alloc(bytes, `partition ${partition} of ${sizes}`) }]
      }))
      const topicData = [{ topic: "t", partitions }]
      const request = { acks: -1, timeout: 1, topicData, compression: compressed() }
      const { buf, offset } = await produce(request).request.encode()
      let at = 2 + 2 + 4 + 4 + 3 + 4
      for (const { messages } of partitions) {
        const start = at + 4
        at = start + 4 + buf.readInt32BE(start)
        assert.strictEqual(codecOf(buf.subarray(start)), codecs.zstd)
        const [record] = await read(buf.subarray(start, at))
        assert.isTrue(record!.value!.equals(messages[0]!.value))
      }
      assert.strictEqual(at, offset)
    }
  })

  it("may have more records than a call can have arguments", async () => {
    const messages = Array.from({ length: 200_000 }, (_, index) => ({ key: null, value: index % 9 === 0 ? "x" : null }))
    const [batch] = await batchesOf(messages, compressed())
    assert.isBelow(batch!.length, 1_000_000)
    const offsets: Array<number> = []
    while (offsets.length < messages.length)
      offsets.push(...(await fetched(batch!, offsets.length)).map(({ offset }) => Number(offset)))
    assert.deepStrictEqual(
      offsets,
      messages.map((_, index) => index)
    )
  })

  it("is not written where it would be larger", async () => {
    const value = Buffer.from(Array.from({ length: 20_000 }, () => Math.random() * 256))
    const [batch] = await batchesOf([{ key: null, value, timestamp: "1790000000000" }], compressed())
    assert.strictEqual(codecOf(batch!), codecs.none)
  })

  it("fails where its records are damaged or its compression is unknown", async () => {
    const [batch] = await batchesOf(large, compressed())
    for (const codec of [codecs.gzip, codecs.snappy, codecs.lz4, codecs.zstd, 7]) {
      const damaged = Buffer.from(batch!)
      damaged.writeInt16BE(codec, 4 + 21)
      damaged.fill(0xff, 70)
      const found = await fetched(damaged, 0)
      assert.isNull(failureOf(found, at, { writtenByOthers: (topic) => topic === "t" }))
      const failure = failureOf(found, at, { writtenByOthers: (topic) => topic !== "t" })
      assert.strictEqual(failure?.code, "damaged")
      assert.match(failure?.message ?? "", /^The batch of records at offset 0 of t, partition 3, is damaged/)
    }
    assert.isNull(failureOf(await fetched(batch!, 0), at, { writtenByOthers: () => false }))
  })

  it("gives the buffer of the response back when that is read, and its own when its last record is released", async () => {
    const [batch] = await batchesOf([...large, ...large], compressed())
    const responses = new BufferPool({ stepBytes: 65_536, freeBytesMax: 1_000_000 })
    const response = responses.acquire(batch!.length).buffer
    batch!.copy(response)
    const records = await read(response.subarray(0, batch!.length))
    const used = records.map(({ value }) => value!.buffer)
    await new Promise((resolve) => setImmediate(resolve))
    assert.strictEqual(responses.acquire(1).buffer, response)
    const next = async () => (await read(batch!))[0]!
    assert.notStrictEqual((await next()).value!.buffer, used[0])
    for (const record of records) record.bufferRef?.release()
    assert.strictEqual((await next()).value!.buffer, used[0])
  })
})
