/**
 * Looks for the records of a batch that is decompressed part by part, and keeps those from an offset on, until they are a portion: bounded
 * memory, however large the batch and its records are. (Kafka protocol, "Record".)
 */
import { keyBytesKept, portionBytesMax, recordBytesMax, recordsMax } from "./batch-bounds.ts"

/** A record that is larger than what is kept of one. */
export interface LargeRecord {
  readonly offsetDelta: number
  readonly timestampDelta: number
  /** Its beginning, where it is long. */
  readonly key: Buffer | null
  readonly bytes: number
}

export class RecordScan {
  readonly large: Array<LargeRecord> = []
  keptRecords = 0
  /** From this record on, by its offset less the batch's first, nothing is known. */
  nextDelta = 0
  readonly #count: number
  readonly #fromDelta: number
  readonly #bytesMax: number
  readonly #kept: Array<Buffer> = []
  #keptBytes = 0
  #seen = 0
  #isFull = false
  /** The record that has begun: which it is, bytes of it that are to come, and those that are kept. */
  #delta = 0
  #left = 0
  #isKeeping = false
  #open: Array<Buffer> = []
  /** The beginning of a record's head. */
  #rest: Buffer = nothing

  /** @param count of the batch's records, of which those from `fromDelta` on are kept, up to `bytesMax` */
  constructor(count: number, fromDelta: number, bytesMax = portionBytesMax) {
    this.#count = count
    this.#fromDelta = fromDelta
    this.#bytesMax = bytesMax
  }

  /** Nothing more is needed. */
  get isDone(): boolean {
    return this.#isFull || this.isRead
  }

  /** That was the batch's last record. */
  get isRead(): boolean {
    return this.#seen === this.#count && !(this.#isKeeping && this.#left > 0)
  }

  get isEmpty(): boolean {
    return this.keptRecords === 0 && this.large.length === 0
  }

  /** The kept records, one behind the other. */
  keptBytes(): Buffer {
    return Buffer.concat(this.#kept)
  }

  /** The next bytes of the batch's records, which are not changed later. Throws where they are no records. */
  push(part: Buffer): void {
    const bytes = this.#rest.length === 0 ? part : Buffer.concat([this.#rest, part])
    this.#rest = nothing
    for (let at = 0; at < bytes.length && !this.isDone; ) {
      if (this.#left === 0 && !this.#begin(bytes, at)) {
        if (!this.#isFull) this.#rest = Buffer.from(bytes.subarray(at))
        return
      }
      const end = Math.min(bytes.length, at + this.#left)
      if (this.#isKeeping) this.#open.push(bytes.subarray(at, end))
      this.#left -= end - at
      at = end
      if (this.#left === 0) this.#end()
    }
  }

  /** Begins the record at `at`; false where more of it has to be there for that, or the portion is full without it. */
  #begin(bytes: Buffer, at: number): boolean {
    const head = readHead(bytes, at)
    if (head === null) return false
    const isWanted = head.offsetDelta >= this.#fromDelta
    const isLarge = head.bytes > recordBytesMax
    const size = head.lengthBytes + head.bytes
    if (isWanted && !this.#hasRoom(isLarge ? 0 : size)) {
      this.#isFull = true
      return false
    }
    if (isWanted && isLarge) {
      const key = readKey(bytes, head)
      if (key === undefined) return false
      const { offsetDelta, timestampDelta } = head
      this.large.push({ offsetDelta, timestampDelta, key, bytes: head.bytes })
    }
    this.#seen++
    this.#delta = head.offsetDelta
    this.#left = size
    this.#isKeeping = isWanted && !isLarge
    // Of any other there is nothing more to know.
    if (!this.#isKeeping) this.nextDelta = this.#delta + 1
    return true
  }

  /** One record is always taken. */
  #hasRoom(bytes: number): boolean {
    return (
      this.isEmpty || (this.keptRecords + this.large.length < recordsMax && this.#keptBytes + bytes <= this.#bytesMax)
    )
  }

  #end(): void {
    if (!this.#isKeeping) return
    this.#isKeeping = false
    this.nextDelta = this.#delta + 1
    this.keptRecords++
    for (const piece of this.#open) {
      this.#keptBytes += piece.length
      this.#kept.push(piece)
    }
    this.#open = []
  }
}

const nothing = Buffer.alloc(0)

interface RecordHead {
  readonly lengthBytes: number
  /** Of the record after its length. */
  readonly bytes: number
  readonly timestampDelta: number
  readonly offsetDelta: number
  /** -1 stands for null. */
  readonly keyBytes: number
  readonly keyAt: number
}

/** Lengths, time and offset as varints of five bytes, the time's of ten, and the attributes. */
const headBytesMax = 26
/** Attributes, time, offset, two lengths and the number of headers. */
const recordBytesMin = 6

/** The head of the record at `start`; null where it is not all there. */
const readHead = (buffer: Buffer, start: number): RecordHead | null => {
  let at = start
  const varint = (): number => {
    let value = 0
    for (let factor = 1; at - start <= headBytesMax; factor *= 128) {
      const byte = at < buffer.length ? buffer[at]! : 0
      at++
      value += (byte & 0x7f) * factor
      if (byte < 128) break
    }
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2
  }
  const bytes = varint()
  const lengthBytes = at - start
  at++
  const [timestampDelta, offsetDelta, keyBytes] = [varint(), varint(), varint()]
  if (at - start > headBytesMax || (at <= buffer.length && bytes < recordBytesMin))
    throw new Error("no record begins so")
  return at > buffer.length ? null : { lengthBytes, bytes, timestampDelta, offsetDelta, keyBytes, keyAt: at }
}

/** The beginning of the key; undefined where it is not all there. */
const readKey = (buffer: Buffer, { keyAt, keyBytes }: RecordHead): Buffer | null | undefined => {
  if (keyBytes < 0) return null
  const end = keyAt + Math.min(keyBytes, keyBytesKept)
  return end > buffer.length ? undefined : Buffer.from(buffer.subarray(keyAt, end))
}
