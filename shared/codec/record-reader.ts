/**
 * Reads Avro's binary encoding, for the compiled readers. Short ASCII strings are cut from one string of the whole record: a
 * call into native code for each would cost more than all the rest.
 */
import { codeAt } from "../model/text.ts"

/** V8 copies substrings of up to this length; longer ones are slices, which retain the string that they are cut from. */
const copiedLengthMax = 12
const cutLengthMax = 48
const recordStringMax = 65_536

/** Thrown for bytes that are no record; created once, since a stack trace would cost more than the reading. */
const noRecord = new Error("The bytes are not what the schema says.")

/**
 * `sliced`: strings may be slices of the record's string, the cheapest to read, but `JSON.stringify` takes its slow path for
 * objects with slices (V8's fast path takes flat strings only), and each retains the whole record. `copied`: none is a slice.
 */
export type StringForm = "sliced" | "copied"

/** For compiled readers, which read single bytes by themselves: methods that read begin at `at`, and move it. */
export class RecordReader {
  bytes: Buffer = empty
  at = 0
  readonly #cutLengthMax: number
  /** The record in Latin-1, null until a string is cut from it. */
  #recordString: string | null = null
  /** The strings of the previous record, by their place in the schema. */
  readonly #repeated: Array<string> = []

  readonly #inexactLongs: "left out" | "refused"

  /** @param inexactLongs what becomes of a long beyond 2⁵³: it is NaN, which its field is left out for, or fails the record */
  constructor(strings: StringForm = "copied", inexactLongs: "left out" | "refused" = "refused") {
    this.#inexactLongs = inexactLongs
    this.#cutLengthMax = strings === "sliced" ? cutLengthMax : copiedLengthMax
  }

  begin(bytes: Buffer, at: number): void {
    this.bytes = bytes
    this.#recordString = null
    this.at = at
  }

  /** The position after the record, which is not referenced any more. */
  end(): number {
    this.bytes = empty
    this.#recordString = null
    return this.at
  }

  fail(): never {
    throw noRecord
  }

  boolean(): boolean {
    if (this.at >= this.bytes.length) this.fail()
    return this.bytes[this.at++] !== 0
  }

  /** A number beyond 2⁵³ is no length and no branch: the record is refused. */
  long(): number {
    const long = this.longOfField()
    return Number.isNaN(long) ? this.fail() : long
  }

  /** In a raw event NaN for a number that is not exact here (beyond 2⁵³), such as Java's greatest for no value: the field is left out for it, not the record. */
  longOfField(): number {
    const bytes = this.bytes
    const first = bytes[this.at++]
    if (first === undefined) return this.fail()
    if (first < 128) return (first >>> 1) ^ -(first & 1)
    // The sign apart, so that all is exact up to 2⁵³.
    let value = (first & 127) >>> 1
    let factor = 64
    for (let count = 1; ; count++) {
      const byte = bytes[this.at++]
      if (byte === undefined || count > 9) return this.fail()
      value += (byte & 127) * factor
      if (byte < 128) break
      factor *= 128
    }
    const long = first & 1 ? -value - 1 : value
    if (Number.isSafeInteger(long)) return long
    return this.#inexactLongs === "refused" ? this.fail() : Number.NaN
  }

  int(): number {
    const value = this.long()
    return (value | 0) === value ? value : this.fail()
  }

  double(): number {
    const at = this.at
    this.at += 8
    return this.at > this.bytes.length ? this.fail() : this.bytes.readDoubleLE(at)
  }

  /** A copy, so that the record it came from can go. */
  copiedBytes(): Buffer {
    const from = this.#range()
    return Buffer.from(this.bytes.subarray(from, this.at))
  }

  string(): string {
    const { bytes } = this
    const first = bytes[this.at]!
    const second = bytes[this.at + 1]!
    let from: number
    // Lengths of one and of two bytes; what is no number is less than nothing.
    if (first < 128 && (first & 1) === 0) {
      from = this.at + 1
      this.at = from + (first >>> 1)
      if (this.at > bytes.length) this.fail()
    } else if (second < 128 && (first & 1) === 0) {
      from = this.at + 2
      this.at = from + (((first & 127) | (second << 7)) >>> 1)
      if (this.at > bytes.length) this.fail()
    } else from = this.#range()
    const to = this.at
    if (to - from > this.#cutLengthMax || bytes.length > recordStringMax)
      return (bytes as Sliceable).utf8Slice(from, to)
    for (let index = from; index < to; index++) if (bytes[index]! > 127) return bytes.toString("utf8", from, to)
    this.#recordString ??= (bytes as Sliceable).latin1Slice(0, bytes.length)
    return this.#recordString.substring(from, to)
  }

  /**
   * A string that is mostly equal to that of the previous record, which is then given again. Others are copied: a slice would
   * retain the whole record.
   */
  repeated(slot: number): string {
    const from = this.#range()
    const bytes = this.bytes
    const length = this.at - from
    const before = this.#repeated[slot]
    if (before !== undefined && before.length === length) {
      let index = 0
      while (index < length && bytes[from + index] === codeAt(before, index)) index++
      if (index === length) return before
    }
    const string = bytes.toString("utf8", from, this.at)
    // As many characters as bytes: each is ASCII, or stands for a byte that is no UTF-8 and equals none.
    if (length <= cutLengthMax && string.length === length) this.#repeated[slot] = string
    return string
  }

  /** The bytes of a string, not decoded. */
  stringBytes(): StringBytes {
    return new StringBytes(this.bytes, this.#range(), this.at)
  }

  /** The items of the next block of an array or map, 0 at its end. A block cannot have more items than bytes are left. */
  block(): number {
    let count = this.long()
    if (count < 0) {
      count = -count
      this.long()
    }
    return count > this.bytes.length - this.at ? this.fail() : count
  }

  // Moves behind the next string or bytes and gives their start.
  #range(): number {
    const length = this.long()
    const from = this.at
    if (length < 0 || length > this.bytes.length - from) this.fail()
    this.at = from + length
    return from
  }
}

/** What `toString` calls behind checks that cost a quarter of a string of 64 characters; `#range` has made them. Every Buffer has it. */
type Sliceable = Buffer & Record<"latin1Slice" | "utf8Slice", (from: number, to: number) => string>

const empty = Buffer.alloc(0)

/** A string of a record that stays the bytes it was read from: for what is passed on and never read. */
export class StringBytes {
  readonly #bytes: Buffer
  readonly #from: number
  readonly #to: number

  /** The UTF-8 of `bytes` between two positions, which must not change any more. */
  constructor(bytes: Buffer, from: number, to: number) {
    this.#bytes = bytes
    this.#from = from
    this.#to = to
  }

  /** In bytes. */
  get length(): number {
    return this.#to - this.#from
  }

  /** Copies the bytes to `at` and gives the position after them. */
  copyTo(into: Buffer, at: number): number {
    return at + this.#bytes.copy(into, at, this.#from, this.#to)
  }

  toString(): string {
    return this.#bytes.toString("utf8", this.#from, this.#to)
  }
}
