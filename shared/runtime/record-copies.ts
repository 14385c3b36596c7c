/**
 * Records of a fetch that goes to many queues, each in memory of its queue. A fetch's buffer is used again when its last record is done:
 * where each of hundreds of queues has a few of its records, which are done at different times, nearly every buffer would stay,
 * several times as much memory as is queued. Copied, they leave the buffer at once, and their memory goes with their batch.
 */
import type { FetchedRecord } from "../kafka/client.ts"

/** Queues that a fetch's records are for, from which on they are copied. */
export const spreadFrom = 8

const chunkBytes = 16 * 1024
/** Free chunks beyond this are left to the garbage collector. */
const freeBytesMax = 16 * 1024 * 1024

/** Free chunks of the process. */
const free: Array<Buffer> = []

/** The copies of one queue. */
export class RecordCopies {
  private open: Chunk | null = null

  /**
   * The record under its topic's logical name, in this queue's memory, until its `bufferRef` is released. The record itself is not needed
   * any more.
   */
  copy(record: FetchedRecord, topic: string): FetchedRecord {
    const { key, value } = record
    const bytes = (key?.length ?? 0) + (value?.length ?? 0)
    if (this.open === null || !this.open.hasRoom(bytes)) this.open = new Chunk(bytes, this.forget)
    const copied = new CopiedRecord(record, topic, this.open, key, value)
    record.bufferRef?.release()
    return copied
  }

  /** Nothing is written to a chunk that is free. */
  private readonly forget = (chunk: Chunk): void => {
    if (this.open === chunk) this.open = null
  }
}

/** Memory of some records of one queue. */
class Chunk {
  readonly buffer: Buffer
  private readonly onFree: (chunk: Chunk) => void
  private used = 0
  private records = 0

  /** @param least bytes of its first record */
  constructor(least: number, onFree: (chunk: Chunk) => void) {
    this.buffer =
      least > chunkBytes ? Buffer.allocUnsafeSlow(least) : (free.pop() ?? Buffer.allocUnsafeSlow(chunkBytes))
    this.onFree = onFree
  }

  hasRoom(bytes: number): boolean {
    return this.used + bytes <= this.buffer.length
  }

  /** Returns where it is. */
  add(key: Buffer | null, value: Buffer | null): number {
    const at = this.used
    this.records++
    for (const part of [key, value]) {
      if (part === null) continue
      part.copy(this.buffer, this.used)
      this.used += part.length
    }
    return at
  }

  /** One of its records is done: its last one gives the memory back. */
  release(): void {
    if (--this.records > 0) return
    this.onFree(this)
    if (this.buffer.length === chunkBytes && free.length * chunkBytes < freeBytesMax) free.push(this.buffer)
  }
}

/** Key and value are views, made when they are read. */
class CopiedRecord implements FetchedRecord {
  readonly topic: string
  readonly partition: number
  readonly offset: number
  readonly timestamp: number
  readonly headers: Readonly<Record<string, string>>
  readonly bufferRef: Chunk
  /** -1 stands for null. */
  private readonly keyBytes: number
  private readonly valueBytes: number
  private readonly at: number
  private view: Buffer | null = null

  constructor(record: FetchedRecord, topic: string, chunk: Chunk, key: Buffer | null, value: Buffer | null) {
    this.topic = topic
    this.partition = record.partition
    this.offset = record.offset
    this.timestamp = record.timestamp
    this.headers = record.headers
    this.bufferRef = chunk
    this.keyBytes = key === null ? -1 : key.length
    this.valueBytes = value === null ? -1 : value.length
    this.at = chunk.add(key, value)
  }

  get bytes(): number {
    return Math.max(0, this.keyBytes) + Math.max(0, this.valueBytes)
  }

  get key(): Buffer | null {
    return this.keyBytes < 0 ? null : this.bufferRef.buffer.subarray(this.at, this.at + this.keyBytes)
  }

  get value(): Buffer | null {
    if (this.valueBytes < 0) return null
    const from = this.at + Math.max(0, this.keyBytes)
    this.view ??= this.bufferRef.buffer.subarray(from, from + this.valueBytes)
    return this.view
  }
}
