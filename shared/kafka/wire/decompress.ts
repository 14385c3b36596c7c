/**
 * LZ4 and Snappy, decompression only, without native code: producers in other languages often compress with them, kafkajs
 * supports neither, and one such record would block a partition for ever. By the formats' specifications (LZ4 frame and block format;
 * Snappy format description; the framing of xerial's snappy-java that Kafka's Java client writes).
 */

/** Null if the input is damaged. */
export type Decompress = (input: Buffer) => Buffer | null

/** One LZ4 frame, blocks linked or not; checksums are left to Kafka's own of the whole batch. */
export const decompressLz4: Decompress = (input) => {
  if (input.length < 7 || input.readUInt32LE(0) !== lz4Magic) return null
  const flags = input[4]!
  const blockChecksumBytes = flags & 0x10 ? 4 : 0
  let at = 6 + (flags & 0x08 ? 8 : 0) + (flags & 0x01 ? 4 : 0) + 1
  const output = new Output(input.length * 3)
  while (at + 4 <= input.length) {
    const header = input.readUInt32LE(at)
    at += 4
    if (header === 0) return output.bytes()
    const size = header & 0x7fffffff
    if (at + size > input.length) return null
    const block = input.subarray(at, at + size)
    if (header & 0x80000000) output.append(block)
    else if (!lz4Block(block, output)) return null
    at += size + blockChecksumBytes
  }
  return null
}

const lz4Magic = 0x184d2204

const lz4Block = (block: Buffer, output: Output): boolean => {
  let at = 0
  while (at < block.length) {
    const token = block[at++]!
    let literals = token >> 4
    if (literals === 15) {
      let more = 255
      while (more === 255 && at < block.length) literals += more = block[at++]!
    }
    if (at + literals > block.length) return false
    output.append(block.subarray(at, at + literals))
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

/** Raw Snappy, or blocks of it in xerial's framing. */
export const decompressSnappy: Decompress = (input) => {
  if (!input.subarray(0, xerialMagic.length).equals(xerialMagic)) return snappyBlock(input)
  const blocks: Array<Buffer> = []
  let at = 16
  while (at + 4 <= input.length) {
    const size = input.readUInt32BE(at)
    const block = snappyBlock(input.subarray(at + 4, at + 4 + size))
    if (block === null) return null
    blocks.push(block)
    at += 4 + size
  }
  return at === input.length ? Buffer.concat(blocks) : null
}

const xerialMagic = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0x00])

const snappyBlock = (input: Buffer): Buffer | null => {
  let at = 0
  let size = 0
  for (let shift = 0; ; shift += 7) {
    if (at >= input.length || shift > 28) return null
    const byte = input[at++]!
    size += (byte & 0x7f) * 2 ** shift
    if (byte < 0x80) break
  }
  if (size > input.length * snappyRatioMax) return null
  const output = new Output(size)
  while (at < input.length) {
    const element = snappyElement(input, at)
    if (element === null) return null
    at += element.headerBytes
    if (element.distance === 0) {
      if (at + element.length > input.length) return null
      output.append(input.subarray(at, at + element.length))
      at += element.length
    } else if (!output.repeat(element.distance, element.length)) return null
  }
  const bytes = output.bytes()
  return bytes.length === size ? bytes : null
}

/** No element of three bytes yields more than 64; a larger size is false and would cost memory. */
const snappyRatioMax = 32

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

/** A buffer that grows, and copies from its own past. */
class Output {
  private buffer: Buffer
  private length = 0

  constructor(sizeHint: number) {
    this.buffer = Buffer.allocUnsafe(Math.max(64, sizeHint))
  }

  append(bytes: Buffer): void {
    this.reserve(bytes.length)
    bytes.copy(this.buffer, this.length)
    this.length += bytes.length
  }

  /** False if the distance leads before the beginning. The run may overlap itself, which repeats a pattern. */
  repeat(distance: number, length: number): boolean {
    if (distance <= 0 || distance > this.length) return false
    this.reserve(length)
    const from = this.length - distance
    if (distance >= length) this.buffer.copyWithin(this.length, from, from + length)
    else for (let index = 0; index < length; index++) this.buffer[this.length + index] = this.buffer[from + index]!
    this.length += length
    return true
  }

  bytes(): Buffer {
    return this.buffer.subarray(0, this.length)
  }

  private reserve(extra: number): void {
    if (this.length + extra <= this.buffer.length) return
    const larger = Buffer.allocUnsafe(Math.max(this.buffer.length * 2, this.length + extra))
    this.buffer.copy(larger, 0, 0, this.length)
    this.buffer = larger
  }
}
