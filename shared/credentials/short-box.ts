/**
 * AES-256-GCM (NIST SP 800-38D) of short messages under one key, as the recipients of messages are. For each message Node makes a cipher with
 * objects of OpenSSL, which the garbage collector has to free one by one; here one cipher of single blocks (AES-NI, in OpenSSL) serves all
 * messages of the key, and GHASH is a sum over the bytes that the tag covers. The bytes are the same as Node's, which opens them.
 */
import { type Cipheriv, type CipherKey, createCipheriv } from "node:crypto"

export class ShortBoxes {
  /** Encrypts whole blocks, each by itself. */
  readonly #blocks: Cipheriv
  readonly #table: Int32Array

  constructor(key: CipherKey) {
    this.#blocks = createCipheriv("aes-256-ecb", key, null).setAutoPadding(false)
    this.#table = tableOf(this.#blocks.update(Buffer.alloc(blockBytes)))
  }

  /** Whether a message is short enough: all that the tag covers are `blocksMax` blocks. */
  fits(plaintextBytes: number, aadBytes: number): boolean {
    return blocksOf(plaintextBytes) + blocksOf(aadBytes) + 1 <= blocksMax
  }

  /** As `sealBox` of `sealer.ts`: into the box at a place of the bytes, which begins with its nonce of twelve bytes. */
  seal(bytes: Uint8Array, boxAt: number, plaintext: Uint8Array, aad: Uint8Array): void {
    const textAt = boxAt + nonceBytes
    const length = plaintext.length
    const stream = this.#blocks.update(counters(bytes, boxAt, blocksOf(length) + 1))
    // The first block is for the tag, the others for the text.
    for (let at = 0; at < length; at++) bytes[textAt + at] = plaintext[at]! ^ stream[blockBytes + at]!
    this.#writeTag(bytes, textAt, textAt + length, aad, stream)
  }

  /**
   * GHASH, each block of which is multiplied by its power of the key's block, found bit by bit in a table. What is looked up are `aad`,
   * ciphertext and lengths, which anyone may know, so that the time does not depend on the key.
   */
  #writeTag(bytes: Uint8Array, textAt: number, tagAt: number, aad: Uint8Array, mask: Uint8Array): void {
    const table = this.#table
    sum.fill(0)
    // Behind the aad and the text comes the block of their lengths, with the first power.
    const textPower = 1 + blocksOf(tagAt - textAt)
    add(table, aad, 0, aad.length, textPower + blocksOf(aad.length))
    add(table, bytes, textAt, tagAt, textPower)
    lengths.setUint32(4, aad.length * 8)
    lengths.setUint32(12, (tagAt - textAt) * 8)
    add(table, lengthBytes, 0, blockBytes, 1)
    for (let at = 0; at < blockBytes; at++) bytes[tagAt + at] = mask[at]! ^ (sum[at >> 2]! >>> (24 - 8 * (at & 3)))
  }
}

/** Adds the products of the blocks of the bytes: the first with that power, the next with the one below. A part of a block is filled with zeros. */
const add = (table: Int32Array, bytes: Uint8Array, start: number, end: number, power: number): void => {
  let [first, second, third, fourth] = [sum[0]!, sum[1]!, sum[2]!, sum[3]!]
  for (let at = start; at < end; at++) {
    const place = at - start
    const row = ((power - 1 - (place >> 4)) * blockBytes + (place & 15)) * 2 * rowWords
    const byte = bytes[at]!
    const high = row + (byte >> 4) * 4
    const low = row + rowWords + (byte & 15) * 4
    first ^= table[high]! ^ table[low]!
    second ^= table[high + 1]! ^ table[low + 1]!
    third ^= table[high + 2]! ^ table[low + 2]!
    fourth ^= table[high + 3]! ^ table[low + 3]!
  }
  sum[0] = first
  sum[1] = second
  sum[2] = third
  sum[3] = fourth
}

/** The counter blocks of a message: its nonce and a number from one on. Overwritten by the next message. */
const counters = (bytes: Uint8Array, nonceAt: number, count: number): Uint8Array => {
  for (let block = 0; block < count; block++) {
    const start = block * blockBytes
    for (let at = 0; at < nonceBytes; at++) counterBytes[start + at] = bytes[nonceAt + at]!
    counterBytes[start + blockBytes - 1] = block + 1
  }
  return counterViews[count]!
}

/** By power of the key's block, place of four bits in a block, and their value: the product, in four words. */
const tableOf = (keyBlock: Buffer): Int32Array => {
  const table = new Int32Array(blocksMax * blockBytes * 2 * rowWords)
  const key = wordsOf(keyBlock)
  let power = key
  for (let index = 0; index < blocksMax; index++) {
    if (index > 0) power = product(power, key)
    let bit = power
    for (let place = 0; place < blockBytes * 2; place++) {
      const row = (index * blockBytes * 2 + place) * rowWords
      for (let value = 8; value > 0; value >>= 1) {
        for (let other = value; other < 16; other++) {
          if ((other & value) === 0) continue
          for (let word = 0; word < 4; word++) table[row + other * 4 + word]! ^= bit[word]!
        }
        bit = doubled(bit)
      }
    }
  }
  return table
}

type Words = readonly [number, number, number, number]

const wordsOf = (block: Buffer): Words => [
  block.readInt32BE(0),
  block.readInt32BE(4),
  block.readInt32BE(8),
  block.readInt32BE(12)
]

const product = (left: Words, right: Words): Words => {
  let found: Words = [0, 0, 0, 0]
  let bit = right
  for (let at = 0; at < 128; at++) {
    const mask = -((left[at >> 5]! >>> (31 - (at & 31))) & 1)
    found = [
      found[0] ^ (bit[0] & mask),
      found[1] ^ (bit[1] & mask),
      found[2] ^ (bit[2] & mask),
      found[3] ^ (bit[3] & mask)
    ]
    bit = doubled(bit)
  }
  return found
}

/** Multiplied by x. GCM writes the coefficient of x^0 first, and x^128 is 1 + x + x^2 + x^7. */
const doubled = ([first, second, third, fourth]: Words): Words => [
  (first >>> 1) ^ (-(fourth & 1) & 0xe1000000),
  (second >>> 1) | (first << 31),
  (third >>> 1) | (second << 31),
  (fourth >>> 1) | (third << 31)
]

const blocksOf = (bytes: number): number => (bytes + 15) >> 4

const blockBytes = 16
const nonceBytes = 12
/** Of sixteen values with four words each. */
const rowWords = 64
/** The table takes eight KiB for each. */
const blocksMax = 8
const sum = new Int32Array(4)
const lengthBytes = new Uint8Array(blockBytes)
const lengths = new DataView(lengthBytes.buffer)
const counterBytes = new Uint8Array(blocksMax * blockBytes)
const counterViews = Array.from({ length: blocksMax + 1 }, (_, count) => counterBytes.subarray(0, count * blockBytes))
