/** Compresses the batches of one request. */
import { type BatchSizes, BatchTooLarge } from "./batch-sizes.ts"
import { type CompressedBatch, compressBatch, type SizedBatch } from "./record-batch-writer.ts"

/**
 * A request is encoded without waiting for anything, so that all requests use the same memory one after the other: what is compressed stays in
 * it until its request is written.
 */
export class BatchCompressor {
  readonly #sizes: BatchSizes | null
  #frames = keptFrames
  #used = 0

  /** @param sizes null where nothing is compressed */
  constructor(sizes: BatchSizes | null) {
    this.#sizes = sizes
  }

  /** Null where it stays as it is; throws `BatchTooLarge` where it is larger than the broker takes it, and can be divided. */
  compress(topic: string, batch: SizedBatch, now: number): CompressedBatch | null {
    const sizes = this.#sizes
    if (sizes === null || batch.bytes < compressedBytesMin || !sizes.isCompressed(topic)) return null
    const { writtenBytesMax } = sizes
    const isDivisible = batch.records.length > 1
    const compressed = this.#write(batch, now, isDivisible ? writtenBytesMax : batch.bytes)
    const bytes = compressed?.bytes ?? batch.bytes
    sizes.note(topic, batch.bytes, bytes)
    if (isDivisible && bytes > writtenBytesMax) throw new BatchTooLarge(writtenBytesMax)
    return compressed
  }

  /** Null if that saves nothing, or is more than `bytesMax`. */
  #write(batch: SizedBatch, now: number, bytesMax: number): CompressedBatch | null {
    if (keptRecords.length < batch.bytes) keptRecords = Buffer.allocUnsafeSlow(batch.bytes)
    const needed = Math.min(batch.bytes, bytesMax)
    if (this.#frames.length - this.#used < needed) {
      // Those that are compressed already keep the memory that they are in.
      this.#frames = Buffer.allocUnsafeSlow(needed * 2)
      this.#used = 0
    }
    const frame = this.#frames.subarray(this.#used, this.#used + needed)
    const compressed = compressBatch(keptRecords, frame, batch, now)
    this.#used += compressed?.records.length ?? 0
    return compressed
  }

  /** After the request is written. Memory for batches that are rarely so large is left to the garbage collector. */
  done(): void {
    if (this.#frames.length <= keptBytesMax) keptFrames = this.#frames
    if (keptRecords.length > keptBytesMax) keptRecords = Buffer.alloc(0)
  }
}

/** Below that, setting up the compressor costs more than it saves. */
const compressedBytesMin = 16_384
const keptBytesMax = 4 * 1024 * 1024
let keptRecords = Buffer.alloc(0)
let keptFrames = Buffer.alloc(0)
