/**
 * Reads the records of a batch (magic 2) in one pass over its bytes. A record is one object that is a message for
 * kafkajs and a fetched record for the port, since a second object for each would cost more than the reading. Keys, values and
 * headers are views of the response's buffer, created on access: most records are only passed on. (Kafka protocol, "Record Batch".)
 */

import type { FetchedRecord } from "../client.ts"
import { type BufferRef, bufferRefOf } from "./buffer-pool.ts"
import { recordTime } from "./record-time.ts"

/** What the records of a batch have in common. */
export interface BatchContext {
  readonly firstOffset: string
  readonly firstTimestamp: string
  readonly partitionLeaderEpoch: number
  readonly inTransaction: boolean
  readonly isControlBatch: boolean
  readonly lastOffsetDelta: number
  readonly producerId: string
  readonly producerEpoch: number
  readonly firstSequence: number
  readonly maxTimestamp: string
  /** 0: of the producer; 1: of the broker. */
  readonly timestampType: number
  readonly magicByte: number
}

interface ReadBatch extends Omit<BatchContext, "magicByte"> {
  readonly records: ReadonlyArray<RecordView>
}

const [compressionMask, brokerTimeMask, transactionalMask, controlMask] = [0x7, 0x8, 0x10, 0x20]

/** The compression of the batch at `start`: one of `codecs`, or what a later protocol adds. */
export const codecOf = (buffer: Buffer, start: number): number => buffer.readInt16BE(start + 21) & compressionMask

/** The records of the batch at `start`, all of which must be there, as they were compressed. */
export const compressedRecords = (buffer: Buffer, start: number): Buffer =>
  buffer.subarray(start + headerBytes, start + batchBytes(buffer, start))

/** Bytes of a batch before its records. */
export const headerBytes = 61

/** Whether the batch at `start` has this format; before Kafka 0.11 it was another. */
export const isReadable = (buffer: Buffer, start: number): boolean => buffer[start + 16] === 2

/** Bytes of the batch at `start`, its offset and length included. */
export const batchBytes = (buffer: Buffer, start: number): number => 12 + buffer.readInt32BE(start + 8)

/** How many records the batch at `start` says that it has. */
export const countOf = (buffer: Buffer, start: number): number => buffer.readInt32BE(start + 57)

/** The batch's last offset less its first. */
export const lastOffsetDeltaOf = (buffer: Buffer, start: number): number => buffer.readInt32BE(start + 23)

/** What the records of the batch at `start` have in common. */
export const contextOf = (buffer: Buffer, start: number): BatchContext => {
  const attributes = buffer.readInt16BE(start + 21)
  return {
    firstOffset: String(buffer.readBigInt64BE(start)),
    firstTimestamp: String(buffer.readBigInt64BE(start + 27)),
    partitionLeaderEpoch: buffer.readInt32BE(start + 12),
    inTransaction: (attributes & transactionalMask) !== 0,
    isControlBatch: (attributes & controlMask) !== 0,
    lastOffsetDelta: lastOffsetDeltaOf(buffer, start),
    producerId: String(buffer.readBigInt64BE(start + 43)),
    producerEpoch: buffer.readInt16BE(start + 51),
    firstSequence: buffer.readInt32BE(start + 53),
    maxTimestamp: String(buffer.readBigInt64BE(start + 35)),
    timestampType: (attributes & brokerTimeMask) === 0 ? 0 : 1,
    magicByte: buffer.readInt8(start + 16)
  }
}

/**
 * The batch at `start`, all of which must be there; `decompressed` are its records where they are compressed, and `count` of them where they are
 * not all.
 */
export const readBatch = (
  buffer: Buffer,
  start: number,
  decompressed: Buffer | null = null,
  count = countOf(buffer, start)
): ReadBatch => {
  const context = contextOf(buffer, start)
  const records: Array<RecordView> = []
  const cursor: Cursor = decompressed === null ? { buffer, at: start + headerBytes } : { buffer: decompressed, at: 0 }
  const first = { offset: Number(context.firstOffset), timestamp: Number(context.firstTimestamp) }
  const brokerTime = context.timestampType === 1 ? recordTime(Number(context.maxTimestamp)) : null
  const bufferRef = bufferRefOf(cursor.buffer)
  // The markers of a transaction are not delivered.
  if (!context.isControlBatch) bufferRef?.retain(count)
  const lastHeaders: LastHeaders = { at: 0, end: 0, headers: noHeaders }
  for (let index = 0; index < count; index++) {
    records.push(readRecord(cursor, context, first, brokerTime, lastHeaders, bufferRef))
  }
  const { magicByte: _, ...head } = context
  return { ...head, records }
}

interface Cursor {
  readonly buffer: Buffer
  at: number
}

interface First {
  readonly offset: number
  readonly timestamp: number
}

const readRecord = (
  cursor: Cursor,
  context: BatchContext,
  first: First,
  brokerTime: number | null,
  lastHeaders: LastHeaders,
  bufferRef: BufferRef | null
): RecordView => {
  const length = readVarint(cursor)
  const end = cursor.at + length
  const record = new RecordView(cursor.buffer, context, lastHeaders, bufferRef)
  // The record's attributes, which are unused.
  cursor.at++
  const time = recordTime(first.timestamp + readVarint(cursor))
  record.timestamp = brokerTime ?? time
  record.offset = first.offset + readVarint(cursor)
  record.keyBytes = readVarint(cursor)
  record.keyAt = cursor.at
  if (record.keyBytes > 0) cursor.at += record.keyBytes
  record.valueBytes = readVarint(cursor)
  record.valueAt = cursor.at
  if (record.valueBytes > 0) cursor.at += record.valueBytes
  record.headersAt = cursor.at
  record.end = end
  cursor.at = end
  return record
}

/**
 * A record of a fetch. Its offset and timestamp are numbers, which kafkajs accepts, though its own messages have strings; `topic`
 * and `partition` are set by `fetchedRecords`.
 */
export class RecordView implements FetchedRecord {
  topic = ""
  partition = 0
  offset = 0
  timestamp = 0
  isControlRecord: boolean
  readonly batchContext: BatchContext
  /** -1 stands for null. */
  keyBytes = -1
  keyAt = 0
  valueBytes = -1
  valueAt = 0
  headersAt = 0
  end = 0
  readonly bufferRef: BufferRef | null
  readonly #buffer: Buffer
  readonly #lastHeaders: LastHeaders
  #value: Buffer | null = null
  #headers: Headers | null = null

  constructor(buffer: Buffer, batchContext: BatchContext, lastHeaders: LastHeaders, bufferRef: BufferRef | null) {
    this.bufferRef = bufferRef
    this.#buffer = buffer
    this.batchContext = batchContext
    this.isControlRecord = batchContext.isControlBatch
    this.#lastHeaders = lastHeaders
  }

  /** Bytes of key and value. */
  get bytes(): number {
    return Math.max(0, this.keyBytes) + Math.max(0, this.valueBytes)
  }

  get key(): Buffer | null {
    return this.keyBytes < 0 ? null : this.#buffer.subarray(this.keyAt, this.keyAt + this.keyBytes)
  }

  get value(): Buffer | null {
    if (this.valueBytes < 0) return null
    this.#value ??= this.#buffer.subarray(this.valueAt, this.valueAt + this.valueBytes)
    return this.#value
  }

  get spanBytes(): number {
    return this.valueAt - this.keyAt + Math.max(0, this.valueBytes)
  }

  /** In one copy, since each costs a view of its source. */
  copyTo(target: Buffer, at: number): void {
    this.#buffer.copy(target, at, this.keyAt, this.keyAt + this.spanBytes)
  }

  /** Of a header that occurs several times, the last counts, as for Java's `lastHeader`. */
  get headers(): Headers {
    if (this.#headers === null) {
      const last = this.#lastHeaders
      if (!this.#hasHeaders(last)) {
        last.headers = this.#knownHeaders()
        last.at = this.headersAt
        last.end = this.end
      }
      this.#headers = last.headers
    }
    return this.#headers
  }

  #hasHeaders({ at, end }: LastHeaders): boolean {
    const bytes = this.end - this.headersAt
    return end - at === bytes && isSame(this.#buffer, this.headersAt, this.#buffer, at, bytes)
  }

  /** Those of a record for each of many connections come again and again: they are read once while they are remembered. */
  #knownHeaders(): Headers {
    const bytes = this.end - this.headersAt
    if (bytes > rememberedBytesMax) return this.#readHeaders()
    const buffer = this.#buffer
    let hash = bytes
    for (let at = this.headersAt; at < this.end; at++) hash = (Math.imul(hash, 31) + buffer[at]!) | 0
    // Names that end in numbers differ in few bits.
    hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d)
    const place = (hash ^ (hash >>> 13)) & (remembered.length - 1)
    const known = this.#headersAt(place, bytes) ?? this.#headersAt(place ^ 1, bytes)
    if (known !== null) return known
    const headers = this.#readHeaders()
    const isTaken = remembered[place] !== undefined && remembered[place ^ 1] === undefined
    remembered[isTaken ? place ^ 1 : place] = { bytes: Buffer.from(buffer.subarray(this.headersAt, this.end)), headers }
    return headers
  }

  #headersAt(place: number, bytes: number): Headers | null {
    const known = remembered[place]
    if (known === undefined || known.bytes.length !== bytes) return null
    return isSame(this.#buffer, this.headersAt, known.bytes, 0, bytes) ? known.headers : null
  }

  #readHeaders(): Headers {
    const cursor: Cursor = { buffer: this.#buffer, at: this.headersAt }
    const count = Math.min(readVarint(cursor), headersMax)
    if (count === 0) return noHeaders
    const headers: Record<string, string> = {}
    for (let index = 0; index < count; index++) {
      const name = readString(cursor)
      headers[name] = readString(cursor)
    }
    return headers
  }
}

/** The headers of the previous record of the batch, and their position: those of the next record are mostly equal. */
interface LastHeaders {
  at: number
  end: number
  headers: Headers
}

type Headers = Readonly<Record<string, string>>

/**
 * Headers by a hash of their bytes, each in one of two places; a trace of one event, which never comes again, makes them longer than is
 * remembered.
 */
const remembered = new Array<{ readonly bytes: Buffer; readonly headers: Headers } | undefined>(4_096)

const rememberedBytesMax = 64

/** A record of a few megabytes may have a million headers, and an object of so many would end the process. Those behind the first ones are not read. */
const headersMax = 256

export const noHeaders: Headers = Object.freeze({})

/** Whether so many bytes are the same; those of headers mostly differ at the end. */
const isSame = (one: Buffer, oneAt: number, other: Buffer, otherAt: number, bytes: number): boolean => {
  for (let index = bytes - 1; index >= 0; index--) if (one[oneAt + index] !== other[otherAt + index]) return false
  return true
}

/** A zigzag varint; beyond 28 bits in floating point, exact below 2^53. */
const readVarint = (cursor: Cursor): number => {
  const { buffer } = cursor
  let byte = buffer[cursor.at++]!
  if (byte < 128) return (byte >>> 1) ^ -(byte & 1)
  let value = byte & 0x7f
  let factor = 128
  while (byte >= 128) {
    byte = buffer[cursor.at++]!
    value += (byte & 0x7f) * factor
    factor *= 128
  }
  return value % 2 === 0 ? value / 2 : -(value + 1) / 2
}

const readString = (cursor: Cursor): string => {
  const length = readVarint(cursor)
  if (length <= 0) return ""
  const start = cursor.at
  cursor.at += length
  return cursor.buffer.toString("utf8", start, cursor.at)
}
