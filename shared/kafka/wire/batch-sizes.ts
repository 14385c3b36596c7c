/**
 * How large batches may be before compression. The broker's limit is that of a batch as it is written, so a batch of a compressed topic may
 * hold several times as much: as much as is expected to fit by what the topic's last batches have become.
 */

export interface BatchSizeOptions {
  /** Of a batch as it is written. */
  readonly writtenBytesMax: number
  /** Of a batch before compression: its readers have that in memory at once. */
  readonly recordBytesMax: number
  readonly compressedTopics: (topic: string) => boolean
}

export class BatchSizes {
  readonly #options: BatchSizeOptions
  /** What compression left of a topic's larger batches: the most of late. */
  readonly #left = new Map<string, number>()
  /** What a batch of a topic may have at most since the broker refused a larger one. */
  readonly #refused = new Map<string, number>()

  constructor(options: BatchSizeOptions) {
    this.#options = options
  }

  get writtenBytesMax(): number {
    return this.#options.writtenBytesMax
  }

  isCompressed(topic: string): boolean {
    return this.#options.compressedTopics(topic)
  }

  /** For a batch of the topic, before compression. */
  recordBytesMax(topic: string): number {
    const { writtenBytesMax, recordBytesMax } = this.#options
    const left = this.#left.get(topic) ?? 1
    const expected = Math.max(writtenBytesMax, Math.min(recordBytesMax, (writtenBytesMax * usedPart) / left))
    return Math.min(expected, this.#refused.get(topic) ?? expected)
  }

  /** A batch of the topic has so many bytes before compression, and after it. */
  note(topic: string, before: number, after: number): void {
    // Small ones become less small, and none of them is near the limit.
    if (before < this.#options.writtenBytesMax / 4) return
    const known = this.#left.get(topic) ?? 1
    const left = after / before
    this.#left.set(topic, left > known ? left : known + (left - known) / smoothedOver)
  }

  /**
   * The broker refused a batch as too large that had so many bytes before compression: its topic takes less than is usual, or the broker writes it in
   * another compression, and less of that. Those that follow are smaller.
   */
  refused(topic: string, before: number): void {
    const { writtenBytesMax } = this.#options
    this.#refused.set(topic, before > writtenBytesMax ? writtenBytesMax : before / 2)
  }
}

/** A batch of several records was larger than the broker takes it, and nothing of its request was sent. */
export class BatchTooLarge extends Error {
  override readonly name = "BatchTooLarge"
  readonly batchBytesMax: number

  /** @param batchBytesMax what its records are to be divided by, as they are before compression */
  constructor(batchBytesMax: number) {
    super(`a batch of records is larger than ${batchBytesMax} bytes after compression`)
    this.batchBytesMax = batchBytesMax
  }
}

/** So much of the limit is expected to be used. */
const usedPart = 0.7
const smoothedOver = 4
