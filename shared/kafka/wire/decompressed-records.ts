/** What the records of a compressed batch in a fetch response are without compression, in a buffer apart from it. */
import { BufferPool, type BufferRef, bufferRefOf } from "./buffer-pool.ts"
import { decompress } from "./compression.ts"
import { codecOf, compressedRecords } from "./record-batch-reader.ts"

/** The records of the compressed batch at `offset`; null as `decompress`. The response's buffer has no users by them. */
export const decompressedRecords = (buffer: Buffer, offset: number): Buffer | null => {
  const decompressed = decompress(codecOf(buffer, offset), compressedRecords(buffer, offset), (bytes) =>
    bytes < pooledMin ? Buffer.allocUnsafe(bytes) : decompressedBuffers.acquire(bytes).buffer.subarray(0, bytes)
  )
  if (decompressed !== null) releaseWhenRead(bufferRefOf(buffer))
  return decompressed
}

const decompressedBuffers = new BufferPool({ stepBytes: 256 * 1024, freeBytesMax: 8 * 1024 * 1024, freesLarger: true })
/** A small batch must not hold a buffer that is many times as large, and few sizes mean that a free buffer mostly fits. */
const pooledMin = 64 * 1024

/** Reading a response has no other waits than for promises that are fulfilled, so that it is over in the next turn of the event loop. */
const releaseWhenRead = (response: BufferRef | null): void => {
  if (response === null) return
  response.retain()
  setImmediate(() => response.release())
}
