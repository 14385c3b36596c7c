/**
 * A hash table of event ids in typed arrays: 28 bytes an entry, between 72 and 90 % full, so at most 39 bytes for each id
 * held. It is cut into shards that grow by a quarter on their own, so that growing never stops the process for long.
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
    if (words[at + timeWord]! < oldestSeconds) return "absent"
    if (words[at + offsetWord] === offsetLow(entry) && words[at + partitionWord] === partitionAndHigh(entry))
      return "same_record"
    return words[at + contentWord] === entry.content >>> 0 ? "duplicate" : "conflict"
  }

  /** Holds the entry from now on, in place of what was known of its id. */
  insert(entry: Entry, oldestSeconds: number): void {
    const shard = this.shardOf(entry)
    if (shard.used + 1 > shard.slots * fullest) this.makeRoom(shard, oldestSeconds)
    const at = find(shard.words, shard.slots, entry)
    if (shard.words[at + timeWord] === 0) shard.used++
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

const emptyShard = (slots: number): Shard => ({ words: new Uint32Array(slots * entryWords), slots, used: 0 })

// Linear probing; a slot whose time is 0 is free. The shard is never full, so the loop ends.
const find = (words: Uint32Array, slots: number, entry: Entry): number => {
  let slot = (entry.hash1 >>> 0) % slots
  for (;;) {
    const at = slot * entryWords
    if (words[at + timeWord] === 0) return at
    if (words[at] === entry.hash0 >>> 0 && words[at + 1] === entry.hash1 >>> 0 && words[at + 2] === entry.hash2 >>> 0)
      return at
    slot = slot + 1 === slots ? 0 : slot + 1
  }
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

const two32 = 2 ** 32
const offsetLow = (entry: Entry): number => entry.offset % two32
const partitionAndHigh = (entry: Entry): number =>
  ((entry.partition << 16) | (Math.floor(entry.offset / two32) & 0xffff)) >>> 0

const anyOlder = ({ words, slots }: Shard, oldestSeconds: number): boolean => {
  for (let slot = 0; slot < slots; slot++) {
    const time = words[slot * entryWords + timeWord]!
    if (time !== 0 && time < oldestSeconds) return true
  }
  return false
}

const rebuild = (shard: Shard, slots: number, oldestSeconds: number): void => {
  const { words, slots: oldSlots } = shard
  const next = new Uint32Array(slots * entryWords)
  let used = 0
  for (let slot = 0; slot < oldSlots; slot++) {
    const from = slot * entryWords
    if (words[from + timeWord]! < Math.max(1, oldestSeconds)) continue
    let target = words[from + 1]! % slots
    while (next[target * entryWords + timeWord] !== 0) target = target + 1 === slots ? 0 : target + 1
    for (let word = 0; word < entryWords; word++) next[target * entryWords + word] = words[from + word]!
    used++
  }
  shard.words = next
  shard.slots = slots
  shard.used = used
}

/** The time below which a tenth of the shard's entries lie, at least one of them. */
const oldestTenth = ({ words, slots, used }: Shard): number => {
  const times = new Uint32Array(used)
  let count = 0
  for (let slot = 0; slot < slots; slot++) {
    const time = words[slot * entryWords + timeWord]!
    if (time !== 0) times[count++] = time
  }
  times.sort()
  return times[Math.floor(used / 10)]! + 1
}
