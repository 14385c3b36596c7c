/**
 * A hash map from keyed ids (12 bytes) to a few 32-bit words, in one typed array: for a million entries and more, where a Map of
 * strings would cost several times the memory. Linear probing; at most three quarters full.
 */

/** The three words of an id. They are bytes of a cipher: spread evenly, and never all zero, which stands for an empty slot. */
export interface IdWords {
  readonly id0: number
  readonly id1: number
  readonly id2: number
}

const idWords = 3
const slotsMin = 64
const fullest = 0.75
const growth = 1.5

export class IdMap {
  private readonly stride: number
  /** Entries; the values stand where `find` says. */
  words: Uint32Array<ArrayBuffer>
  private slots = slotsMin
  private used = 0

  /** @param valueWords 32-bit words of each value */
  constructor(valueWords: number) {
    this.stride = idWords + valueWords
    this.words = new Uint32Array(slotsMin * this.stride)
  }

  get size(): number {
    return this.used
  }

  get bytes(): number {
    return this.words.byteLength
  }

  /** Where the words of the id's value begin in `words`; -1 where the id is not known. Valid until the next change of the map. */
  find(id: IdWords): number {
    const slot = this.slotOf(id)
    return this.isUsed(slot) ? slot * this.stride + idWords : -1
  }

  /** As `find`; a new id gets a value of zeros. */
  take(id: IdWords): number {
    let slot = this.slotOf(id)
    if (!this.isUsed(slot)) {
      if (this.used + 1 > this.slots * fullest) {
        this.grow()
        slot = this.slotOf(id)
      }
      const at = slot * this.stride
      this.words[at] = id.id0
      this.words[at + 1] = id.id1
      this.words[at + 2] = id.id2
      this.used++
    }
    return slot * this.stride + idWords
  }

  /** Forgets the id and overwrites its value; false where it is not known. */
  delete(id: IdWords): boolean {
    let hole = this.slotOf(id)
    if (!this.isUsed(hole)) return false
    this.used--
    // What stands behind the hole moves into it where its search would end at the hole.
    for (let next = this.after(hole); this.isUsed(next); next = this.after(next)) {
      const home = this.homeOf(this.words[next * this.stride]!)
      const fromHome = (next - home + this.slots) % this.slots
      const fromHole = (next - hole + this.slots) % this.slots
      if (fromHome < fromHole) continue
      this.words.copyWithin(hole * this.stride, next * this.stride, (next + 1) * this.stride)
      hole = next
    }
    this.words.fill(0, hole * this.stride, (hole + 1) * this.stride)
    return true
  }

  private slotOf({ id0, id1, id2 }: IdWords): number {
    let slot = this.homeOf(id0 >>> 0)
    for (let at = slot * this.stride; this.isUsed(slot); at = slot * this.stride) {
      if (this.words[at] === id0 >>> 0 && this.words[at + 1] === id1 >>> 0 && this.words[at + 2] === id2 >>> 0)
        return slot
      slot = this.after(slot)
    }
    return slot
  }

  private homeOf(id0: number): number {
    return id0 % this.slots
  }

  private after(slot: number): number {
    return slot + 1 === this.slots ? 0 : slot + 1
  }

  private isUsed(slot: number): boolean {
    const at = slot * this.stride
    return (this.words[at]! | this.words[at + 1]! | this.words[at + 2]!) !== 0
  }

  private grow(): void {
    const [before, slotsBefore] = [this.words, this.slots]
    this.slots = Math.ceil(slotsBefore * growth)
    this.words = new Uint32Array(this.slots * this.stride)
    for (let at = 0; at < before.length; at += this.stride) {
      const [id0, id1, id2] = [before[at]!, before[at + 1]!, before[at + 2]!]
      if ((id0 | id1 | id2) === 0) continue
      this.words.set(before.subarray(at, at + this.stride), this.slotOf({ id0, id1, id2 }) * this.stride)
    }
    before.fill(0)
  }
}

/** The words of an id of 12 bytes at `at`. */
export const wordsOfBytes = (bytes: Buffer, at: number): IdWords => ({
  id0: bytes.readUInt32BE(at),
  id1: bytes.readUInt32BE(at + 4),
  id2: bytes.readUInt32BE(at + 8)
})

/** The words of an id as base64url text of 16 characters at `at`. Other characters count as the first one. */
export const wordsOfText = (text: string, at: number): IdWords => {
  const first = quarter(text, at)
  const second = quarter(text, at + 4)
  const third = quarter(text, at + 8)
  const fourth = quarter(text, at + 12)
  return {
    id0: ((first << 8) | (second >>> 16)) >>> 0,
    id1: ((second << 16) | (third >>> 8)) >>> 0,
    id2: ((third << 24) | fourth) >>> 0
  }
}

/** 24 bits: four characters. */
const quarter = (text: string, at: number): number =>
  (sixBits(text, at) << 18) | (sixBits(text, at + 1) << 12) | (sixBits(text, at + 2) << 6) | sixBits(text, at + 3)

const sixBits = (text: string, at: number): number => base64url[text.charCodeAt(at)] ?? 0

const base64url = new Uint8Array(128)
for (const [value, character] of [..."ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"].entries())
  base64url[character.charCodeAt(0)] = value
