/** Compresses the batches of one request. */
import { type CompressedBatch, compressBatch, type SizedBatch } from "./record-batch-writer.ts"

/**
 * A request is encoded without waiting for anything, so that all requests use the same memory one after the other: what is compressed stays in
 * it until its request is written.
 */
export class BatchCompressor {
  #frames = keptFrames
  #used = 0

  /** Null if that saves nothing. */
  compress(batch: SizedBatch, now: number): CompressedBatch | null {
    if (keptRecords.length < batch.bytes) keptRecords = Buffer.allocUnsafeSlow(batch.bytes)
    if (this.#frames.length - this.#used < batch.bytes) {
      // Those that are compressed already keep the memory that they are in.
      this.#frames = Buffer.allocUnsafeSlow(batch.bytes * 2)
      this.#used = 0
    }
    const compressed = compressBatch(keptRecords, this.#frames.subarray(this.#used), batch, now)
    this.#used += compressed?.records.length ?? 0
    return compressed
  }

  /** After the request is written. Memory for batches that are rarely so large is left to the garbage collector. */
  done(): void {
    if (this.#frames.length <= keptBytesMax) keptFrames = this.#frames
    if (keptRecords.length > keptBytesMax) keptRecords = Buffer.alloc(0)
  }
}

const keptBytesMax = 2 * 1024 * 1024
let keptRecords = Buffer.alloc(0)
let keptFrames = Buffer.alloc(0)
