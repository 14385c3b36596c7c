/**
 * Zstandard by Node's zlib, into buffers that are given. zlib's functions make a new buffer and a new context for each call, and V8 collects
 * its whole heap the more often the more buffers it sees come and go (decision 13). So a stream of zlib is kept and its native handle is called
 * directly, as zlib's own synchronous functions do (`processChunkSync` in Node's lib/zlib.js). Where a version of Node has no such handle, zlib's
 * functions are used, with the same bytes.
 */
import zlib from "node:zlib"

const { ZSTD_c_compressionLevel, ZSTD_e_continue, ZSTD_e_end } = zlib.constants
const compression = { params: { [ZSTD_c_compressionLevel]: 1 } }

/** Writes one frame that holds its content's size, and gives its bytes; null if it does not fit into `output`. */
export const zstdCompress = (input: Buffer, output: Buffer): number | null => {
  const written = compressor.run(ZSTD_e_end, input, output)
  if (written !== undefined) return written
  const frame = zlib.zstdCompressSync(input, { ...compression, pledgedSrcSize: input.length })
  return frame.length > output.length ? null : frame.copy(output)
}

/**
 * What the frames in `input` hold: written to what `outputOf` gives for its bytes, or, where the frame does not say how many, to a new buffer.
 * Throws if they are damaged, or hold more than `bytesMax` bytes.
 */
export const zstdDecompress = (input: Buffer, outputOf: (bytes: number) => Buffer, bytesMax: number): Buffer => {
  const bytes = contentBytes(input)
  if (bytes !== null) {
    const output = outputOf(bytes)
    const written = decompressor.run(ZSTD_e_continue, input, output)
    if (written === bytes) return output
  }
  return zlib.zstdDecompressSync(input, {
    chunkSize: Math.min(input.length * 4 + chunkBytesMin, claimedBytesMax),
    maxOutputLength: bytesMax
  })
}

/** Bytes of one frame's content by its header (RFC 8878, 3.1.1.1); null where it does not say, or claims very many. */
const contentBytes = (frame: Buffer): number | null => {
  if (frame.length < headerBytesMax || frame.readUInt32LE(0) !== magic) return null
  const descriptor = frame[4]!
  const isSingleSegment = (descriptor & 0x20) !== 0
  const at = 5 + (isSingleSegment ? 0 : 1) + dictionaryIdBytes[descriptor & 3]!
  const field = descriptor >> 6
  if (field === 1) return frame.readUInt16LE(at) + 256
  if (field === 2 && frame.readUInt32LE(at) <= claimedBytesMax) return frame.readUInt32LE(at)
  return field === 0 && isSingleSegment ? frame[at]! : null
}

const magic = 0xfd2fb528
const headerBytesMax = 18
const dictionaryIdBytes = [0, 1, 2, 4]
/** A frame may claim any size. */
const claimedBytesMax = 4 * 1024 * 1024
const chunkBytesMin = 16_384

/** The fields of zlib's streams that its own synchronous functions use. */
interface ZlibStream {
  readonly _handle?: {
    readonly writeSync?: (
      flush: number,
      input: Buffer,
      inputAt: number,
      inputBytes: number,
      output: Buffer,
      outputAt: number,
      outputBytes: number
    ) => void
  } | null
  /** After a call: free bytes of the output, unread bytes of the input. */
  readonly _writeState?: Uint32Array
  readonly destroy: () => unknown
  readonly on: (event: "error", listener: () => void) => unknown
}

/** One context of Zstandard, which begins a new frame after each that was complete. */
class Context {
  readonly #make: () => unknown
  #stream: ZlibStream | null = null

  constructor(make: () => unknown) {
    this.#make = make
  }

  /** Bytes written; null if the output is too small or the input ends too early or is damaged; undefined without such a handle. */
  run(flush: number, input: Buffer, output: Buffer): number | null | undefined {
    this.#stream ??= this.#open()
    const { _handle: handle, _writeState: state } = this.#stream
    if (typeof handle?.writeSync !== "function" || !(state instanceof Uint32Array)) return undefined
    // Where the call fails these stay.
    state.fill(incomplete)
    handle.writeSync(flush, input, 0, input.length, output, 0, output.length)
    const [free, unread] = state
    // A full output may lack the end of a frame that is compressed; a decompressed frame is complete if all of it was read.
    const isComplete = unread === 0 && free !== incomplete && (flush !== ZSTD_e_end || free !== 0)
    if (isComplete) return output.length - free!
    // Its context may be amid a frame.
    this.#stream.destroy()
    this.#stream = null
    return null
  }

  #open(): ZlibStream {
    const stream = this.#make() as ZlibStream
    // A failed call emits it; what failed is known by then.
    stream.on("error", () => undefined)
    return stream
  }
}

const incomplete = 0xffffffff

const compressor = new Context(() => zlib.createZstdCompress(compression))
const decompressor = new Context(() => zlib.createZstdDecompress())
