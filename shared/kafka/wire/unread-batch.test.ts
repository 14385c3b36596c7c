/** Batches that hold more than is read at once: in portions each record comes once, and what is too large comes without its value. */
import zlib from "node:zlib"
import { assert, describe, it } from "@effect/vitest"
import fc from "fast-check"
import { compressedBatch, madeAt, plainBatch, withRecords } from "../../testing/compressed-batch.ts"
import { batchBytesMax, portionBytesMax, recordBytesMax, recordsMax } from "./batch-bounds.ts"
import { BatchEnd } from "./batch-end.ts"
import { codecs } from "./compression.ts"
import { ReadResponse, readBatches } from "./fetched-batches.ts"
import { headerBytes, RecordView } from "./record-batch-reader.ts"
import type { BatchRecord } from "./record-batch-writer.ts"
import { RecordScan } from "./record-scan.ts"
import { OmittedRecord, UnreadBatch } from "./unread-batch.ts"

const names = ["none", "gzip", "snappy", "lz4", "zstd"] as const
const compressions = ["gzip", "snappy", "lz4", "zstd"] as const
const small = (text: string): BatchRecord => ({ key: text, value: `value of ${text}`, headers: { from: text } })

type Read = RecordView | OmittedRecord
const isDamaged = (record: Read | BatchEnd): boolean => record instanceof OmittedRecord && record.damagedCodec !== null

/** All of a batch from an offset on, as a consumer reads it that fetches again after each portion. */
const readOn = async (batch: Buffer, from: number, to: number): Promise<ReadonlyArray<ReadonlyArray<Read>>> => {
  const portions: Array<ReadonlyArray<Read>> = []
  for (let next = from; next < to; ) {
    const portion: Array<Read> = []
    for (const record of await new UnreadBatch(batch).read(next))
      if (record instanceof BatchEnd) assert.fail(`no record at ${record.offset}`)
      else portion.push(record)
    for (const record of portion) assert.isFalse(isDamaged(record), `damaged at ${record.offset}`)
    portions.push(portion)
    next = portion.at(-1)!.offset + 1
  }
  return portions
}
const bytesOf = (portion: ReadonlyArray<Read>) => portion.reduce((sum, { value }) => sum + (value?.length ?? 0), 0)

describe.each(names)("a batch that is compressed by %s", (name) => {
  it("comes in portions, each record once and in order", async () => {
    const values = Array.from({ length: 45 }, (_, index) => Buffer.alloc(1_000_000 + index, index))
    const records = values.map((value, index) => ({ ...small(`k${index}`), value, timestamp: madeAt + index }))
    const portions = await readOn(compressedBatch(records, codecs[name], 100), 103, 145)
    assert.isAtLeast(portions.length, 3)
    for (const portion of portions) assert.isAtMost(bytesOf(portion), portionBytesMax)
    const read = portions.flat()
    assert.deepStrictEqual(
      read.map(({ offset, key, timestamp, headers }) => [offset, String(key), timestamp, headers["from"]]),
      Array.from({ length: 42 }, (_, index) => [103 + index, `k${index + 3}`, madeAt + index + 3, `k${index + 3}`])
    )
    for (const [index, { value }] of read.entries()) assert.isTrue(value!.equals(values[index + 3]!))
  })
})

describe.each(compressions)("a record that is larger than what is kept, by %s", (name) => {
  it("comes without its value, with what is known of it, and its neighbours come whole", async () => {
    const huge = { key: "h".repeat(3_000), value: Buffer.alloc(recordBytesMax + 1), timestamp: madeAt + 7 }
    const batch = compressedBatch([small("before"), huge, { ...huge, key: null }, small("behind")], codecs[name], 10)
    for (const from of [0, 10, 11]) {
      const read = (await readOn(batch, from, 14)).flat()
      const expected = [10, 11, 12, 13].filter((offset) => offset >= from)
      assert.deepStrictEqual(
        read.map(({ offset }) => offset),
        expected
      )
      const [first, second] = read.filter((record) => record instanceof OmittedRecord)
      assert.strictEqual(first!.omittedBytes, huge.value.length + 3_000 + 10)
      assert.strictEqual(String(first!.key), "h".repeat(1_024))
      assert.isNull(second!.key)
      assert.deepStrictEqual([first!.timestamp, first!.value.length, first!.offset], [madeAt + 7, 0, 11])
      assert.strictEqual(String(read.at(-1)!.value), "value of behind")
    }
  })
})

describe("a batch", () => {
  it("of very many records comes in portions too, compressed or not", async () => {
    const records = Array.from({ length: 150_000 }, () => ({ key: null, value: null }))
    for (const codec of [codecs.none, codecs.zstd]) {
      const portions = await readOn(compressedBatch(records, codec), 0, records.length)
      assert.deepStrictEqual(
        portions.map(({ length }) => length),
        [recordsMax, recordsMax, records.length - 2 * recordsMax]
      )
      assert.deepStrictEqual(
        portions.flat().map(({ offset }) => offset),
        records.map((_, index) => index)
      )
    }
  })

  it("is looked at for so many bytes; what lies behind comes without key and value", async () => {
    const plain = plainBatch([small("before"), { key: "long", value: Buffer.alloc(1_000) }, small("a"), small("b")])
    const records = plain.subarray(headerBytes)
    const longAt = records[0]! / 2 + 1
    // The long record's own length in the place of 1,000 bytes and more: as many zeros as are behind its head.
    const zeros = Buffer.alloc(64 * 1_048_576)
    const times = batchBytesMax / zeros.length + 1
    const lengthAt = { record: longAt, value: records.indexOf("long") + 4 }
    const length = zeros.length * times + (lengthAt.value - lengthAt.record - 2) + 5 + 1
    const head = [
      records.subarray(0, longAt),
      varint(length),
      records.subarray(longAt + 2, lengthAt.value),
      varint(zeros.length * times)
    ]
    const member = zlib.gzipSync(zeros)
    const gzip = [zlib.gzipSync(Buffer.concat(head)), ...Array<Buffer>(times).fill(member)]
    const batch = withRecords(plain, codecs.gzip, Buffer.concat(gzip), 50)
    const read = await new UnreadBatch(batch).read(50)
    assert.deepStrictEqual(
      read.map((record) => (record instanceof OmittedRecord ? [record.offset, record.omittedBytes] : record.offset)),
      [50, [51, length], [52, 0], [53, 0]]
    )
    assert.isNull((read[3] as OmittedRecord).key)
  })

  it("that is damaged behind some records gives these, and then says what it is", async () => {
    const records = Array.from({ length: 40 }, (_, index) => ({
      ...small(`k${index}`),
      value: Buffer.alloc(500_000, index)
    }))
    const whole = compressedBatch(records, codecs.gzip)
    const batch = withRecords(whole, codecs.gzip, whole.subarray(headerBytes, whole.length - 2_000))
    const found: Array<number> = []
    let portion = await new UnreadBatch(batch).read(0)
    while (!portion.some(isDamaged)) {
      found.push(...portion.map(({ offset }) => offset))
      portion = await new UnreadBatch(batch).read(found.length)
    }
    assert.deepStrictEqual(
      portion.map((record) => [isDamaged(record), record.offset]),
      Array.from({ length: 40 - found.length }, (_, index) => [true, found.length + index])
    )
    for (const { omittedBytes } of portion as ReadonlyArray<OmittedRecord>) assert.strictEqual(omittedBytes, -1)
    assert.isTrue(found.length > 20 && found.length < 40, String(found.length))
    assert.deepStrictEqual(
      found,
      found.map((_, index) => index)
    )
  })

  it("without a record from the offset on, as compaction leaves it, is known to be read", async () => {
    const batch = compressedBatch([small("a"), small("b")], codecs.gzip)
    const [record, ...more] = await new UnreadBatch(batch).read(7)
    assert.isEmpty(more)
    assert.instanceOf(record, BatchEnd)
  })

  it("that ends behind its last record, or has none, as compaction leaves it, is read to its end", async () => {
    const batch = (count: number, lastOffsetDelta: number) => {
      const records = Array.from({ length: count }, (_, index) => small(`k${index}`))
      const plain = plainBatch(records.length === 0 ? [small("removed")] : records)
      plain.writeInt32BE(lastOffsetDelta, 23)
      plain.writeInt32BE(count, 57)
      return withRecords(plain, codecs.none, count === 0 ? Buffer.alloc(0) : plain.subarray(headerBytes), 10)
    }
    for (const count of [0, 1, 3]) {
      const bytes = batch(count, 9)
      const read = readBatches(bytes, 0, bytes.length, new ReadResponse())
      for (const found of [read, await new UnreadBatch(bytes).read(10)]) {
        assert.deepStrictEqual(
          found.map(({ offset }) => offset),
          [...[10, 11, 12].slice(0, count), 19]
        )
        assert.isTrue(found.at(-1)!.isControlRecord)
      }
    }
    const [whole, behind] = await Promise.all([10, 13].map((from) => new UnreadBatch(batch(3, 2)).read(from)))
    assert.lengthOf(whole!, 3)
    assert.instanceOf(behind![0], BatchEnd)
  })
})

describe("a response", () => {
  const huge = compressedBatch([{ key: null, value: Buffer.alloc(20_000_000) }], codecs.zstd, 3)
  const few = compressedBatch([small("a"), small("b"), small("c")], codecs.none)
  const readAll = (batches: ReadonlyArray<Buffer>) => {
    const buffer = Buffer.concat(batches)
    const response = new ReadResponse()
    const next = () => readBatches(buffer, 0, buffer.length, response)
    return { read: next(), next }
  }

  it("gives what comes before such a batch, and the batch alone where nothing does, one at a time", () => {
    assert.deepStrictEqual(
      readAll([few, huge, few]).read.map(({ offset }) => offset),
      [0, 1, 2]
    )
    const { read, next } = readAll([huge, few])
    assert.lengthOf(read, 1)
    assert.instanceOf(read[0], UnreadBatch)
    // Of another partition.
    assert.isEmpty(next())
  })

  it("is decompressed until that is enough, and the rest is left to the next fetch", () => {
    const large = compressedBatch([{ key: null, value: Buffer.alloc(10_000_000) }], codecs.zstd)
    const { read, next } = readAll([large, large, large, large, large, large])
    assert.lengthOf(read, 4)
    assert.isTrue(read.every((record) => record instanceof RecordView))
    assert.isEmpty(next())
  })
})

it("finds the same records in whatever parts they come", () => {
  const record = fc.record({
    key: fc.option(fc.string({ maxLength: 300 })),
    value: fc.option(fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes))),
    timestamp: fc.integer({ min: madeAt - 1_000, max: madeAt + 1e12 })
  })
  const input = fc.tuple(
    fc.array(record, { minLength: 1, maxLength: 40 }),
    fc.nat({ max: 45 }),
    fc.array(fc.integer({ min: 1, max: 200 }), { minLength: 1 })
  )
  fc.assert(
    fc.property(input, ([records, from, sizes]) => {
      const bytes = plainBatch(records).subarray(headerBytes)
      const scan = new RecordScan(records.length, from)
      for (let at = 0, index = 0; at < bytes.length; index++) {
        const size = sizes[index % sizes.length]!
        scan.push(bytes.subarray(at, at + size))
        at += size
      }
      assert.isTrue(scan.isDone)
      const kept = records.slice(from)
      assert.strictEqual(scan.keptRecords, kept.length)
      assert.isTrue(bytes.subarray(bytes.length - scan.keptBytes().length).equals(scan.keptBytes()))
      assert.isEmpty(scan.large)
    })
  )
})

it("refuses what is no record, whatever the bytes are", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 3_000 }), fc.nat({ max: 50 }), (bytes, count) => {
      const scan = new RecordScan(count, 0)
      try {
        scan.push(Buffer.from(bytes))
      } catch (error) {
        assert.instanceOf(error, Error)
      }
      assert.isAtMost(scan.keptBytes().length, bytes.length)
    })
  )
})

/** A length as a zigzag varint. */
function varint(value: number): Buffer {
  const bytes: Array<number> = []
  let rest = value * 2
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 128)
  return Buffer.from([...bytes, rest])
}
