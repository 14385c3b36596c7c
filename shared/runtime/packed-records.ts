/**
 * Records that wait in a queue, packed into memory of the queue: no object for each, and no view of its fetch's buffer. A fetch's buffer
 * is used again when its last record is done: where each of hundreds of queues has a few of its records, which are done at different
 * times, nearly every buffer would stay. And what waits in objects is copied and marked by the garbage collector again and again;
 * bytes are not looked at. The objects are made when a batch is cut.
 */
import type { FetchedRecord } from "../kafka/client.ts"
import type { Inbound } from "./contract.ts"
import { FreeList } from "./free-list.ts"

/** Queues that a fetch's records are for, from which on they are packed. */
export const spreadFrom = 8

/** Of the first chunk of a queue that has nothing, and of those behind it: with hundreds of partitions and connections most queues have a few records. */
const firstChunkBytes = 4 * 1024
const chunkBytes = 16 * 1024

/**
 * Free chunks of the process. In a backlog the queues fill and empty by half of their bound again and again; were the chunks new each
 * time, V8 would mark the whole heap for them. It counts each buffer as growth of the heap, though these are used again, but those of shared
 * memory.
 */
const free: ReadonlyMap<number, FreeList<Chunk>> = new Map(
  [firstChunkBytes, chunkBytes].map((bytes) => [bytes, new FreeList({ keptMax: 1_024, whileMillis: 10_000 })])
)

/** What is before a record's key and value: each number's place, and the bytes of all. */
const [offsetAt, timestampAt, keyBytesAt, valueBytesAt, spanBytesAt, headersAt, headBytes] = [0, 8, 16, 20, 24, 28, 32]

type Headers = FetchedRecord["headers"]

/** Records of one partition, in order. */
export class PackedRecords {
  private readonly topic: string
  private partition = 0
  /** Those with records that are not taken, and the one that is written to, which is the last. */
  private readonly chunks: Array<Chunk> = []
  length = 0

  /** @param topic the logical name, which records carry */
  constructor(topic: string) {
    this.topic = topic
  }

  /** Adds copies; the records themselves are not needed any more. Returns the bytes of their keys and values. */
  push(records: ReadonlyArray<FetchedRecord>): number {
    let bytes = 0
    let chunk = this.chunks[this.chunks.length - 1]
    for (const record of records) {
      const keyBytes = record.keyBytes ?? record.key?.length ?? -1
      const valueBytes = record.valueBytes ?? record.value?.length ?? -1
      const spanBytes = record.spanBytes ?? sizeOf(keyBytes) + sizeOf(valueBytes)
      if (chunk?.hasRoom(headBytes + spanBytes) !== true) chunk = this.chunkFor(headBytes + spanBytes)
      chunk.write(record, keyBytes, valueBytes, spanBytes)
      record.bufferRef?.release()
      bytes += sizeOf(keyBytes) + sizeOf(valueBytes)
      this.partition = record.partition
    }
    this.length += records.length
    return bytes
  }

  /** Offset of the first record; there must be one. */
  get firstOffset(): number {
    return this.first.offset
  }

  /** Bytes of key and value of the first record; there must be one. */
  get firstBytes(): number {
    return this.first.bytes
  }

  /** Removes the first record; there must be one. Its memory is used again once its `bufferRef` is released. */
  shift(): Inbound {
    const chunk = this.first
    const record = new UnpackedRecord(this.topic, this.partition, chunk)
    this.leave(chunk)
    return record
  }

  /** Removes all records, and frees their memory. */
  clear(): void {
    while (this.length > 0) {
      const chunk = this.first
      this.leave(chunk)
      chunk.release()
    }
  }

  /** Behind the first record of the first chunk. */
  private leave(chunk: Chunk): void {
    chunk.readAt += headBytes + chunk.spanBytes
    this.length--
    if (chunk.isRead && this.chunks.length > 1) this.chunks.shift()
  }

  private get first(): Chunk {
    return this.chunks[0]!
  }

  /** A new last one. */
  private chunkFor(bytes: number): Chunk {
    if (this.chunks[this.chunks.length - 1]?.isRead === true) this.chunks.pop()
    const usual = this.chunks.length === 0 && bytes <= firstChunkBytes ? firstChunkBytes : chunkBytes
    const chunk = (bytes <= usual ? free.get(usual)!.take() : undefined) ?? new Chunk(Math.max(usual, bytes))
    chunk.onFree = this.forget
    this.chunks.push(chunk)
    return chunk
  }

  /** Nothing is written to a chunk that is free. */
  private readonly forget = (chunk: Chunk): void => {
    if (this.chunks[this.chunks.length - 1] === chunk) this.chunks.pop()
  }
}

const sizeOf = (bytes: number): number => Math.max(bytes, 0)

/** Memory of some records of one queue. */
class Chunk {
  readonly buffer: Buffer
  onFree: (chunk: Chunk) => void = () => undefined
  /** Where the next record is that is not taken. */
  readAt = 0
  private readonly numbers: DataView
  private used = 0
  /** Records that are not released, taken or not. */
  private records = 0
  /** Of the records, those that are the same object in a row once. */
  private readonly headers: Array<Headers> = []

  constructor(bytes: number) {
    this.buffer = free.has(bytes) ? Buffer.from(new SharedArrayBuffer(bytes)) : Buffer.allocUnsafeSlow(bytes)
    this.numbers = new DataView(this.buffer.buffer)
  }

  hasRoom(bytes: number): boolean {
    return this.used + bytes <= this.buffer.length
  }

  /** All of its records are taken. */
  get isRead(): boolean {
    return this.readAt === this.used
  }

  write(record: FetchedRecord, keyBytes: number, valueBytes: number, spanBytes: number): void {
    const { numbers, used, headers } = this
    if (headers.length === 0 || headers[headers.length - 1] !== record.headers) headers.push(record.headers)
    numbers.setFloat64(used + offsetAt, record.offset)
    numbers.setFloat64(used + timestampAt, record.timestamp)
    numbers.setInt32(used + keyBytesAt, keyBytes)
    numbers.setInt32(used + valueBytesAt, valueBytes)
    numbers.setInt32(used + spanBytesAt, spanBytes)
    numbers.setInt32(used + headersAt, headers.length - 1)
    const at = used + headBytes
    if (record.copyTo !== undefined) record.copyTo(this.buffer, at)
    else {
      record.key?.copy(this.buffer, at)
      record.value?.copy(this.buffer, at + sizeOf(keyBytes))
    }
    this.used = at + spanBytes
    this.records++
  }

  // Of the next record that is not taken:

  get offset(): number {
    return this.numbers.getFloat64(this.readAt + offsetAt)
  }

  get timestamp(): number {
    return this.numbers.getFloat64(this.readAt + timestampAt)
  }

  get keyBytes(): number {
    return this.numbers.getInt32(this.readAt + keyBytesAt)
  }

  get valueBytes(): number {
    return this.numbers.getInt32(this.readAt + valueBytesAt)
  }

  get bytes(): number {
    return sizeOf(this.keyBytes) + sizeOf(this.valueBytes)
  }

  get spanBytes(): number {
    return this.numbers.getInt32(this.readAt + spanBytesAt)
  }

  get nextHeaders(): Headers {
    return this.headers[this.numbers.getInt32(this.readAt + headersAt)]!
  }

  /** One of its records is done: the last one frees the memory. */
  release(): void {
    if (--this.records > 0) return
    this.onFree(this)
    this.used = 0
    this.readAt = 0
    this.headers.length = 0
    free.get(this.buffer.length)?.put(this)
  }
}

/** Key and value are views, made when they are read. */
class UnpackedRecord implements Inbound {
  readonly topic: string
  readonly partition: number
  readonly offset: number
  readonly timestamp: number
  readonly headers: Headers
  readonly bufferRef: Chunk
  /** -1 stands for null. */
  readonly keyBytes: number
  readonly valueBytes: number
  private readonly keyAt: number
  private readonly valueAt: number
  private view: Buffer | null = null

  /** The next one of the chunk. */
  constructor(topic: string, partition: number, chunk: Chunk) {
    this.topic = topic
    this.partition = partition
    this.offset = chunk.offset
    this.timestamp = chunk.timestamp
    this.headers = chunk.nextHeaders
    this.bufferRef = chunk
    this.keyBytes = chunk.keyBytes
    this.valueBytes = chunk.valueBytes
    this.keyAt = chunk.readAt + headBytes
    this.valueAt = this.keyAt + chunk.spanBytes - sizeOf(this.valueBytes)
  }

  get bytes(): number {
    return sizeOf(this.keyBytes) + sizeOf(this.valueBytes)
  }

  get key(): Buffer | null {
    return this.keyBytes < 0 ? null : this.bufferRef.buffer.subarray(this.keyAt, this.keyAt + this.keyBytes)
  }

  get value(): Buffer | null {
    if (this.valueBytes < 0) return null
    this.view ??= this.bufferRef.buffer.subarray(this.valueAt, this.valueAt + this.valueBytes)
    return this.view
  }
}
