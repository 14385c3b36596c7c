/** Where LZ4 and Snappy write: a buffer that grows up to a limit, and copies from its own past. */

/** A copy from so far back that only a buffer of all that came before would have it. */
export class TooFarBack extends Error {
  override readonly name = "TooFarBack"
  constructor() {
    super("a compressed block refers to more than is kept of it")
  }
}

export class Output {
  readonly #bytesMax: number
  readonly #partBytes: number
  #buffer: Buffer
  #length = 0
  /** Where the block begins that is being written; negative where its beginning was cut off. */
  #start = 0
  /** What is before was given by `cut`. */
  #given = 0

  /** @param partBytes how many it takes until a part of it should be taken away; none should by default */
  constructor(bytesExpected: number, bytesMax: number, partBytes = Number.POSITIVE_INFINITY) {
    this.#bytesMax = bytesMax
    this.#partBytes = partBytes
    this.#buffer = Buffer.allocUnsafe(Math.min(Math.max(64, bytesExpected), bytesMax))
  }

  /** What follows refers to nothing before. */
  beginBlock(): void {
    this.#start = this.#length
  }

  get blockBytes(): number {
    return this.#length - this.#start
  }

  /** There is nothing for `cut` to give. */
  get isCut(): boolean {
    return this.#length === this.#given
  }

  get isPartFull(): boolean {
    return this.#length - this.#given >= this.#partBytes
  }

  /** False if there is no room. */
  append(bytes: Buffer): boolean {
    if (!this.#reserve(bytes.length)) return false
    bytes.copy(this.#buffer, this.#length)
    this.#length += bytes.length
    return true
  }

  /** False if the distance leads before the block's beginning, or there is no room. The run may overlap itself, which repeats a pattern. */
  repeat(distance: number, length: number): boolean {
    if (distance <= 0 || distance > this.blockBytes || !this.#reserve(length)) return false
    const from = this.#length - distance
    if (from < 0) throw new TooFarBack()
    const buffer = this.#buffer
    if (distance >= length) buffer.copyWithin(this.#length, from, from + length)
    else for (let index = 0; index < length; index++) buffer[this.#length + index] = buffer[from + index]!
    this.#length += length
    return true
  }

  bytes(): Buffer {
    return this.#buffer.subarray(0, this.#length)
  }

  /** A copy of what was written since the last one; of it and what is before, only the last `kept` bytes stay. */
  cut(kept: number): Buffer {
    const part = Buffer.from(this.#buffer.subarray(this.#given, this.#length))
    const from = Math.max(0, this.#length - kept)
    this.#buffer.copyWithin(0, from, this.#length)
    this.#length -= from
    this.#start -= from
    this.#given = this.#length
    return part
  }

  #reserve(extra: number): boolean {
    const needed = this.#length + extra
    if (needed <= this.#buffer.length) return true
    if (needed > this.#bytesMax) return false
    const larger = Buffer.allocUnsafe(Math.min(Math.max(this.#buffer.length * 2, needed), this.#bytesMax))
    this.#buffer.copy(larger, 0, 0, this.#length)
    this.#buffer = larger
    return true
  }
}
