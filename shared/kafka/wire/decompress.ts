/**
 * LZ4 and Snappy, decompression only, without native code: producers in other languages often compress with them, kafkajs
 * supports neither, and one such record would block a partition for ever. By the formats' specifications (LZ4 frame and block format;
 * Snappy format description; the framing of xerial's snappy-java that Kafka's Java client writes).
 */
import { Output } from "./decompression-output.ts"

/** Null if the input is damaged, or holds more than `bytesMax` bytes. */
type Decompress = (input: Buffer, bytesMax: number) => Buffer | null

/** Writes to the output, and pauses where some of it may be taken away. True if all of the input was read, false if it is damaged. */
type Decompressing = Generator<void, boolean, void>

/** One LZ4 frame, blocks linked or not; checksums are left to Kafka's own of the whole batch. */
export const decompressLz4: Decompress = (input, bytesMax) => {
  const output = new Output(input.length * 3, bytesMax)
  return finish(lz4Frame(input, output)) ? output.bytes() : null
}

/** Raw Snappy, or blocks of it in xerial's framing. */
export const decompressSnappy: Decompress = (input, bytesMax) => {
  const output = new Output(isFramed(input) ? input.length * 3 : (snappySize(input)?.bytes ?? 0), bytesMax)
  return finish(snappyFrames(input, output)) ? output.bytes() : null
}

/** What an LZ4 frame holds, in parts of at most a block. Throws if it is damaged. */
export const lz4Parts = (input: Buffer): Generator<Buffer, void, void> => {
  const output = new Output(lz4HistoryBytes * 2, lz4HistoryBytes + lz4BlockBytesMax)
  return partsOf(lz4Frame(input, output), output, lz4HistoryBytes)
}

/** What Snappy holds, in parts. Throws if it is damaged, and `TooFarBack` where a block refers further back than any compressor does. */
export const snappyParts = (input: Buffer): Generator<Buffer, void, void> => {
  const bytesMax = snappyHistoryBytes + snappyPartBytes + input.length
  const output = new Output(snappyPartBytes * 2, bytesMax, snappyPartBytes)
  return partsOf(snappyFrames(input, output), output, snappyHistoryBytes)
}

const finish = (decompressing: Decompressing): boolean => {
  let step = decompressing.next()
  while (!step.done) step = decompressing.next()
  return step.value
}

const partsOf = function* (
  decompressing: Decompressing,
  output: Output,
  historyBytes: number
): Generator<Buffer, void, void> {
  for (let step = decompressing.next(); ; step = decompressing.next()) {
    if (!output.isCut) yield output.cut(historyBytes)
    if (!step.done) continue
    if (step.value) return
    throw new Error("the compressed bytes are damaged")
  }
}

const lz4Magic = 0x184d2204
/** The format allows no longer distance. */
const lz4HistoryBytes = 65_536
const lz4BlockBytesMax = 4 * 1_048_576

const lz4Frame = function* (input: Buffer, output: Output): Decompressing {
  if (input.length < 7 || input.readUInt32LE(0) !== lz4Magic) return false
  const flags = input[4]!
  const blockChecksumBytes = flags & 0x10 ? 4 : 0
  let at = 6 + (flags & 0x08 ? 8 : 0) + (flags & 0x01 ? 4 : 0) + 1
  while (at + 4 <= input.length) {
    const header = input.readUInt32LE(at)
    at += 4
    if (header === 0) return true
    const size = header & 0x7fffffff
    if (at + size > input.length) return false
    const block = input.subarray(at, at + size)
    if (!(header & 0x80000000 ? output.append(block) : lz4Block(block, output))) return false
    at += size + blockChecksumBytes
    yield
  }
  return false
}

const lz4Block = (block: Buffer, output: Output): boolean => {
  let at = 0
  while (at < block.length) {
    const token = block[at++]!
    let literals = token >> 4
    if (literals === 15) {
      let more = 255
      while (more === 255 && at < block.length) literals += more = block[at++]!
    }
    if (at + literals > block.length || !output.append(block.subarray(at, at + literals))) return false
    at += literals
    if (at === block.length) return true
    if (at + 2 > block.length) return false
    const distance = block.readUInt16LE(at)
    at += 2
    let length = (token & 15) + 4
    if (length === 19) {
      let more = 255
      while (more === 255 && at < block.length) length += more = block[at++]!
    }
    if (!output.repeat(distance, length)) return false
  }
  return true
}

const xerialMagic = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0x00])

const isFramed = (input: Buffer, at = 0): boolean => input.subarray(at, at + xerialMagic.length).equals(xerialMagic)
/** The magic bytes and two versions. Java's client reads several such streams, one behind the other. */
const xerialHeadBytes = 16

const snappyFrames = function* (input: Buffer, output: Output): Decompressing {
  if (!isFramed(input)) return yield* snappyBlock(input, output)
  let at = 0
  while (at + 4 <= input.length) {
    if (isFramed(input, at)) {
      at += xerialHeadBytes
      continue
    }
    const size = input.readUInt32BE(at)
    output.beginBlock()
    if (!(yield* snappyBlock(input.subarray(at + 4, at + 4 + size), output))) return false
    at += 4 + size
  }
  return at === input.length
}

/** How many bytes a block says that it holds, and where its elements begin. */
const snappySize = (input: Buffer): { readonly bytes: number; readonly at: number } | null => {
  let at = 0
  let bytes = 0
  for (let shift = 0; ; shift += 7) {
    if (at >= input.length || shift > 28) return null
    const byte = input[at++]!
    bytes += (byte & 0x7f) * 2 ** shift
    if (byte < 0x80) break
  }
  return bytes > input.length * snappyRatioMax ? null : { bytes, at }
}

/** No element of three bytes yields more than 64; a larger size is false and would cost memory. */
const snappyRatioMax = 32
/** Compressors take 64 KiB at a time. */
const snappyHistoryBytes = 1_048_576
const snappyPartBytes = 262_144

const snappyBlock = function* (input: Buffer, output: Output): Decompressing {
  const size = snappySize(input)
  if (size === null) return false
  let { at } = size
  while (at < input.length) {
    const element = snappyElement(input, at)
    if (element === null) return false
    at += element.headerBytes
    if (element.distance === 0) {
      if (at + element.length > input.length) return false
      if (!output.append(input.subarray(at, at + element.length))) return false
      at += element.length
    } else if (!output.repeat(element.distance, element.length)) return false
    if (output.isPartFull) yield
  }
  return output.blockBytes === size.bytes
}

/** A literal has distance 0. */
const snappyElement = (input: Buffer, at: number) => {
  const tag = input[at]!
  const kind = tag & 3
  if (kind === 0) {
    const extraBytes = Math.max(0, (tag >> 2) - 59)
    if (at + 1 + extraBytes > input.length) return null
    const length = extraBytes === 0 ? (tag >> 2) + 1 : input.readUIntLE(at + 1, extraBytes) + 1
    return { headerBytes: 1 + extraBytes, distance: 0, length }
  }
  const headerBytes = kind === 1 ? 2 : kind === 2 ? 3 : 5
  if (at + headerBytes > input.length) return null
  if (kind === 1) return { headerBytes, distance: ((tag >> 5) << 8) | input[at + 1]!, length: ((tag >> 2) & 7) + 4 }
  const distance = kind === 2 ? input.readUInt16LE(at + 1) : input.readUInt32LE(at + 1)
  return { headerBytes, distance: distance === 0 ? -1 : distance, length: (tag >> 2) + 1 }
}
