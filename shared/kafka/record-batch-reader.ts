/**
 * Reads the records of an uncompressed batch (magic 2) in one pass over its bytes, into the shape of kafkajs's own decoder.
 * Keys and values are views of the fetched buffer. (Kafka protocol, "Record batch".)
 */

/** A record as kafkajs's consumer takes it; numbers of 64 bits are texts there. */
export interface ReadRecord {
  readonly magicByte: number
  readonly attributes: number
  readonly timestamp: string
  readonly offset: string
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly headers: Readonly<Record<string, Buffer | null | Array<Buffer | null>>>
  readonly isControlRecord: boolean
  readonly batchContext: BatchContext
}

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

export interface ReadBatch extends Omit<BatchContext, "magicByte"> {
  readonly records: ReadonlyArray<ReadRecord>
}

const [compressionMask, brokerTimeMask, transactionalMask, controlMask] = [0x7, 0x8, 0x10, 0x20]

/** Whether the batch at `start` is compressed. */
export const isCompressed = (buffer: Buffer, start: number): boolean =>
  (buffer.readInt16BE(start + 21) & compressionMask) !== 0

/** Bytes of the batch at `start`, its offset and length included. */
export const batchBytes = (buffer: Buffer, start: number): number => 12 + buffer.readInt32BE(start + 8)

/** The batch at `start`, all of which must be there. */
export const readBatch = (buffer: Buffer, start: number): ReadBatch => {
  const attributes = buffer.readInt16BE(start + 21)
  const firstOffset = buffer.readBigInt64BE(start)
  const firstTimestamp = buffer.readBigInt64BE(start + 27)
  const context: BatchContext = {
    firstOffset: String(firstOffset),
    firstTimestamp: String(firstTimestamp),
    partitionLeaderEpoch: buffer.readInt32BE(start + 12),
    inTransaction: (attributes & transactionalMask) !== 0,
    isControlBatch: (attributes & controlMask) !== 0,
    lastOffsetDelta: buffer.readInt32BE(start + 23),
    producerId: String(buffer.readBigInt64BE(start + 43)),
    producerEpoch: buffer.readInt16BE(start + 51),
    firstSequence: buffer.readInt32BE(start + 53),
    maxTimestamp: String(buffer.readBigInt64BE(start + 35)),
    timestampType: (attributes & brokerTimeMask) === 0 ? 0 : 1,
    magicByte: buffer.readInt8(start + 16)
  }
  const count = buffer.readInt32BE(start + 57)
  const records: Array<ReadRecord> = []
  const cursor: Cursor = { buffer, at: start + 61 }
  const [offset, timestamp] = [Number(firstOffset), Number(firstTimestamp)]
  for (let index = 0; index < count; index++) records.push(readRecord(cursor, context, offset, timestamp))
  const { magicByte: _, ...head } = context
  return { ...head, records }
}

interface Cursor {
  readonly buffer: Buffer
  at: number
}

const readRecord = (cursor: Cursor, context: BatchContext, firstOffset: number, firstTimestamp: number): ReadRecord => {
  const length = readVarint(cursor)
  const end = cursor.at + length
  const attributes = cursor.buffer.readInt8(cursor.at++)
  const time = firstTimestamp + readVarint(cursor)
  const offset = firstOffset + readVarint(cursor)
  const key = readBytes(cursor)
  const value = readBytes(cursor)
  const headers = readHeaders(cursor)
  cursor.at = end
  return {
    magicByte: context.magicByte,
    attributes,
    timestamp: context.timestampType === 1 ? context.maxTimestamp : String(time),
    offset: String(offset),
    key,
    value,
    headers,
    isControlRecord: context.isControlBatch,
    batchContext: context
  }
}

/** A zigzag varint; beyond 28 bits in floating point, exact below 2^53. */
const readVarint = (cursor: Cursor): number => {
  const { buffer } = cursor
  let byte = buffer[cursor.at++]!
  let value = byte & 0x7f
  let factor = 128
  while (byte >= 128) {
    byte = buffer[cursor.at++]!
    value += (byte & 0x7f) * factor
    factor *= 128
  }
  return value % 2 === 0 ? value / 2 : -(value + 1) / 2
}

const readBytes = (cursor: Cursor): Buffer | null => {
  const length = readVarint(cursor)
  if (length < 0) return null
  const start = cursor.at
  cursor.at += length
  return cursor.buffer.subarray(start, cursor.at)
}

const readHeaders = (cursor: Cursor): ReadRecord["headers"] => {
  const count = readVarint(cursor)
  const headers: Record<string, Buffer | null | Array<Buffer | null>> = {}
  for (let index = 0; index < count; index++) {
    const name = readBytes(cursor)?.toString("utf8") ?? ""
    const value = readBytes(cursor)
    const before = headers[name]
    if (before === undefined) headers[name] = value
    else headers[name] = Array.isArray(before) ? [...before, value] : [before, value]
  }
  return headers
}
