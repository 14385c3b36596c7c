/** The fast parts of kafkajs and those that they replace give the same. */
import { createRequire } from "node:module"
import { assert, describe, it } from "@effect/vitest"
import fc from "fast-check"
import { codecs } from "../../wire/compression.ts"

const require = createRequire(import.meta.url)
const names = {
  produce: "protocol/requests/produce",
  frame: "protocol/request",
  group: "producer/groupMessagesPerPartition",
  decode: "protocol/requests/fetch/v4/decodeMessages",
  batch: "consumer/batch"
} as const
type Name = keyof typeof names
// biome-ignore lint/suspicious/noExplicitAny: kafkajs's inner modules have no types.
const load = (name: Name): any => require(`kafkajs/src/${names[name]}`)
const loadAll = () => {
  const all = Object.fromEntries(Object.keys(names).map((name) => [name, load(name as Name)]))
  return { ...all, produce: all["produce"].protocol({ version: 7 }) } as Record<Name, ReturnType<typeof load>>
}
const Decoder = require("kafkajs/src/protocol/decoder")
const Long = require("kafkajs/src/utils/long")

// Loaded before the patches.
const original = loadAll()
await import("./index.ts")
const { fetchedRecords } = await import("../records.ts")
const fast = loadAll()

const { none, gzip } = codecs

const bytes = fc.uint8Array({ maxLength: 300 }).map((array) => Buffer.from(array))
const record = fc.record(
  {
    key: fc.option(fc.oneof(fc.string({ unit: "grapheme", maxLength: 200 }), bytes)),
    value: fc.option(bytes),
    timestamp: fc.integer({ min: 1_700_000_000_000, max: 1_790_000_000_000 }).map(String),
    headers: fc.oneof(
      fc.dictionary(
        fc.string({ unit: "grapheme", minLength: 1, maxLength: 90 }).filter((name) => name !== "__proto__"),
        fc.oneof(fc.string({ unit: "grapheme", maxLength: 90 }), bytes, fc.array(fc.string(), { maxLength: 3 })),
        { maxKeys: 3 }
      ),
      // Some that come again, which are remembered.
      fc.constantFrom("a", "b", "c").map((connection) => ({ connection }))
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

/** What was read of batches, as the port has it. */
// biome-ignore lint/suspicious/noExplicitAny: kafkajs's inner modules have no types.
const plain = (records: any) =>
  fetchedRecords("t", 0, records, 0).map(({ offset, timestamp, key, value, headers }, index) => ({
    offset,
    timestamp,
    key,
    value,
    headers: { ...headers },
    isControlRecord: records[index].isControlRecord,
    batchContext: records[index].batchContext
  }))

/** The bytes of a request, without its header. */
const encoded = async (produce: ReturnType<typeof load>, given: unknown): Promise<Buffer> => {
  const { buf, offset } = await produce(given).request.encode()
  return Buffer.from(buf.subarray(0, offset))
}

/** The bytes of a request, with its header and size in front. */
const framed = async ({ produce, frame }: typeof fast, given: unknown): Promise<Buffer> =>
  Buffer.from((await frame({ correlationId: 7, clientId: "relay", request: produce(given).request })).buffer)

describe("fast kafkajs", () => {
  it("is in place", () => {
    for (const name of Object.keys(names) as ReadonlyArray<Name>)
      assert.notStrictEqual(String(fast[name]), String(original[name]), name)
  })

  it("writes the same bytes", () =>
    fc.assert(
      fc.asyncProperty(options, async (given) => {
        assert.isTrue((await encoded(fast.produce, given)).equals(await encoded(original.produce, given)))
        assert.isTrue((await framed(fast, given)).equals(await framed(original, given)))
        const mixed = { produce: original.produce, frame: fast.frame } as typeof fast
        assert.isTrue((await framed(mixed, given)).equals(await framed(original, given)))
      }),
      { numRuns: 60 }
    ))

  it("reads the same records", () =>
    fc.assert(
      fc.asyncProperty(
        records,
        fc.boolean(),
        fc.constantFrom(none, gzip),
        fc.constantFrom(0, 1, 48, 49, 60),
        async (messages, transactional, compression, cutAt) => {
          const topicData = [{ topic: "t", partitions: [{ partition: 0, firstSequence: 0, messages }] }]
          const given = {
            acks: -1,
            timeout: 1,
            topicData,
            compression,
            ...(transactional ? { transactionalId: "x" } : {})
          }
          const request = await encoded(original.produce, given)
          // What comes before the batch: id, acks, timeout, count, topic, count, partition and size.
          const batch = Buffer.from(request.subarray(2 + (transactional ? 1 : 0) + 2 + 4 + 4 + 3 + 4 + 8))
          batch.writeBigInt64BE(4_000_000_000n, 0)
          // Two batches, and a part of the next.
          const size = Buffer.alloc(4)
          size.writeInt32BE(2 * batch.length + cutAt)
          const fetched = Buffer.concat([size, batch, batch, batch.subarray(0, cutAt)])
          const [mine, theirs] = [new Decoder(fetched), new Decoder(fetched)]
          const read = await fast.decode(mine)
          const expected = await original.decode(theirs)
          assert.deepStrictEqual(plain(read), plain(expected))
          assert.isNotEmpty(expected)
          assert.strictEqual(mine.offset, theirs.offset)
          const data = {
            partition: 3,
            highWatermark: "4000000100",
            messages: expected,
            abortedTransactions: []
          }
          for (const from of ["0", "4000000000", "4000000005", "4000001000"]) {
            const [one, other] = [new fast.batch("t", from, data), new original.batch("t", from, data)]
            assert.deepStrictEqual({ ...one }, { ...other })
            const ours = new fast.batch("t", from, { ...data, messages: read })
            assert.strictEqual(ours.messages.length, other.messages.length)
            for (const batch of [one, ours]) {
              assert.strictEqual(batch.lastOffset(), other.lastOffset())
              // What is not delivered is passed from the offset on that was asked for.
              assert.strictEqual(batch.firstOffset(), other.isEmpty() ? from : other.firstOffset())
              assert.strictEqual(batch.offsetLag(), other.offsetLag())
            }
          }
        }
      ),
      { numRuns: 60 }
    ))

  it("reads nothing as kafkajs does", async () => {
    for (const bytes of [
      [0, 0, 0, 0],
      [0xff, 0xff, 0xff, 0xff],
      [0, 0, 0, 9]
    ]) {
      const nothing = Buffer.from(bytes)
      const [mine, theirs] = [new Decoder(nothing), new Decoder(nothing)]
      assert.deepStrictEqual(await fast.decode(mine), await original.decode(theirs))
      assert.strictEqual(mine.offset, theirs.offset)
    }
  })

  it("groups messages the same", () => {
    const messages = Array.from({ length: 500 }, (_, index) => ({ key: `k${index}`, value: null }))
    const given = {
      topic: "t",
      partitionMetadata: [{}],
      messages,
      partitioner: ({ message }: { message: { key: string } }) => message.key.length
    }
    assert.deepStrictEqual(fast.group(given), original.group(given))
  })

  // kafkajs's class delivers offset 2, since it begins only one of the two transactions at offset 2.
  it("hides aborted records of transactions that overlap, and control records", () => {
    const message = (offset: number, producerId: string) => ({
      offset: String(offset),
      key: null,
      value: null,
      isControlRecord: false,
      batchContext: { producerId, inTransaction: true }
    })
    const marker = (offset: number, producerId: string) => ({
      ...message(offset, producerId),
      key: Buffer.alloc(4),
      isControlRecord: true
    })
    const data = {
      partition: 0,
      highWatermark: "7",
      messages: [
        message(0, "1"),
        message(1, "2"),
        message(2, "1"),
        marker(3, "2"),
        marker(4, "1"),
        message(5, "3"),
        message(6, "1")
      ],
      abortedTransactions: [
        { producerId: "2", firstOffset: "1" },
        { producerId: "1", firstOffset: "0" }
      ]
    }
    const batch = new fast.batch("t", "2", data)
    assert.deepStrictEqual(
      batch.messages.map(({ offset }: { readonly offset: string }) => offset),
      ["5", "6"]
    )
    assert.strictEqual(batch.lastOffset(), "6")
  })
})

describe("the buffer of a produce request", () => {
  const given = {
    acks: -1,
    timeout: 1,
    topicData: [{ topic: "t", partitions: [{ partition: 0, firstSequence: 0, messages: [{ key: null, value: "v" }] }] }]
  }
  /** A response of version 7 for one partition. */
  const responseOf = (errorCode: number): Buffer => {
    const response = Buffer.alloc(4 + 3 + 4 + 4 + 2 + 8 + 8 + 8 + 4)
    response.writeInt32BE(1, 0)
    response.writeInt16BE(1, 4)
    response.write("t", 6)
    response.writeInt32BE(1, 7)
    response.writeInt16BE(errorCode, 15)
    return response
  }
  const send = async () => {
    const { request, response } = fast.produce(given)
    const { buf } = await request.encode()
    const answer = async (errorCode: number) => response.parse(await response.decode(responseOf(errorCode)))
    return { memory: (buf as Buffer).buffer, answer }
  }

  it("is used again when the broker has answered, and not before", async () => {
    const first = await send()
    const second = await send()
    assert.notStrictEqual(second.memory, first.memory)
    await first.answer(0)
    assert.strictEqual((await send()).memory, first.memory)
  })

  it("is not used again after an error, when the socket may still hold it", async () => {
    const refused = await send()
    const failure = await refused.answer(6).catch((error: unknown) => error)
    assert.strictEqual((failure as { readonly type?: string }).type, "NOT_LEADER_FOR_PARTITION")
    for (let count = 0; count < 10; count++) assert.notStrictEqual((await send()).memory, refused.memory)
  })
})
