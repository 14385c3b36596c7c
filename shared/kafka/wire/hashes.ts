/** Kafka's two hashes: Murmur2, which decides the partition of a key, and CRC-32C, the checksum of record batches. */
import { codeAt } from "../../model/text.ts"

/** The partition that Java's client, and ours, choose for a record with this key. */
export const partitionOfKey = (key: Buffer | string, partitions: number): number =>
  partitionOfHash(murmur2(key), partitions)

/** The same for a key's hash. */
export const partitionOfHash = (hash: number, partitions: number): number => (hash & 0x7fffffff) % partitions

/** Murmur2 with the seed of Java's client: the hash of a key that decides its partition. */
export const murmur2 = (key: Buffer | string): number => (typeof key === "string" ? ofString(key) : ofBytes(key))

// The characters of an ASCII string are its bytes: most keys need no buffer.
const ofString = (key: string): number => {
  const { length } = key
  const codes = scratch.length < length ? new Uint8Array(length) : scratch
  for (let at = 0; at < length; at++) {
    const code = codeAt(key, at)
    if (code > 127) return ofBytes(Buffer.from(key))
    codes[at] = code
  }
  return hash(codes, length)
}

const scratch = new Uint8Array(256)

const ofBytes = (bytes: Uint8Array): number => hash(bytes, bytes.length)

const hash = (bytes: Uint8Array, length: number): number => {
  const whole = length & ~3
  let hash = 0x9747b28c ^ length
  for (let at = 0; at < whole; at += 4) {
    let word = bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)
    word = Math.imul(word, factor)
    word = Math.imul(word ^ (word >>> 24), factor)
    hash = Math.imul(hash, factor) ^ word
  }
  const rest = length - whole
  if (rest === 3) hash ^= bytes[whole + 2]! << 16
  if (rest >= 2) hash ^= bytes[whole + 1]! << 8
  if (rest >= 1) hash = Math.imul(hash ^ bytes[whole]!, factor)
  hash = Math.imul(hash ^ (hash >>> 13), factor)
  return hash ^ (hash >>> 15)
}

const factor = 0x5bd1e995

/**
 * CRC-32C (Castagnoli), Kafka's checksum of record batches, sixteen bytes at a time. Node's zlib has only the other CRC-32.
 *
 * @returns of the bytes between two places, as an unsigned number of 32 bits
 */
export const crc32c = (bytes: Uint8Array, from: number, to: number): number => {
  // Words are read where they are aligned, which costs a quarter of reading their bytes.
  const start = Math.min(to, from + (-(bytes.byteOffset + from) & 3))
  let crc = byByte(-1, bytes, from, start)
  const count = isLittleEndian ? ((to - start) >> 4) << 2 : 0
  if (count > 0) crc = byWords(crc, new Int32Array(bytes.buffer, bytes.byteOffset + start, count))
  return ~byByte(crc, bytes, start + count * 4, to) >>> 0
}

const byByte = (before: number, bytes: Uint8Array, from: number, to: number): number => {
  let crc = before
  for (let at = from; at < to; at++) crc = table[(crc ^ bytes[at]!) & 0xff]! ^ (crc >>> 8)
  return crc
}

/** Four words at a time, as many as there are. */
const byWords = (before: number, words: Int32Array): number => {
  let crc = before
  for (let at = 0; at < words.length; at += 4) {
    const first = crc ^ words[at]!
    const [second, third, fourth] = [words[at + 1]!, words[at + 2]!, words[at + 3]!]
    crc =
      table[0xf00 | (first & 0xff)]! ^
      table[0xe00 | ((first >>> 8) & 0xff)]! ^
      table[0xd00 | ((first >>> 16) & 0xff)]! ^
      table[0xc00 | (first >>> 24)]! ^
      table[0xb00 | (second & 0xff)]! ^
      table[0xa00 | ((second >>> 8) & 0xff)]! ^
      table[0x900 | ((second >>> 16) & 0xff)]! ^
      table[0x800 | (second >>> 24)]! ^
      table[0x700 | (third & 0xff)]! ^
      table[0x600 | ((third >>> 8) & 0xff)]! ^
      table[0x500 | ((third >>> 16) & 0xff)]! ^
      table[0x400 | (third >>> 24)]! ^
      table[0x300 | (fourth & 0xff)]! ^
      table[0x200 | ((fourth >>> 8) & 0xff)]! ^
      table[0x100 | ((fourth >>> 16) & 0xff)]! ^
      table[fourth >>> 24]!
  }
  return crc
}

const isLittleEndian = new Uint8Array(Int32Array.of(1).buffer)[0] === 1
const polynomial = 0x82f63b78

/** Sixteen tables of 256: the n-th holds what a byte does to the checksum n bytes later. */
const table = ((): Int32Array => {
  const built = new Int32Array(16 * 256)
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ polynomial : crc >>> 1
    built[byte] = crc
  }
  for (let index = 256; index < built.length; index++) {
    const before = built[index - 256]!
    built[index] = built[before & 0xff]! ^ (before >>> 8)
  }
  return built
})()
