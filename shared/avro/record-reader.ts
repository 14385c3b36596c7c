/**
 * Reads Avro's binary form. Short ASCII texts are cut from one text of the whole record, since a call out of JavaScript for
 * each would cost more than all the rest.
 */
const shortStringMax = 48

/** What the reader throws at bytes that are no record; made once, since a stack trace would cost more than the reading. */
const noRecord = new Error("The bytes are not what the schema says.")

export class RecordReader {
  #bytes: Buffer = Buffer.alloc(0)
  #text = ""
  #at = 0

  begin(bytes: Buffer, at: number): void {
    this.#bytes = bytes
    this.#text = bytes.length <= 65_536 ? bytes.toString("latin1") : ""
    this.#at = at
  }

  /** Where the next value begins; lets go of the record. */
  end(): number {
    this.#bytes = empty
    this.#text = ""
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
    if (to - from > shortStringMax || this.#text === "") return this.#bytes.toString("utf8", from, to)
    for (let index = from; index < to; index++)
      if (this.#bytes[index]! > 127) return this.#bytes.toString("utf8", from, to)
    return this.#text.substring(from, to)
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
