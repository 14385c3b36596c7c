/**
 * A hash table of event ids in typed arrays: 28 bytes an entry, between 72 and 90 % full, so at most 40 bytes for each id
 * held. It is cut into shards that grow by a quarter on their own, so that growing never stops the process for long.
 * In a shard the entries stand in the order of their hash, each at or shortly after the slot that its hash points to: so a
 * look for an unknown id ends at the first greater hash, and a growing shard is copied in one pass.
 */

/** Words of an entry: three of the id's hash, its time, two of its position, one of its content's hash. */
export const entryWords = 7
const [timeWord, place0Word, place1Word, contentWord] = [3, 4, 5, 6]
const fullest = 0.9
const growth = 1.25
const shardSlotsMin = 32

/** The time of the entry whose words begin at `at`, in seconds since the epoch. */
export const timeOf = (words: Uint32Array, at: number): number => words[at + timeWord]!

/** A raw record in 64 bits: its position, mixed with its own time, since a topic that was made again has the same positions. */
export interface Place {
  readonly place0: number
  readonly place1: number
  /** Its position alone (the offset below 2^48, the partition below 2^16), which is what older changelogs hold. */
  readonly plain0: number
  readonly plain1: number
}

/** Whether what is held came from the raw record. */
export const isAtPlace = (held: Pick<Place, "place0" | "place1">, place: Place): boolean =>
  (held.place0 === place.place0 && held.place1 === place.place1) ||
  (held.place0 === place.plain0 && held.place1 === place.plain1)

/** An id as the table sees it. `hash` is 12 bytes of a cryptographic hash: equal hashes are taken as equal ids. */
export interface Entry extends Place {
  readonly hash0: number
  readonly hash1: number
  readonly hash2: number
  /** Seconds since the epoch. */
  readonly timeSeconds: number
  /** 32 bits of the content's hash. */
  readonly content: number
}

export type Lookup = "absent" | "same_record" | "duplicate" | "conflict"

interface Shard {
  words: Uint32Array<ArrayBuffer>
  /** Slots that hashes point to; a few more behind them take what the last ones have no room for. */
  slots: number
  used: number
  /** No entry is older, in seconds since the epoch. */
  oldest: number
}

export class IdTable {
  private readonly entriesMax: number
  private readonly shardCount: number
  private readonly shards: Array<Shard>
  /** Entries dropped for their age or to stay within the limit. */
  evicted = { age: 0, size: 0 }

  /** `entriesMax` bounds all shards together; `shardCount` is a power of two. */
  constructor(entriesMax: number, shardCount = 256) {
    this.entriesMax = entriesMax
    this.shardCount = shardCount
    this.shards = Array.from({ length: shardCount }, () => emptyShard(shardSlotsMin))
  }

  get size(): number {
    return this.shards.reduce((sum, shard) => sum + shard.used, 0)
  }

  get bytes(): number {
    return this.shards.reduce((sum, shard) => sum + shard.words.byteLength, 0)
  }

  /** What the table knows of the entry; an entry it holds from before `oldestSeconds` counts as absent. */
  lookup(entry: Entry, oldestSeconds: number): Lookup {
    const { words, slots } = this.shardOf(entry)
    const [hash0, hash1, hash2] = [entry.hash0 >>> 0, entry.hash1 >>> 0, entry.hash2 >>> 0]
    const at = find(words, slots, hash0, hash1, hash2)
    if (!isAt(words, at, hash0, hash1, hash2) || words[at + timeWord]! < oldestSeconds) return "absent"
    if (isAtPlace({ place0: words[at + place0Word]!, place1: words[at + place1Word]! }, entry)) return "same_record"
    return words[at + contentWord] === entry.content >>> 0 ? "duplicate" : "conflict"
  }

  /** What is held of the entry's id, none from before `oldestSeconds`; null where nothing is. */
  find(entry: Entry, oldestSeconds: number): Entry | null {
    const { words, slots } = this.shardOf(entry)
    const [hash0, hash1, hash2] = [entry.hash0 >>> 0, entry.hash1 >>> 0, entry.hash2 >>> 0]
    const at = find(words, slots, hash0, hash1, hash2)
    if (!isAt(words, at, hash0, hash1, hash2) || words[at + timeWord]! < oldestSeconds) return null
    return read(words, at)
  }

  /** Holds the entry from now on, in place of what was known of its id. */
  insert(entry: Entry, oldestSeconds: number): void {
    const shard = this.shardOf(entry)
    const at = this.slotFor(shard, entry.hash0 >>> 0, entry.hash1 >>> 0, entry.hash2 >>> 0, oldestSeconds)
    write(shard.words, at, entry)
    shard.oldest = Math.min(shard.oldest, entry.timeSeconds)
  }

  /** The same for an entry as its words stand in the table, at `from` of `source`; with `keepsNewer` what is known of its id from later on stays. */
  insertWords(source: Uint32Array, from: number, oldestSeconds: number, keepsNewer = false): void {
    const hash0 = source[from]!
    const shard = this.shards[hash0 & (this.shardCount - 1)]!
    const [hash1, hash2] = [source[from + 1]!, source[from + 2]!]
    const at = this.slotFor(shard, hash0, hash1, hash2, oldestSeconds)
    const isNewer = keepsNewer && shard.words[at + timeWord]! > source[from + timeWord]!
    if (isNewer && isAt(shard.words, at, hash0, hash1, hash2)) return
    for (let word = 0; word < entryWords; word++) shard.words[at + word] = source[from + word]!
    shard.oldest = Math.min(shard.oldest, source[from + timeWord]!)
  }

  private shardOf(entry: Entry): Shard {
    return this.shards[entry.hash0 & (this.shardCount - 1)]!
  }

  /** Where an entry of this id is to be written; free, or what was known of it. */
  private slotFor(shard: Shard, hash0: number, hash1: number, hash2: number, oldestSeconds: number): number {
    if (shard.used + 1 > shard.slots * fullest) this.makeRoom(shard, oldestSeconds)
    const at = find(shard.words, shard.slots, hash0, hash1, hash2)
    if (isAt(shard.words, at, hash0, hash1, hash2)) return at
    if (!openSlot(shard.words, at)) {
      rebuild(shard, shard.slots, 1)
      return this.slotFor(shard, hash0, hash1, hash2, oldestSeconds)
    }
    shard.used++
    return at
  }

  // Entries past their age go first; only then the shard grows, and beyond the limit its oldest tenth goes.
  private makeRoom(shard: Shard, oldestSeconds: number): void {
    const aged = this.drop(shard, oldestSeconds)
    this.evicted.age += aged
    if (shard.used < shard.slots * fullest * 0.9) return
    const shardMax = Math.max(shardSlotsMin / 2, Math.ceil(this.entriesMax / this.shardCount))
    if (shard.used >= shardMax) this.evicted.size += dropOldestTenth(shard)
    else rebuild(shard, Math.min(Math.ceil(shard.slots * growth), Math.ceil((shardMax + 1) / fullest) + 1), 1)
  }

  private drop(shard: Shard, oldestSeconds: number): number {
    const before = shard.used
    if (shard.oldest < oldestSeconds) rebuild(shard, shard.slots, oldestSeconds)
    return before - shard.used
  }
}

const spareSlots = (slots: number): number => 8 + (slots >> 7)

const emptyShard = (slots: number): Shard => ({
  words: new Uint32Array((slots + spareSlots(slots)) * entryWords),
  slots,
  used: 0,
  oldest: Number.POSITIVE_INFINITY
})

const two32 = 2 ** 32
const homeOf = (hash1: number, slots: number): number => Math.floor((hash1 / two32) * slots)

/** Where the id stands, or has to stand: the first place from its home on that is free or holds a greater hash. */
const find = (words: Uint32Array, slots: number, hash0: number, hash1: number, hash2: number): number => {
  let at = homeOf(hash1, slots) * entryWords
  while (words[at + timeWord]! !== 0 && words[at + 1]! < hash1) at += entryWords
  while (words[at + 1] === hash1 && words[at + timeWord]! !== 0 && !isAt(words, at, hash0, hash1, hash2))
    at += entryWords
  return at
}

const isAt = (words: Uint32Array, at: number, hash0: number, hash1: number, hash2: number): boolean =>
  words[at + 1] === hash1 && words[at] === hash0 && words[at + 2] === hash2 && words[at + timeWord] !== 0

/** Makes the slot free by moving what stands there and behind it up to the next free slot; false without one. */
const openSlot = (words: Uint32Array, at: number): boolean => {
  let free = at
  while (free < words.length && words[free + timeWord] !== 0) free += entryWords
  if (free >= words.length) return false
  if (free > at) words.copyWithin(at + entryWords, at, free)
  return true
}

const write = (words: Uint32Array, at: number, entry: Entry): void => {
  words[at] = entry.hash0
  words[at + 1] = entry.hash1
  words[at + 2] = entry.hash2
  words[at + timeWord] = Math.max(1, entry.timeSeconds)
  words[at + place0Word] = entry.place0
  words[at + place1Word] = entry.place1
  words[at + contentWord] = entry.content
}

const read = (words: Uint32Array, at: number): Entry => {
  const [place0, place1] = [words[at + place0Word]!, words[at + place1Word]!]
  return {
    hash0: words[at]!,
    hash1: words[at + 1]!,
    hash2: words[at + 2]!,
    timeSeconds: words[at + timeWord]!,
    place0,
    place1,
    plain0: place0,
    plain1: place1,
    content: words[at + contentWord]!
  }
}

/**
 * Copies what is not older into a shard of so many slots, but for so many of just that age; the order stays, so that both are
 * walked through once.
 */
const rebuild = (shard: Shard, slots: number, oldestSeconds: number, ofThatAge = 0): void => {
  const { words } = shard
  const oldest = Math.max(1, oldestSeconds)
  const next = new Uint32Array((endAfter(words, slots, oldest) + spareSlots(slots)) * entryWords)
  let target = 0
  let used = 0
  let oldestKept = Number.POSITIVE_INFINITY
  let left = ofThatAge
  for (let at = 0; at < words.length; at += entryWords) {
    const time = words[at + timeWord]!
    if (time < oldest || (time === oldest && left-- > 0)) continue
    oldestKept = Math.min(oldestKept, time)
    target = Math.max(target, homeOf(words[at + 1]!, slots) * entryWords)
    for (let word = 0; word < entryWords; word++) next[target + word] = words[at + word]!
    target += entryWords
    used++
  }
  // Freed at once: all shards grow at about the same time, and their old words would lie about until V8 collects them.
  words.buffer.transfer(0)
  shard.words = next
  shard.slots = slots
  shard.used = used
  shard.oldest = oldestKept
}

/** The slot after the last one that a rebuilt shard takes, at least its slots. */
const endAfter = (words: Uint32Array, slots: number, oldest: number): number => {
  let end = 0
  for (let at = 0; at < words.length; at += entryWords) {
    if (words[at + timeWord]! >= oldest) end = Math.max(end, homeOf(words[at + 1]!, slots)) + 1
  }
  return Math.max(end, slots)
}

/** Drops a tenth of the shard's entries, at least one; of those that came in the same second only as many as that takes. */
const dropOldestTenth = (shard: Shard): number => {
  const { words, used } = shard
  const times = new Uint32Array(used)
  let count = 0
  for (let at = 0; at < words.length; at += entryWords) {
    const time = words[at + timeWord]!
    if (time !== 0) times[count++] = time
  }
  times.sort()
  const last = Math.floor(used / 10)
  const oldest = times[last]!
  rebuild(shard, shard.slots, oldest, last + 1 - times.indexOf(oldest))
  return used - shard.used
}
