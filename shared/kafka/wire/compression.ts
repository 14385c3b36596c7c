/** The compressions of record batches (Kafka protocol, "Record Batch", attributes). Only Zstandard is written. */
import zlib from "node:zlib"
import { decompressLz4, decompressSnappy } from "./decompress.ts"
import { zstdDecompress } from "./zstd.ts"

/** The numbers of the protocol. */
export const codecs = { none: 0, gzip: 1, snappy: 2, lz4: 3, zstd: 4 } as const

/**
 * What the bytes of a batch after its header are without compression; null if they are damaged or the compression is unknown.
 * They are in what `outputOf` gives for their number, or in a new buffer.
 */
export const decompress = (codec: number, bytes: Buffer, outputOf: (bytes: number) => Buffer): Buffer | null => {
  try {
    switch (codec) {
      case codecs.gzip:
        return zlib.gunzipSync(bytes, { chunkSize: bytes.length * 4 + chunkBytesMin })
      case codecs.snappy:
        return decompressSnappy(bytes)
      case codecs.lz4:
        return decompressLz4(bytes)
      case codecs.zstd:
        return zstdDecompress(bytes, outputOf)
      default:
        return null
    }
  } catch {
    return null
  }
}

/** zlib collects its output in chunks of this many bytes at least. */
const chunkBytesMin = 16_384
