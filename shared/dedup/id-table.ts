/**
 * A hash table of event ids in typed arrays: 28 bytes an entry, between 72 and 90 % full, so at most 40 bytes for each id
 * held. It is cut into shards that grow by a quarter on their own, so that growing never stops the process for long.
 * In a shard the entries stand in the order of their hash, each at or shortly after the slot that its hash points to: so a
 * look for an unknown id ends at the first greater hash, and a growing shard is copied in one pass.
 */

/** Words of an entry: three of the id's hash, its time, two of its position, one of its content's hash. */
export const entryWords = 7
const [timeWord, offsetWord, partitionWord, contentWord] = [3, 4, 5, 6]
const fullest = 0.9
const growth = 1.25
const shardSlotsMin = 32

/** An id as the table sees it. `hash` is 12 bytes of a cryptographic hash: equal hashes are taken as equal ids. */
export interface Entry {
  readonly hash0: number
  readonly hash1: number
  readonly hash2: number
  /** Seconds since the epoch. */
  readonly timeSeconds: number
  /** Position in the raw log; the offset below 2^48, the partition below 2^16. */
  readonly partition: number
  readonly offset: number
  /** 32 bits of the content's hash. */
  readonly content: number
}

export type Lookup = "absent" | "same_record" | "duplicate" | "conflict"

interface Shard {
  words: Uint32Array
  /** Slots that hashes point to; a few more behind them take what the last ones have no room for. */
  slots: number
  used: number
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
    const at = find(words, slots, entry)
    if (!isAt(words, at, entry) || words[at + timeWord]! < oldestSeconds) return "absent"
    if (words[at + offsetWord] === offsetLow(entry) && words[at + partitionWord] === partitionAndHigh(entry))
      return "same_record"
    return words[at + contentWord] === entry.content >>> 0 ? "duplicate" : "conflict"
  }

  /** Holds the entry from now on, in place of what was known of its id. */
  insert(entry: Entry, oldestSeconds: number): void {
    const shard = this.shardOf(entry)
    if (shard.used + 1 > shard.slots * fullest) this.makeRoom(shard, oldestSeconds)
    let at = find(shard.words, shard.slots, entry)
    if (!isAt(shard.words, at, entry)) {
      if (!openSlot(shard.words, at)) {
        rebuild(shard, shard.slots, 1)
        at = find(shard.words, shard.slots, entry)
        openSlot(shard.words, at)
      }
      shard.used++
    }
    write(shard.words, at, entry)
  }

  private shardOf(entry: Entry): Shard {
    return this.shards[entry.hash0 & (this.shardCount - 1)]!
  }

  // Entries past their age go first; only then the shard grows, and beyond the limit its oldest tenth goes.
  private makeRoom(shard: Shard, oldestSeconds: number): void {
    const aged = this.drop(shard, oldestSeconds)
    this.evicted.age += aged
    if (shard.used < shard.slots * fullest * 0.9) return
    const shardMax = Math.max(shardSlotsMin / 2, Math.ceil(this.entriesMax / this.shardCount))
    if (shard.used >= shardMax) this.evicted.size += this.drop(shard, oldestTenth(shard))
    else rebuild(shard, Math.min(Math.ceil(shard.slots * growth), Math.ceil((shardMax + 1) / fullest) + 1), 1)
  }

  private drop(shard: Shard, oldestSeconds: number): number {
    const before = shard.used
    if (anyOlder(shard, oldestSeconds)) rebuild(shard, shard.slots, oldestSeconds)
    return before - shard.used
  }
}

const spareSlots = (slots: number): number => 8 + (slots >> 7)

const emptyShard = (slots: number): Shard => ({
  words: new Uint32Array((slots + spareSlots(slots)) * entryWords),
  slots,
  used: 0
})

const two32 = 2 ** 32
const homeOf = (hash1: number, slots: number): number => Math.floor((hash1 / two32) * slots)

/** Where the entry stands, or has to stand: the first place from its home on that is free or holds a greater hash. */
const find = (words: Uint32Array, slots: number, entry: Entry): number => {
  const hash1 = entry.hash1 >>> 0
  let at = homeOf(hash1, slots) * entryWords
  while (words[at + timeWord]! !== 0 && words[at + 1]! < hash1) at += entryWords
  while (words[at + timeWord]! !== 0 && words[at + 1] === hash1 && !isAt(words, at, entry)) at += entryWords
  return at
}

const isAt = (words: Uint32Array, at: number, entry: Entry): boolean =>
  words[at] === entry.hash0 >>> 0 &&
  words[at + 1] === entry.hash1 >>> 0 &&
  words[at + 2] === entry.hash2 >>> 0 &&
  words[at + timeWord] !== 0

/** Makes the slot free by moving what stands there and behind it up to the next free slot; false if there is none. */
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
  words[at + offsetWord] = offsetLow(entry)
  words[at + partitionWord] = partitionAndHigh(entry)
  words[at + contentWord] = entry.content
}

const offsetLow = (entry: Entry): number => entry.offset % two32
const partitionAndHigh = (entry: Entry): number =>
  ((entry.partition << 16) | (Math.floor(entry.offset / two32) & 0xffff)) >>> 0

const anyOlder = ({ words }: Shard, oldestSeconds: number): boolean => {
  for (let at = 0; at < words.length; at += entryWords) {
    const time = words[at + timeWord]!
    if (time !== 0 && time < oldestSeconds) return true
  }
  return false
}

/** Copies what is not older into a shard of so many slots; the order stays, so that both are walked through once. */
const rebuild = (shard: Shard, slots: number, oldestSeconds: number): void => {
  const { words } = shard
  const oldest = Math.max(1, oldestSeconds)
  const next = new Uint32Array((endAfter(words, slots, oldest) + spareSlots(slots)) * entryWords)
  let target = 0
  let used = 0
  for (let at = 0; at < words.length; at += entryWords) {
    if (words[at + timeWord]! < oldest) continue
    target = Math.max(target, homeOf(words[at + 1]!, slots) * entryWords)
    for (let word = 0; word < entryWords; word++) next[target + word] = words[at + word]!
    target += entryWords
    used++
  }
  shard.words = next
  shard.slots = slots
  shard.used = used
}

/** The slot after the last one that a rebuilt shard takes, at least its slots. */
const endAfter = (words: Uint32Array, slots: number, oldest: number): number => {
  let end = 0
  for (let at = 0; at < words.length; at += entryWords) {
    if (words[at + timeWord]! >= oldest) end = Math.max(end, homeOf(words[at + 1]!, slots)) + 1
  }
  return Math.max(end, slots)
}

/** The time below which a tenth of the shard's entries lie, at least one of them. */
const oldestTenth = ({ words, used }: Shard): number => {
  const times = new Uint32Array(used)
  let count = 0
  for (let at = 0; at < words.length; at += entryWords) {
    const time = words[at + timeWord]!
    if (time !== 0) times[count++] = time
  }
  times.sort()
  return times[Math.floor(used / 10)]! + 1
}
