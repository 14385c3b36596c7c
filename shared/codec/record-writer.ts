/**
 * Writes Avro's binary encoding, for the compiled writers, into slabs of memory, one record after the other: a record is copied
 * only if it reaches the end of its slab. A slab is garbage when none of its records is referenced any more; those of `pooled` return to a pool.
 */
import { BufferPool, type BufferRef } from "../kafka/wire/buffer-pool.ts"

const shortStringMax = 48
const longBytesMax = 10

/** A value does not fit its schema: a bug, never bad input. The message names the field, not the value. */
const misfit = (field: string, expected: string): TypeError => new TypeError(`${field} must be ${expected}.`)

export class RecordWriter {
  #slab: Buffer = Buffer.allocUnsafeSlow(slabBytes)
  #start = 0
  #at = 0
  /** The slabs of the records that are being written; null outside `pooled`. */
  #pooled: Array<BufferRef> | null = null

  /**
   * The records that `write` writes are in pooled slabs, apart from all others. `release` returns these slabs to the pool: none of
   * these records may be read after it.
   */
  pooled<A>(write: () => A): Pooled<A> {
    const [slab, start, at, pooledBefore] = [this.#slab, this.#start, this.#at, this.#pooled]
    const pooled = [slabs.acquire(slabBytes).retain()]
    this.#slab = pooled[0]!.buffer
    this.#start = 0
    this.#at = 0
    this.#pooled = pooled
    try {
      const release = () => {
        for (const slab of pooled.splice(0)) slab.release()
      }
      return { value: write(), release }
    } finally {
      this.#slab = slab
      this.#start = start
      this.#at = at
      this.#pooled = pooledBefore
    }
  }

  /** Begins a record with `head` bytes in front, and gives where in the slab they are: to be filled after `end`. */
  begin(head: number): void {
    this.#start = this.#at
    this.#reserve(head)
    this.#at += head
  }

  /** The bytes since `begin`. */
  end(): Buffer {
    return this.#slab.subarray(this.#start, this.#at)
  }

  /** A union's branch or a block's end: one byte, for numbers below 64. */
  small(value: number): void {
    this.#reserve(1)
    this.#slab[this.#at++] = value << 1
  }

  boolean(value: unknown, field: string): void {
    if (typeof value !== "boolean") throw misfit(field, "true or false")
    this.#reserve(1)
    this.#slab[this.#at++] = value === true ? 1 : 0
  }

  long(value: unknown, field: string): void {
    if (typeof value !== "number" || !Number.isSafeInteger(value)) throw misfit(field, "an integer")
    this.#reserve(longBytesMax)
    this.#varint(value)
  }

  int(value: unknown, field: string): void {
    if (typeof value !== "number" || (value | 0) !== value) throw misfit(field, "an integer of 32 bits")
    this.long(value, field)
  }

  double(value: unknown, field: string): void {
    if (typeof value !== "number") throw misfit(field, "a number")
    this.#reserve(8)
    this.#at = this.#slab.writeDoubleLE(value, this.#at)
  }

  bytes(value: unknown, field: string): void {
    if (!Buffer.isBuffer(value)) throw misfit(field, "bytes")
    this.#reserve(longBytesMax + value.length)
    this.#varint(value.length)
    this.#slab.set(value, this.#at)
    this.#at += value.length
  }

  string(value: unknown, field: string): void {
    if (typeof value !== "string") throw misfit(field, "a string")
    this.#reserve(longBytesMax + 3 * value.length)
    if (value.length <= shortStringMax && this.#ascii(value)) return
    // Written after room for the length of an ASCII string: to count the bytes first would read the string twice.
    const start = this.#at
    const head = varintBytes(value.length)
    const bytes = this.#slab.write(value, start + head, "utf8")
    const headNeeded = varintBytes(bytes)
    if (headNeeded !== head) this.#slab.copyWithin(start + headNeeded, start + head, start + head + bytes)
    this.#varint(bytes)
    this.#at = start + headNeeded + bytes
  }

  // Most strings are short and ASCII: a loop here costs less than a call into native code. False if it is not ASCII.
  #ascii(value: string): boolean {
    const slab = this.#slab
    const length = value.length
    const from = this.#at + 1
    for (let index = 0; index < length; index++) {
      const code = value.charCodeAt(index)
      if (code > 127) return false
      slab[from + index] = code
    }
    slab[this.#at] = length << 1
    this.#at = from + length
    return true
  }

  #varint(value: number): void {
    const slab = this.#slab
    if (value >= -0x40000000 && value < 0x40000000) {
      let rest = value >= 0 ? value << 1 : (~value << 1) | 1
      while (rest > 127) {
        slab[this.#at++] = (rest & 127) | 128
        rest >>>= 7
      }
      slab[this.#at++] = rest
      return
    }
    // Over 31 bits: in floating point, the sign apart, so that all is exact up to 2⁵³.
    const negative = value < 0
    let rest = negative ? -(value + 1) : value
    slab[this.#at++] = ((rest % 64) << 1) | (negative ? 1 : 0) | 128
    rest = Math.floor(rest / 64)
    while (rest > 127) {
      slab[this.#at++] = (rest % 128) | 128
      rest = Math.floor(rest / 128)
    }
    slab[this.#at++] = rest
  }

  // A record that meets the end of its slab moves to the beginning of a new one, large enough for it.
  #reserve(bytes: number): void {
    if (this.#at + bytes <= this.#slab.length) return
    const written = this.#at - this.#start
    const next = this.#nextSlab(2 * (written + bytes))
    this.#slab.copy(next, 0, this.#start, this.#at)
    this.#slab = next
    this.#start = 0
    this.#at = written
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

/** What a function returned, and the pooled slabs that its records are in. A second `release` does nothing. */
export interface Pooled<A> {
  readonly value: A
  readonly release: () => void
}

const slabBytes = 256 * 1024
/** Free ones for as much as lies between a step and its commit when the load is high. */
const slabs = new BufferPool({ stepBytes: slabBytes, freeBytesMax: 32 * slabBytes })
