import { assert, describe, it } from "@effect/vitest"
import fc from "fast-check"
import type { FetchedRecord } from "../kafka/client.ts"
import { readBatch } from "../kafka/wire/record-batch-reader.ts"
import { sizeBatch, writeBatch } from "../kafka/wire/record-batch-writer.ts"
import type { Inbound } from "./contract.ts"
import { RecordQueue } from "./record-queue.ts"

interface Content {
  readonly key: string | null
  readonly value: string | null
  readonly headers: Readonly<Record<string, string>>
}

/** A record whose key and value are views of a buffer that is used again as soon as it is released. */
const fetched = (offset: number, { key, value, headers }: Content) => {
  const released: Array<number> = []
  const memory = Buffer.from(`${key ?? ""}${value ?? ""}`)
  const keyBytes = Buffer.byteLength(key ?? "")
  const record: FetchedRecord = {
    topic: "prefix.in",
    partition: 3,
    offset,
    timestamp: 1_700_000_000_000 + offset,
    key: key === null ? null : memory.subarray(0, keyBytes),
    value: value === null ? null : memory.subarray(keyBytes),
    headers,
    bufferRef: {
      release: () => {
        released.push(offset)
        memory.fill("#")
      }
    }
  }
  return { record, released }
}

const seen = ({ topic, partition, offset, timestamp, key, value, headers }: Inbound) => ({
  ...{ topic, partition, offset, timestamp, headers },
  ...{ key: key === null ? null : String(key), value: value === null ? null : String(value) }
})

const expected = (offset: number, content: Content) => ({
  ...{ topic: "in", partition: 3, offset, timestamp: 1_700_000_000_000 + offset, ...content }
})

const plain: Content = { key: "key", value: "value", headers: { to: "one" } }
const all = Number.POSITIVE_INFINITY

describe("packed records", () => {
  it("are copied, and the buffer of their fetch is released", () => {
    const queue = new RecordQueue("in")
    const { record, released } = fetched(2 ** 33, plain)
    queue.add([record], true)
    assert.deepStrictEqual(released, [2 ** 33])
    assert.strictEqual(queue.firstOffset, 2 ** 33)
    const { records, bytes } = queue.shift(all, all)
    assert.deepStrictEqual(records.map(seen), [expected(2 ** 33, plain)])
    assert.strictEqual(records[0]!.bytes, 8)
    assert.strictEqual(bytes, 208)
    assert.deepStrictEqual([queue.length, queue.bytes, queue.firstOffset], [0, 0, null])
  })

  it("are read from a response's bytes without making views of them", () => {
    const contents = [plain, { ...plain, key: null }, { ...plain, value: null }, { key: "", value: "", headers: {} }]
    const written = contents.map(({ key, value, headers }) => ({
      ...{ key, headers, timestamp: 1_000 },
      value: value === null ? null : Buffer.from(value)
    }))
    const sized = sizeBatch(written, 1_000)
    const bytes = Buffer.alloc(sized.bytes + 16)
    writeBatch(bytes, 0, sized, {
      ...{ now: 1_000, transactional: false, producerId: -1n, producerEpoch: -1, firstSequence: -1 }
    })
    const queue = new RecordQueue("in")
    queue.add(readBatch(bytes, 0).records, true)
    bytes.fill("#")
    const got = queue.shift(all, all).records.map(seen)
    assert.deepStrictEqual(
      got.map(({ key, value, headers }) => ({ key, value, headers })),
      contents
    )
  })

  it("come out in order behind those that are not packed, and keep what comes later behind them", () => {
    const queue = new RecordQueue("in")
    for (const [offset, isPacked] of [false, false, true, false, true].entries())
      queue.add([fetched(offset, plain).record], isPacked)
    const offsets: Array<ReadonlyArray<number>> = []
    while (queue.length > 0) offsets.push(queue.shift(2, all).records.map(({ offset }) => offset))
    assert.deepStrictEqual(offsets, [[0, 1], [2, 3], [4]])
  })

  it("have memory that is used again once the last of its records is released, and not before", () => {
    const queue = new RecordQueue("in")
    const textOf = (offset: number) => String(offset).padStart(1_000, "v")
    const waiting: Array<Inbound> = []
    const memories = new Set<ArrayBufferLike>()
    let next = 0
    for (let round = 0; round < 200; round++) {
      for (let count = 0; count < 1 + (round % 40); count++, next++)
        queue.add([fetched(next, { key: `key-${next}`, value: textOf(next), headers: {} }).record], true)
      waiting.push(...queue.shift(30, all).records)
      for (const { offset, key, value } of waiting) {
        memories.add(value!.buffer)
        assert.strictEqual(String(key), `key-${offset}`)
        assert.strictEqual(String(value), textOf(offset))
      }
      // A batch, the first of them.
      for (const { bufferRef } of waiting.splice(0, waiting.length - (round % 7))) bufferRef!.release()
    }
    assert.isAbove(next, 3_800)
    assert.isBelow(memories.size, 20)
  })

  it("may be larger than a chunk", () => {
    const queue = new RecordQueue("in")
    for (const [offset, value] of ["x".repeat(100_000), "small"].entries())
      queue.add([fetched(offset, { ...plain, value }).record], true)
    const [large, small] = queue.shift(all, all).records as [Inbound, Inbound]
    large.bufferRef!.release()
    queue.add([fetched(2, { ...plain, value: "other" }).record], true)
    const [other] = queue.shift(all, all).records as [Inbound]
    assert.strictEqual(large.value?.length, 100_000)
    assert.deepStrictEqual([String(small.value), String(other.value)], ["small", "other"])
    assert.notStrictEqual(other.value!.buffer, large.value!.buffer)
  })

  it("are released when the queue is cleared, and the queue goes on", () => {
    const queue = new RecordQueue("in")
    const one = fetched(0, plain)
    queue.add([one.record], false)
    for (let offset = 1; offset < 100; offset++)
      queue.add([fetched(offset, { ...plain, value: "v".repeat(1_000) }).record], true)
    const taken = queue.shift(10, all).records
    queue.clear()
    assert.deepStrictEqual(one.released, [])
    assert.deepStrictEqual([queue.length, queue.bytes, queue.firstOffset], [0, 0, null])
    for (let offset = 100; offset < 200; offset++) queue.add([fetched(offset, plain).record], true)
    assert.deepStrictEqual(
      taken.slice(1).map(({ value }) => String(value)),
      taken.slice(1).map(() => "v".repeat(1_000))
    )
    assert.deepStrictEqual(
      queue.shift(all, all).records.map(seen),
      Array.from({ length: 100 }, (_, index) => expected(100 + index, plain))
    )
  })
})

const content: fc.Arbitrary<Content> = fc.record({
  key: fc.option(fc.string({ maxLength: 40 })),
  value: fc.option(
    fc.tuple(fc.string({ maxLength: 9 }), fc.nat(400)).map(([text, times]) => text.repeat(times)),
    { freq: 9 }
  ),
  headers: fc.constantFrom<Readonly<Record<string, string>>>({}, { to: "one" }, { to: "two", trace: "t" })
})

const command = fc.oneof(
  { weight: 6, arbitrary: fc.record({ add: content, isPacked: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ recordsMax: fc.integer({ min: 1, max: 9 }), bytesMax: fc.nat(9_000) }) },
  // Of the records that are taken, this one's memory is released.
  { weight: 4, arbitrary: fc.record({ release: fc.nat() }) },
  { weight: 1, arbitrary: fc.constant("clear" as const) }
)

it("gives out exactly what came in, in order and within the bounds, however it is released", () => {
  fc.assert(
    fc.property(fc.array(command, { maxLength: 200 }), (commands) => {
      const queue = new RecordQueue("in")
      let waiting: Array<ReturnType<typeof expected>> = []
      const taken: Array<readonly [record: Inbound, is: ReturnType<typeof expected>]> = []
      const bytesOf = ({ key, value }: Content) => 200 + Buffer.byteLength(`${key ?? ""}${value ?? ""}`)
      let offset = 0
      for (const each of commands) {
        if (each === "clear") {
          queue.clear()
          waiting = []
        } else if ("add" in each) {
          queue.add([fetched(offset, each.add).record], each.isPacked)
          waiting.push(expected(offset++, each.add))
        } else if ("release" in each) {
          if (taken.length > 0) taken.splice(each.release % taken.length, 1)[0]![0].bufferRef?.release()
        } else {
          const { records, bytes } = queue.shift(each.recordsMax, each.bytesMax)
          const isThere = waiting.splice(0, records.length)
          records.forEach((record, index) => void taken.push([record, isThere[index]!]))
          assert.strictEqual(
            bytes,
            isThere.reduce((sum, one) => sum + bytesOf(one), 0)
          )
          assert.isAtMost(records.length, each.recordsMax)
          if (records.length > 1) assert.isAtMost(bytes, each.bytesMax)
          const next = waiting[0]
          if (records.length < each.recordsMax && next !== undefined)
            assert.isAbove(bytes + bytesOf(next), each.bytesMax, "more had room")
        }
        assert.strictEqual(queue.length, waiting.length)
        assert.strictEqual(queue.firstOffset, waiting[0]?.offset ?? null)
        assert.strictEqual(
          queue.bytes,
          waiting.reduce((sum, one) => sum + bytesOf(one), 0)
        )
        for (const [record, is] of taken) assert.deepStrictEqual(seen(record), is)
      }
    })
  )
})
