import { isAscii } from "node:buffer"

/**
 * Reads Avro's binary form. Short ASCII texts are cut from one text of the whole record, since a call out of JavaScript for
 * each would cost more than all the rest.
 */

/** V8 copies texts of up to so many characters, and makes longer ones views into the text they are cut from (SlicedString). */
const copiedLengthMax = 12
const cutLengthMax = 48
const wholeTextMax = 65_536

/** What the reader throws at bytes that are no record; made once, since a stack trace would cost more than the reading. */
const noRecord = new Error("The bytes are not what the schema says.")

/**
 * `views`: texts may be views into the record's text, the cheapest to read, but `JSON.stringify` has a slow way for objects with
 * such a text in them (V8's fast one takes flat texts only). `own`: each is a text of its own.
 */
export type StringForm = "views" | "own"

export class RecordReader {
  readonly #cutLengthMax: number
  #bytes: Buffer = Buffer.alloc(0)
  /** The record in Latin-1, null until a text is cut from it. */
  #text: string | null = null
  /** All of the record, so that no text has to be looked at. */
  #ascii = false
  /** The texts of the record before, by their place in the schema. */
  readonly #repeated: Array<string> = []
  #at = 0

  constructor(texts: StringForm = "own") {
    this.#cutLengthMax = texts === "views" ? cutLengthMax : copiedLengthMax
  }

  begin(bytes: Buffer, at: number): void {
    this.#bytes = bytes
    this.#text = null
    this.#at = at
  }

  /** Where the next value begins; lets go of the record. */
  end(): number {
    this.#bytes = empty
    this.#text = null
    return this.#at
  }

  fail(): never {
    throw noRecord
  }

  boolean(): boolean {
    if (this.#at >= this.#bytes.length) this.fail()
    return this.#bytes[this.#at++] !== 0
  }

  long(): number {
    const bytes = this.#bytes
    const first = bytes[this.#at++]
    if (first === undefined) return this.fail()
    if (first < 128) return (first >>> 1) ^ -(first & 1)
    // The sign apart, so that all is exact up to 2⁵³; longer numbers than that are refused.
    let value = (first & 127) >>> 1
    let factor = 64
    for (let count = 1; ; count++) {
      const byte = bytes[this.#at++]
      if (byte === undefined || count > 9) return this.fail()
      value += (byte & 127) * factor
      if (byte < 128) break
      factor *= 128
    }
    const long = first & 1 ? -value - 1 : value
    return Number.isSafeInteger(long) ? long : this.fail()
  }

  int(): number {
    const value = this.long()
    return (value | 0) === value ? value : this.fail()
  }

  double(): number {
    const at = this.#at
    this.#at += 8
    return this.#at > this.#bytes.length ? this.fail() : this.#bytes.readDoubleLE(at)
  }

  /** A copy, so that the record it came from can go. */
  bytes(): Buffer {
    const from = this.#range()
    return Buffer.from(this.#bytes.subarray(from, this.#at))
  }

  string(): string {
    const from = this.#range()
    const to = this.#at
    const bytes = this.#bytes
    if (to - from > this.#cutLengthMax || bytes.length > wholeTextMax) return bytes.toString("utf8", from, to)
    if (this.#text === null) {
      this.#text = bytes.toString("latin1")
      this.#ascii = isAscii(bytes)
    }
    if (!this.#ascii) {
      for (let index = from; index < to; index++) if (bytes[index]! > 127) return bytes.toString("utf8", from, to)
    }
    return this.#text.substring(from, to)
  }

  /**
   * A text that is mostly the same as in the record before, which then gives the text. Others are texts of their own: one cut
   * from the record's would keep all of it.
   */
  repeated(slot: number): string {
    const from = this.#range()
    const bytes = this.#bytes
    const length = this.#at - from
    const before = this.#repeated[slot]
    if (before !== undefined && before.length === length) {
      let index = 0
      while (index < length && bytes[from + index] === before.charCodeAt(index)) index++
      if (index === length) return before
    }
    const text = bytes.toString("utf8", from, this.#at)
    // As many characters as bytes: each is ASCII, or stands for a byte that is no UTF-8 and equals none.
    if (length <= cutLengthMax && text.length === length) this.#repeated[slot] = text
    return text
  }

  /** The bytes of a text, as they are. */
  textBytes(): StringBytes {
    return new StringBytes(this.#bytes, this.#range(), this.#at)
  }

  /** The items of the next block of an array or map, 0 at its end. A block cannot have more items than bytes are left. */
  block(): number {
    let count = this.long()
    if (count < 0) {
      count = -count
      this.long()
    }
    return count > this.#bytes.length - this.#at ? this.fail() : count
  }

  // Moves behind the next text or bytes and gives where they begin.
  #range(): number {
    const length = this.long()
    const from = this.#at
    if (length < 0 || length > this.#bytes.length - from) this.fail()
    this.#at = from + length
    return from
  }
}

const empty = Buffer.alloc(0)

/** A text of a record that stays the bytes it was read from: for what is passed on and never looked at. */
export class StringBytes {
  readonly #bytes: Buffer
  readonly #from: number
  readonly #to: number

  /** The UTF-8 of `bytes` between two places, which must not change any more. */
  constructor(bytes: Buffer, from: number, to: number) {
    this.#bytes = bytes
    this.#from = from
    this.#to = to
  }

  /** In bytes. */
  get length(): number {
    return this.#to - this.#from
  }

  /** Copies the bytes to `at` and gives the place behind them. */
  copyTo(into: Buffer, at: number): number {
    return at + this.#bytes.copy(into, at, this.#from, this.#to)
  }

  toString(): string {
    return this.#bytes.toString("utf8", this.#from, this.#to)
  }
}
