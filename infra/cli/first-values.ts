/** Values of records by their keys, of as many keys as have room: the first ones in the order of keys, each whole. */

const chunkBytes = 8_192
const lengthBytes = 4

export class FirstValues {
  readonly #bytesMax: number
  /** Keys up to this one are not taken: they were had before. */
  readonly #after: string | null
  /** Keys from here on are not held. */
  #before: string | null = null
  readonly #chunks = new Map<string, Array<Chunk>>()
  #bytes = 0

  /** @param after takes keys beyond this one alone */
  constructor(bytesMax: number, after: string | null) {
    this.#bytesMax = bytesMax
    this.#after = after
  }

  /** Whether values were left out for want of room: those of all keys after the last one that is held. */
  get isCut(): boolean {
    return this.#before !== null
  }

  /** In order, as `<` has it. */
  get keys(): ReadonlyArray<string> {
    return [...this.#chunks.keys()].sort()
  }

  /** Copies the value: it may be a view of what is used again. */
  add(key: string, value: Buffer): void {
    if ((this.#after !== null && key <= this.#after) || (this.#before !== null && key >= this.#before)) return
    let chunks = this.#chunks.get(key)
    if (chunks === undefined) {
      chunks = []
      this.#chunks.set(key, chunks)
    }
    const bytes = lengthBytes + value.length
    let last = chunks.at(-1)
    if (last === undefined || last.used + bytes > last.buffer.length) {
      last = { buffer: Buffer.allocUnsafeSlow(Math.max(chunkBytes, bytes)), used: 0 }
      chunks.push(last)
      this.#bytes += last.buffer.length
    }
    last.buffer.writeUInt32LE(value.length, last.used)
    value.copy(last.buffer, last.used + lengthBytes)
    last.used += bytes
    while (this.#bytes > this.#bytesMax && this.#chunks.size > 1) this.#dropLast()
  }

  /** The values of a key in the order in which they came; they are not held any more. */
  take(key: string): ReadonlyArray<Buffer> {
    const values: Array<Buffer> = []
    for (const { buffer, used } of this.#remove(key)) {
      for (let at = 0; at < used; ) {
        const from = at + lengthBytes
        at = from + buffer.readUInt32LE(at)
        values.push(buffer.subarray(from, at))
      }
    }
    return values
  }

  #dropLast(): void {
    let last = ""
    for (const key of this.#chunks.keys()) if (key > last) last = key
    this.#remove(last)
    this.#before = last
  }

  #remove(key: string): ReadonlyArray<Chunk> {
    const chunks = this.#chunks.get(key) ?? []
    this.#chunks.delete(key)
    for (const { buffer } of chunks) this.#bytes -= buffer.length
    return chunks
  }
}

interface Chunk {
  readonly buffer: Buffer
  used: number
}
