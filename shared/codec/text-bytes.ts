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
