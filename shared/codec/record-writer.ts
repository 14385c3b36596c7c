/**
 * Writes Avro's binary encoding, for the compiled writers, into slabs of memory, one record after the other: a record is copied
 * only if it reaches the end of its slab. A slab is garbage when none of its records is referenced any more; those of `pooled` return to a pool.
 */

import { BufferPool, type BufferRef } from "../kafka/wire/buffer-pool.ts"
import { codeAt } from "../model/text.ts"

/** A loop for a few characters costs less than a call into native code. */
const shortStringMax = 14
const longBytesMax = 10
/** Free bytes behind every position that `reserve`, `string` and `bytes` give: for what a compiled writer writes by itself. */
const reservedBytes = 256

/** A value does not fit its schema: a bug, never bad input. The message names the field, not the value. */
const misfit = (field: string, expected: string): TypeError => new TypeError(`${field} must be ${expected}.`)

/**
 * For compiled writers, which keep the position themselves: methods that write take the position, and give the one after. They write
 * single bytes into `slab` by themselves, which is another one after `reserve`, `string` and `bytes`.
 */
export class RecordWriter {
  slab: Buffer = Buffer.allocUnsafeSlow(slabBytes)
  /** Where the next record, or the one that is being written, goes on. */
  at = 0
  #start = 0
  /** The slabs of the records that are being written; null outside `pooled`. */
  #pooled: Array<BufferRef> | null = null
  #open: OpenSlab | null = null

  /**
   * The records that `write` writes are in pooled slabs, apart from those of no such call. After `release` none of these records may be
   * read: a slab returns to the pool when all calls that wrote to it have released it.
   */
  pooled<A>(write: () => A): Pooled<A> {
    const [slab, start, at, pooledBefore] = [this.slab, this.#start, this.at, this.#pooled]
    const open = this.#takeOpen()
    const pooled = [open.ref.retain()]
    this.slab = open.ref.buffer
    this.#start = open.at
    this.at = open.at
    this.#pooled = pooled
    try {
      const release = () => {
        for (const slab of pooled.splice(0)) slab.release()
      }
      const value = write()
      this.#leaveOpen(open, pooled[pooled.length - 1]!)
      return { value, release }
    } finally {
      this.slab = slab
      this.#start = start
      this.at = at
      this.#pooled = pooledBefore
    }
  }

  /** The slab that the next call of `pooled` goes on in, with one user for that: another call meanwhile takes a new one. */
  #takeOpen(): OpenSlab {
    const open = this.#open ?? { ref: slabs.acquire(slabBytes).retain(), at: 0 }
    this.#open = null
    return open
  }

  /** A call has begun in one slab and ended in another, or in the same. */
  #leaveOpen({ ref }: OpenSlab, last: BufferRef): void {
    const isPooled = this.slab === last.buffer
    if (isPooled && this.#open === null && this.at + reservedBytes <= slabBytes) {
      this.#open = { ref: last.retain(), at: this.at }
    }
    ref.release()
  }

  /** Begins a record with `head` bytes in front: to be filled after `end`. */
  begin(head: number): void {
    this.#start = this.at
    this.at = this.reserve(this.at) + head
  }

  /** The bytes since `begin`. */
  end(): Buffer {
    return this.slab.subarray(this.#start, this.at)
  }

  boolean(value: unknown, at: number, field: string): number {
    if (typeof value !== "boolean") throw misfit(field, "true or false")
    this.slab[at] = value ? 1 : 0
    return at + 1
  }

  long(value: unknown, at: number, field: string): number {
    if (typeof value !== "number" || !Number.isSafeInteger(value)) throw misfit(field, "an integer")
    return this.#varint(value, at)
  }

  int(value: unknown, at: number, field: string): number {
    if (typeof value !== "number" || (value | 0) !== value) throw misfit(field, "an integer of 32 bits")
    return this.#varint(value, at)
  }

  double(value: unknown, at: number, field: string): number {
    if (typeof value !== "number") throw misfit(field, "a number")
    return this.slab.writeDoubleLE(value, at)
  }

  bytes(value: unknown, at: number, field: string): number {
    if (!Buffer.isBuffer(value)) throw misfit(field, "bytes")
    const from = this.#varint(value.length, this.#room(at, longBytesMax + value.length))
    this.slab.set(value, from)
    return from + value.length
  }

  string(value: unknown, at: number, field: string): number {
    if (typeof value !== "string") throw misfit(field, "a string")
    const { length } = value
    const start = this.#room(at, longBytesMax + 3 * length)
    const { slab } = this
    if (length <= shortStringMax) {
      let index = 0
      while (index < length) {
        const code = codeAt(value, index)
        if (code > 127) break
        slab[start + ++index] = code
      }
      if (index === length) {
        slab[start] = length << 1
        return start + 1 + length
      }
    }
    // Written after room for the length of an ASCII string: to count the bytes first would read the string twice.
    const head = varintBytes(length)
    const bytes = slab.write(value, start + head)
    const headNeeded = varintBytes(bytes)
    if (headNeeded !== head) slab.copyWithin(start + headNeeded, start + head, start + head + bytes)
    return this.#varint(bytes, start) + bytes
  }

  /** A record that meets the end of its slab moves to the beginning of a new one, large enough for it. */
  reserve(at: number): number {
    return at + reservedBytes <= this.slab.length ? at : this.#move(at, reservedBytes)
  }

  #room(at: number, bytes: number): number {
    return at + bytes + reservedBytes <= this.slab.length ? at : this.#move(at, bytes + reservedBytes)
  }

  #varint(value: number, start: number): number {
    const { slab } = this
    let at = start
    if (value >= -0x40000000 && value < 0x40000000) {
      let rest = value >= 0 ? value << 1 : (~value << 1) | 1
      while (rest > 127) {
        slab[at++] = (rest & 127) | 128
        rest >>>= 7
      }
      slab[at++] = rest
      return at
    }
    // Over 31 bits: in floating point, the sign apart, so that all is exact up to 2⁵³.
    const negative = value < 0
    let rest = negative ? -(value + 1) : value
    slab[at++] = ((rest % 64) << 1) | (negative ? 1 : 0) | 128
    rest = Math.floor(rest / 64)
    while (rest > 127) {
      slab[at++] = (rest % 128) | 128
      rest = Math.floor(rest / 128)
    }
    slab[at++] = rest
    return at
  }

  #move(at: number, bytes: number): number {
    const written = at - this.#start
    const next = this.#nextSlab(2 * (written + bytes))
    this.slab.copy(next, 0, this.#start, at)
    this.slab = next
    this.#start = 0
    return written
  }

  #nextSlab(bytesMin: number): Buffer {
    if (this.#pooled === null || bytesMin > slabBytes) return Buffer.allocUnsafeSlow(Math.max(slabBytes, bytesMin))
    const slab = slabs.acquire(slabBytes).retain()
    this.#pooled.push(slab)
    return slab.buffer
  }
}

/** Bytes of the length of a string. */
const varintBytes = (length: number): number =>
  length < 64 ? 1 : length < 8192 ? 2 : length < 1_048_576 ? 3 : length < 134_217_728 ? 4 : 5

/** A pooled slab that has room, and from where on. */
interface OpenSlab {
  readonly ref: BufferRef
  readonly at: number
}

/** What a function returned, and the pooled slabs that its records are in. A second `release` does nothing. */
export interface Pooled<A> {
  readonly value: A
  readonly release: () => void
}

const slabBytes = 256 * 1024
/** Free ones for as much as lies between a step and its commit when the load is high. */
const slabs = new BufferPool({ stepBytes: slabBytes, freeBytesMax: 32 * slabBytes })
