/**
 * Writes a record batch (magic 2) in two passes: the first sums the bytes, the second writes them into one buffer. Compressed are the
 * records alone, not the batch's header. (Kafka protocol, "Record Batch".)
 */
import { codeAt } from "../../model/text.ts"
import type { ProducedRecord } from "../client.ts"
import { codecs } from "./compression.ts"
import { crc32c } from "./hashes.ts"
import { headerBytes } from "./record-batch-reader.ts"
import { zstdCompress } from "./zstd.ts"

type HeaderValue = Buffer | string | ReadonlyArray<Buffer | string>

/** A record as kafkajs's producer hands it on. */
export interface BatchRecord {
  readonly key?: Buffer | string | null
  readonly value: Buffer | string | null
  /** Milliseconds since the epoch. */
  readonly timestamp?: string | number
  readonly headers?: Readonly<Record<string, HeaderValue | null | undefined>>
}

export interface BatchHeader {
  /** The timestamp of records that have none, in milliseconds since the epoch. */
  readonly now: number
  readonly transactional: boolean
  readonly producerId: bigint
  readonly producerEpoch: number
  readonly firstSequence: number
}

/** A batch whose size is known and which is not written yet. */
export interface SizedBatch {
  readonly records: ReadonlyArray<BatchRecord>
  /** Bytes of each record after its own length. */
  readonly sizes: ReadonlyArray<number>
  readonly firstTimestamp: number
  readonly maxTimestamp: number
  readonly bytes: number
}

const transactionalMask = 16

/** Sums the bytes of a batch of at least one record. */
export const sizeBatch = (records: ReadonlyArray<BatchRecord>, now: number): SizedBatch => {
  let firstTimestamp = Number.POSITIVE_INFINITY
  let maxTimestamp = 0
  for (const record of records) {
    const timestamp = timestampOf(record, now)
    if (timestamp < firstTimestamp) firstTimestamp = timestamp
    if (timestamp > maxTimestamp) maxTimestamp = timestamp
  }
  const sizes: Array<number> = []
  let bytes = headerBytes
  for (let index = 0; index < records.length; index++) {
    const record = records[index]!
    const size =
      1 +
      varintBytes(timestampOf(record, now) - firstTimestamp) +
      varintBytes(index) +
      nullableBytes(record.key) +
      nullableBytes(record.value) +
      encodedHeaders(record.headers).length
    sizes.push(size)
    bytes += varintBytes(size) + size
  }
  return { records, sizes, firstTimestamp, maxTimestamp, bytes }
}

/** Writes the batch at `start`, where there must be room for its bytes, and gives the position after it. */
export const writeBatch = (into: Buffer, start: number, batch: SizedBatch, head: BatchHeader): number => {
  const end = writeRecords(into, start + headerBytes, batch, head.now)
  return writeHeader(into, start, end, batch, head, codecs.none)
}

/**
 * A batch's records by Zstandard, level 1, at the beginning of `frame`; null if that saves nothing. `scratch` holds them before, so that it must have
 * room for the batch's bytes.
 */
export const compressBatch = (
  scratch: Buffer,
  frame: Buffer,
  batch: SizedBatch,
  now: number
): CompressedBatch | null => {
  const records = scratch.subarray(0, writeRecords(scratch, 0, batch, now))
  const written = zstdCompress(records, frame.subarray(0, records.length))
  return written === null ? null : { batch, records: frame.subarray(0, written), bytes: headerBytes + written }
}

/** A batch whose records are compressed already; `bytes` with its header. */
export interface CompressedBatch {
  readonly batch: SizedBatch
  readonly records: Buffer
  readonly bytes: number
}

/** As `writeBatch`. */
export const writeCompressedBatch = (
  into: Buffer,
  start: number,
  compressed: CompressedBatch,
  head: BatchHeader
): number => {
  into.set(compressed.records, start + headerBytes)
  return writeHeader(into, start, start + compressed.bytes, compressed.batch, head, codecs.zstd)
}

/** The header of the batch between `start` and `end`, whose records are there already, as the checksum needs them. */
const writeHeader = (
  into: Buffer,
  start: number,
  end: number,
  { records, firstTimestamp, maxTimestamp }: SizedBatch,
  head: BatchHeader,
  codec: number
): number => {
  into.fill(0, start, start + 8)
  into.writeInt32BE(end - start - 12, start + 8)
  into.writeInt32BE(0, start + 12)
  into[start + 16] = 2
  into.writeInt16BE((head.transactional ? transactionalMask : 0) | codec, start + 21)
  into.writeInt32BE(records.length - 1, start + 23)
  into.writeBigInt64BE(BigInt(firstTimestamp), start + 27)
  into.writeBigInt64BE(BigInt(maxTimestamp), start + 35)
  into.writeBigInt64BE(head.producerId, start + 43)
  into.writeInt16BE(head.producerEpoch, start + 51)
  into.writeInt32BE(head.firstSequence, start + 53)
  into.writeInt32BE(records.length, start + 57)
  into.writeUInt32BE(crc32c(into, start + 21, end), start + 17)
  return end
}

const writeRecords = (
  into: Buffer,
  start: number,
  { records, sizes, firstTimestamp }: SizedBatch,
  now: number
): number => {
  let at = start
  for (let index = 0; index < records.length; index++) {
    const record = records[index]!
    at = writeVarint(into, at, sizes[index]!)
    into[at++] = 0
    at = writeVarint(into, at, timestampOf(record, now) - firstTimestamp)
    at = writeVarint(into, at, index)
    at = writeNullable(into, at, record.key)
    at = writeNullable(into, at, record.value)
    const headers = encodedHeaders(record.headers)
    into.set(headers, at)
    at += headers.length
  }
  return at
}

const timestampOf = ({ timestamp }: BatchRecord, now: number): number =>
  timestamp === undefined ? now : Number(timestamp)

/** Bytes of a number of at least 0 as a zigzag varint. */
const varintBytes = (value: number): number => {
  let bytes = 1
  for (let rest = value * 2; rest >= 128; rest /= 128) bytes++
  return bytes
}

const writeVarint = (into: Buffer, start: number, value: number): number => {
  let at = start
  let rest = value * 2
  while (rest >= 128) {
    into[at++] = (rest % 128) | 128
    rest = Math.floor(rest / 128)
  }
  into[at++] = rest
  return at
}

/** The length -1, for what is absent, is 1 as a zigzag varint. */
const absent = 1

/** Bytes of a string in UTF-8, or of a buffer. */
const utf8Length = (value: Buffer | string): number => {
  if (typeof value !== "string") return value.length
  if (value.length > shortStringMax) return Buffer.byteLength(value)
  for (let index = 0; index < value.length; index++) if (codeAt(value, index) > 127) return Buffer.byteLength(value)
  return value.length
}

const nullableBytes = (value: Buffer | string | null | undefined): number => {
  if (value === null || value === undefined) return 1
  const length = utf8Length(value)
  return varintBytes(length) + length
}

const writeNullable = (into: Buffer, start: number, value: Buffer | string | null | undefined): number => {
  if (value === null || value === undefined) {
    into[start] = absent
    return start + 1
  }
  if (typeof value === "string") return writeString(into, start, value)
  const at = writeVarint(into, start, value.length)
  into.set(value, at)
  return at + value.length
}

const writeString = (into: Buffer, start: number, value: string): number => {
  const length = utf8Length(value)
  const at = writeVarint(into, start, length)
  // Most keys are short and ASCII: a loop here costs less than a call into native code.
  if (length === value.length && length <= shortStringMax) {
    for (let index = 0; index < length; index++) into[at + index] = codeAt(value, index)
  } else into.write(value, at, length, "utf8")
  return at + length
}

const shortStringMax = 64

type Headers = BatchRecord["headers"]

/** Without headers, their number alone. */
const noHeaders = Buffer.from([0])

/** Most records of a connection share one headers object, which is encoded once. */
const encodedHeaders = (headers: Headers): Buffer => {
  if (headers === undefined) return noHeaders
  const known = encoded.get(headers)
  if (known !== undefined) return known
  const bytes = encodeHeaders(headers)
  encoded.set(headers, bytes)
  return bytes
}

const encoded = new WeakMap<object, Buffer>()

const encodeHeaders = (headers: NonNullable<Headers>): Buffer => {
  const entries = Object.entries(headers).flatMap(([name, value]) => valuesOf(value).map((one) => [name, one] as const))
  const bytes = entries.reduce((sum, [name, value]) => sum + nullableBytes(name) + nullableBytes(value), 0)
  const into = Buffer.alloc(varintBytes(entries.length) + bytes)
  let at = writeVarint(into, 0, entries.length)
  for (const [name, value] of entries) {
    at = writeNullable(into, at, name)
    at = writeNullable(into, at, value)
  }
  return into
}

const valuesOf = (value: HeaderValue | null | undefined): ReadonlyArray<Buffer | string | null> => {
  if (value === null || value === undefined) return [null]
  return typeof value === "string" || Buffer.isBuffer(value) ? [value] : (value as ReadonlyArray<Buffer | string>)
}

/** What a record's bytes depend on. */
export type RecordContent = Pick<ProducedRecord, "topic" | "key" | "value" | "headers">

/** An upper estimate of the bytes that a record takes in a request. */
export const producedBytes = (record: RecordContent): number => {
  let bytes = recordOverheadBytes + (record.value?.length ?? 0)
  if (record.key !== null) bytes += utf8Length(record.key)
  return record.headers === undefined ? bytes : bytes + encodedHeaders(record.headers).length
}

/** Varints of lengths, offset and time of a record, and its share of its batch's header if the batch holds few. */
const recordOverheadBytes = 90
