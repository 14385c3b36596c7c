/** The compressions of record batches (Kafka protocol, "Record Batch", attributes). Only Zstandard is written. */
import zlib from "node:zlib"
import { portionBytesMax } from "./batch-bounds.ts"
import { decompressLz4, decompressSnappy, lz4Parts, snappyParts } from "./decompress.ts"
import { zstdDecompress } from "./zstd.ts"

/** The numbers of the protocol. */
export const codecs = { none: 0, gzip: 1, snappy: 2, lz4: 3, zstd: 4 } as const

/**
 * What the bytes of a batch after its header are without compression; null if that is more than a portion, or they are damaged or the compression
 * is unknown. They are in what `outputOf` gives for their number, or in a new buffer.
 */
export const decompress = (codec: number, bytes: Buffer, outputOf: (bytes: number) => Buffer): Buffer | null => {
  try {
    switch (codec) {
      case codecs.gzip:
        return zlib.gunzipSync(bytes, {
          chunkSize: Math.min(bytes.length * 4 + chunkBytesMin, portionBytesMax),
          maxOutputLength: portionBytesMax
        })
      case codecs.snappy:
        return decompressSnappy(bytes, portionBytesMax)
      case codecs.lz4:
        return decompressLz4(bytes, portionBytesMax)
      case codecs.zstd:
        return zstdDecompress(bytes, outputOf, portionBytesMax)
      default:
        return null
    }
  } catch {
    return null
  }
}

/** zlib collects its output in chunks of this many bytes at least. */
const chunkBytesMin = 16_384

/**
 * The same in parts, of which few are in memory at a time, while the event loop goes on. Throws where the bytes are damaged or the compression is
 * unknown.
 */
export const decompressedParts = async function* (codec: number, bytes: Buffer): AsyncGenerator<Buffer, void, void> {
  switch (codec) {
    case codecs.none:
      return yield bytes
    case codecs.gzip:
      return yield* streamed(zlib.createGunzip({ chunkSize: partBytes }), bytes)
    case codecs.zstd:
      return yield* streamed(zlib.createZstdDecompress({ chunkSize: partBytes }), bytes)
    case codecs.snappy:
    case codecs.lz4:
      for (const part of codec === codecs.lz4 ? lz4Parts(bytes) : snappyParts(bytes)) {
        yield part
        await new Promise(setImmediate)
      }
      return
    default:
      throw new Error("the compression is unknown")
  }
}

const partBytes = 262_144

const streamed = async function* (stream: zlib.Gunzip, bytes: Buffer): AsyncGenerator<Buffer, void, void> {
  stream.end(bytes)
  for await (const part of stream) yield part as Buffer
}
