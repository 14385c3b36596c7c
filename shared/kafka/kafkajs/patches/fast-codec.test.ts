/** The quick parts of kafkajs and those that they stand in for give the same. */
import { createRequire } from "node:module"
import { assert, describe, it } from "@effect/vitest"
import fc from "fast-check"

const require = createRequire(import.meta.url)
const names = {
  produce: "protocol/requests/produce/v3/request",
  frame: "protocol/request",
  group: "producer/groupMessagesPerPartition",
  murmur2: "producer/partitioners/default/murmur2",
  decode: "protocol/recordBatch/v0/decoder",
  batch: "consumer/batch"
} as const
type Name = keyof typeof names
// biome-ignore lint/suspicious/noExplicitAny: kafkajs's inner modules have no types.
const load = (name: Name): any => require(`kafkajs/src/${names[name]}`)
const Decoder = require("kafkajs/src/protocol/decoder")
const Long = require("kafkajs/src/utils/long")

// Held before the quick ones take their places.
const original = Object.fromEntries(Object.keys(names).map((name) => [name, load(name as Name)]))
await import("./fast-codec.ts")
const { fetchedRecords } = await import("../records.ts")
const quick = Object.fromEntries(Object.keys(names).map((name) => [name, load(name as Name)]))

const bytes = fc.uint8Array({ maxLength: 300 }).map((array) => Buffer.from(array))
const record = fc.record(
  {
    key: fc.option(fc.oneof(fc.string({ unit: "grapheme", maxLength: 200 }), bytes)),
    value: fc.option(bytes),
    timestamp: fc.integer({ min: 1_700_000_000_000, max: 1_790_000_000_000 }).map(String),
    headers: fc.dictionary(
      fc.string({ unit: "grapheme", minLength: 1, maxLength: 90 }).filter((name) => name !== "__proto__"),
      fc.oneof(fc.string({ unit: "grapheme", maxLength: 90 }), bytes, fc.array(fc.string(), { maxLength: 3 })),
      { maxKeys: 3 }
    )
  },
  { requiredKeys: ["key", "value", "timestamp"] }
)
const records = fc.array(record, { minLength: 1, maxLength: 70 })
const options = fc.record({
  acks: fc.constant(-1),
  timeout: fc.nat(),
  transactionalId: fc.option(fc.string({ unit: "grapheme", maxLength: 20 }), { nil: undefined }),
  producerId: fc.bigInt({ min: -1n, max: 2n ** 62n }).map((id) => Long.fromValue(id.toString())),
  producerEpoch: fc.nat({ max: 30_000 }),
  topicData: fc.array(
    fc.record({
      topic: fc.string({ unit: "grapheme", minLength: 1, maxLength: 30 }),
      partitions: fc.array(fc.record({ partition: fc.nat({ max: 99 }), firstSequence: fc.nat(), messages: records }), {
        minLength: 1,
        maxLength: 3
      })
    }),
    { minLength: 1, maxLength: 2 }
  )
})

/** What was read of a batch, its records as the port has them. */
// biome-ignore lint/suspicious/noExplicitAny: kafkajs's inner modules have no types.
const plain = ({ records, ...head }: any) => ({
  ...head,
  records: fetchedRecords("t", 0, records, 0).map(({ offset, timestamp, key, value, headers }, index) => ({
    offset,
    timestamp,
    key,
    value,
    headers: { ...headers },
    isControlRecord: records[index].isControlRecord,
    batchContext: records[index].batchContext
  }))
})

const encoded = async (produce: (given: unknown) => { encode: () => Promise<{ buffer: Buffer }> }, given: unknown) =>
  Buffer.from((await produce(given).encode()).buffer)

describe("quick kafkajs", { timeout: 60_000 }, () => {
  it("is in place", () => {
    for (const name of Object.keys(names)) assert.notStrictEqual(quick[name], original[name], name)
  })

  it("writes the same bytes", () =>
    fc.assert(
      fc.asyncProperty(options, async (given) => {
        const [mine, theirs] = [await encoded(quick["produce"], given), await encoded(original["produce"], given)]
        assert.isTrue(mine.equals(theirs))
        const request = { ...quick["produce"](given), apiVersion: 7 }
        const framed = { correlationId: 7, clientId: "relay", request }
        assert.isTrue(
          Buffer.from((await quick["frame"](framed)).buffer).equals(
            Buffer.from(
              (await original["frame"]({ ...framed, request: { ...original["produce"](given), apiVersion: 7 } })).buffer
            )
          )
        )
      }),
      { numRuns: 60 }
    ))

  it("reads the same records", () =>
    fc.assert(
      fc.asyncProperty(records, fc.boolean(), async (messages, transactional) => {
        const topicData = [{ topic: "t", partitions: [{ partition: 0, firstSequence: 0, messages }] }]
        const given = { acks: -1, timeout: 1, topicData, ...(transactional ? { transactionalId: "x" } : {}) }
        const request = await encoded(original["produce"], given)
        // What comes before the batch: id, acks, timeout, count, topic, count, partition and size.
        const batch = Buffer.from(request.subarray(2 + (transactional ? 1 : 0) + 2 + 4 + 4 + 3 + 4 + 8))
        batch.writeBigInt64BE(4_000_000_000n, 0)
        const [mine, theirs] = [new Decoder(batch), new Decoder(batch)]
        const read = await quick["decode"](mine)
        const expected = await original["decode"](theirs)
        assert.deepStrictEqual(plain(read), plain(expected))
        assert.strictEqual(mine.offset, theirs.offset)
        const data = { partition: 3, highWatermark: "4000000100", messages: expected.records, abortedTransactions: [] }
        for (const from of ["0", "4000000000", "4000000005", "4000001000"]) {
          const [one, other] = [new quick["batch"]("t", from, data), new original["batch"]("t", from, data)]
          assert.deepStrictEqual({ ...one }, { ...other })
          const ours = new quick["batch"]("t", from, { ...data, messages: read.records })
          assert.strictEqual(ours.messages.length, other.messages.length)
          for (const batch of [one, ours]) {
            assert.strictEqual(batch.lastOffset(), other.lastOffset())
            assert.strictEqual(batch.firstOffset(), other.firstOffset())
            assert.strictEqual(batch.offsetLag(), other.offsetLag())
          }
        }
      }),
      { numRuns: 60 }
    ))

  it("leaves a batch that was cut off to kafkajs's error", async () => {
    const topicData = [
      { topic: "t", partitions: [{ partition: 0, firstSequence: 0, messages: [{ key: "k", value: "v" }] }] }
    ]
    const request = await encoded(quick["produce"], { acks: -1, timeout: 1, topicData })
    const failure = await quick["decode"](new Decoder(request.subarray(27, request.length - 1))).catch(
      (error: unknown) => error
    )
    assert.strictEqual(failure.name, "KafkaJSPartialMessageError")
  })

  it("finds the same partitions", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: "grapheme" }), bytes), (key) =>
        assert.strictEqual(quick["murmur2"](key), original["murmur2"](key))
      ),
      { numRuns: 1_000 }
    )
    const messages = Array.from({ length: 500 }, (_, index) => ({ key: `k${index}`, value: null }))
    const given = {
      topic: "t",
      partitionMetadata: [{}],
      messages,
      partitioner: ({ message }: { message: { key: string } }) => message.key.length
    }
    assert.deepStrictEqual(quick["group"](given), original["group"](given))
  })
})
