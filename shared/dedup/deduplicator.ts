/**
 * Finds whether an event id was seen in the last 24 hours at another position of the raw log. The same position is the
 * same record again (a replay, a crash before the commit), which goes on (docs/decisions/0005-duplicates-are-recognized-by-position.md).
 */
import { hash } from "node:crypto"
import { endianness } from "node:os"
import { crc32 } from "node:zlib"
import * as Duration from "effect/Duration"
import { type Entry, entryWords, IdTable, type Lookup, type Place, timeOf } from "./id-table.ts"

export interface DeduplicatorOptions {
  /** How long an id is remembered. */
  readonly window: Duration.Duration
  /** Ids held at most; beyond it the oldest go first and are counted. */
  readonly idsMax: number
}

/** A raw record: the offset below 2^48, the partition below 2^16, the time in milliseconds since the epoch. */
export interface RawRecord {
  readonly partition: number
  readonly offset: number
  readonly timestamp: number
}

/** One occurrence of an event. */
export interface Occurrence extends RawRecord {
  readonly eventId: string
  /** `checksum` of what a repeat should equal; an id that comes with another is a conflict. */
  readonly content: number
}

export interface DeduplicatorStatistics {
  readonly ids: number
  readonly bytes: number
  readonly checked: number
  readonly duplicates: number
  readonly conflicts: number
  readonly evictedByAge: number
  readonly evictedBySize: number
}

export class Deduplicator {
  private readonly table: IdTable
  private readonly windowSeconds: number
  private counts = { checked: 0, duplicates: 0, conflicts: 0 }

  constructor(options: DeduplicatorOptions) {
    this.table = new IdTable(options.idsMax)
    this.windowSeconds = Math.ceil(Duration.toMillis(options.window) / 1000)
  }

  /** What is known of the occurrence at its time. Counted as a check, not remembered. */
  lookup(entry: Entry): Lookup {
    const found = this.table.lookup(entry, entry.timeSeconds - this.windowSeconds)
    this.counts.checked++
    if (found === "duplicate") this.counts.duplicates++
    else if (found === "conflict") this.counts.conflicts++
    return found
  }

  /** What is remembered of the entry's id within the window before its time; null where nothing is. Not counted as a check. */
  find(entry: Entry): Entry | null {
    return this.table.find(entry, entry.timeSeconds - this.windowSeconds)
  }

  remember(entry: Entry): void {
    this.table.insert(entry, entry.timeSeconds - this.windowSeconds)
  }

  /** Takes over entries of a changelog record (see `packEntries`). With `inAnyOrder` the latest of an id counts, of one second the last that came. */
  restore(packed: Buffer, now: number, inAnyOrder = false): void {
    const oldest = Math.max(1, Math.floor(now / 1000) - this.windowSeconds)
    const words = wordsOf(packed)
    for (let at = 0; at + entryWords <= words.length; at += entryWords) {
      if (timeOf(words, at) >= oldest) this.table.insertWords(words, at, oldest, inAnyOrder)
    }
  }

  get statistics(): DeduplicatorStatistics {
    const { table, counts } = this
    return {
      ids: table.size,
      bytes: table.bytes,
      ...counts,
      evictedByAge: table.evicted.age,
      evictedBySize: table.evicted.size
    }
  }
}

/** 32 bits of what a repeat should equal, in parts: it guards against no attacker, so a CRC is enough. */
export const checksum = (...parts: ReadonlyArray<string | Uint8Array>): number =>
  parts.reduce((sum, part) => crc32(part, sum), 0)

/** Hashes an occurrence: 96 bits of SHA-256 of the id. */
export const entryOf = (occurrence: Occurrence, now: number): Entry =>
  entryAt(occurrence.eventId, placeOf(occurrence), occurrence.content, now)

export const entryAt = (eventId: string, place: Place, content: number, now: number): Entry => {
  // A text of one character a byte costs less than a buffer.
  const id = hash("sha256", eventId, "binary")
  return {
    hash0: wordOf(id, 0),
    hash1: wordOf(id, 4),
    hash2: wordOf(id, 8),
    timeSeconds: Math.floor(now / 1000),
    place0: place.place0,
    place1: place.place1,
    plain0: place.plain0,
    plain1: place.plain1,
    content
  }
}

/** A raw record by its position and its own time (Kafka's, in milliseconds since the epoch). */
export const placeOf = ({ partition, offset, timestamp }: RawRecord): Place => {
  const plain0 = offset % two32
  const plain1 = ((partition << 16) | (Math.floor(offset / two32) & 0xffff)) >>> 0
  const low = timestamp | 0
  const high = Math.floor(timestamp / two32)
  return {
    place0: (plain0 ^ mixed(low ^ high)) >>> 0,
    place1: (plain1 ^ mixed(low + 0x9e37_79b9 + high)) >>> 0,
    plain0,
    plain1
  }
}

const two32 = 2 ** 32

/** Murmur3's finalizer: one to one, and each bit of the word changes half of the others. */
const mixed = (word: number): number => {
  let bits = Math.imul(word ^ (word >>> 16), 0x85eb_ca6b)
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2_ae35)
  return bits ^ (bits >>> 16)
}

/** Four characters as a little-endian word. */
const wordOf = (text: string, at: number): number =>
  (text.charCodeAt(at) |
    (text.charCodeAt(at + 1) << 8) |
    (text.charCodeAt(at + 2) << 16) |
    (text.charCodeAt(at + 3) << 24)) >>>
  0

/** Of a packed entry. */
export const entryBytes = entryWords * 4
const isLittleEndian = endianness() === "LE"

/** The new ids of a batch as one changelog record: 28 bytes each, little-endian. */
export const packEntries = (entries: ReadonlyArray<Entry>): Buffer => {
  const packed = Buffer.allocUnsafe(entries.length * entryBytes)
  let at = 0
  for (const entry of entries) {
    packed.writeUInt32LE(entry.hash0, at)
    packed.writeUInt32LE(entry.hash1, at + 4)
    packed.writeUInt32LE(entry.hash2, at + 8)
    packed.writeUInt32LE(entry.timeSeconds, at + 12)
    packed.writeUInt32LE(entry.place0, at + 16)
    packed.writeUInt32LE(entry.place1, at + 20)
    packed.writeUInt32LE(entry.content, at + 24)
    at += entryBytes
  }
  return packed
}

/** The packed entries as words; they stand there as in the table, so that a restore makes no object for each. */
const wordsOf = (packed: Buffer): Uint32Array => {
  const words = new Uint32Array(Math.floor(packed.length / 4))
  if (isLittleEndian) new Uint8Array(words.buffer).set(packed.subarray(0, words.byteLength))
  else for (let word = 0; word < words.length; word++) words[word] = packed.readUInt32LE(word * 4)
  return words
}
