/**
 * The mapper's memory of the event ids at home in one partition of normalized-events. An id that comes again from another raw record is
 * a repeat and goes only to the connections that refused the event before; one that comes again from the same raw record is
 * a replay and goes on (docs/decisions/0005-duplicates-are-recognized-by-position.md).
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Metric from "effect/Metric"
import type * as Scope from "effect/Scope"
import type { NormalizedEvent } from "../../../schemas/types.gen.ts"
import {
  checksum,
  Deduplicator,
  type DeduplicatorOptions,
  type DeduplicatorStatistics,
  entryBytes,
  entryOf,
  packEntries
} from "../../../shared/dedup/deduplicator.ts"
import { type Entry, isAtPlace } from "../../../shared/dedup/id-table.ts"
import { type AtConnection, type RefusalState, refusalEntry, refusalStateOf } from "../../../shared/dedup/refusals.ts"
import { partitionOfHash } from "../../../shared/kafka/wire/hashes.ts"
import { topicNames } from "../../../shared/model/topics.ts"
import type { AssignedPartition, Inbound, Outbound } from "../../../shared/runtime/contract.ts"
import { partitionsHeader } from "../../../shared/runtime/restore-state.ts"

/** The changelog of the ids: the mapper alone writes it, and restores from it. */
export const duplicatesTopic = topicNames.mapperDedup

/** Four partitions in one process hold ten million ids. */
export const duplicateDefaults: DeduplicatorOptions = { window: Duration.hours(24), idsMax: 2_500_000 }

/** The reason of a repeat's results; in a conflict its content is not that of the first occurrence. */
export type Repeat = "duplicate" | "duplicate_conflict"

/** Whether the connection's delivery refused the occurrence at that raw position. */
export type IsRefused = (at: AtConnection) => boolean

/** An occurrence of an event, and what was known of its id when it came. */
export interface Observation {
  readonly eventId: string
  readonly entry: Entry
  /** `murmur2` of the event id, which decides its partition. */
  readonly keyHash: number
  /** What was known; null where nothing was. */
  readonly known: Entry | null
  readonly repeat: Repeat | null
  readonly now: number
  /** Connections that took this occurrence, and those that refused it. */
  readonly taken: Array<string>
  readonly refused: Array<string>
}

export class DuplicateFilter {
  private readonly ids: Deduplicator
  private readonly partition: number
  private readonly partitions: number
  private fresh: Array<{ readonly entry: Entry; readonly keyHash: number }> = []

  constructor(options: DeduplicatorOptions, { partition, partitions = 1 }: AssignedPartition) {
    this.ids = new Deduplicator(options)
    this.partition = partition
    this.partitions = partitions
  }

  /** The partition where an event is decided on: another one where it was written before partitions were added. */
  homeOf(keyHash: number): number {
    return this.partitions === 1 ? this.partition : partitionOfHash(keyHash, this.partitions)
  }

  /** The next event, encoded as `value`. Its id is remembered by `settle`, if some connection took it. */
  observe(event: NormalizedEvent, value: Buffer, keyHash: number, now: number): Observation {
    const { partition, offset, timestamp } = event.source
    const eventId = event.event_id
    const entry = entryOf({ eventId, partition, offset, timestamp, content: contentOf(value) }, now)
    const found = this.ids.lookup(entry)
    const repeat = found === "duplicate" ? "duplicate" : found === "conflict" ? "duplicate_conflict" : null
    const known = found === "absent" ? null : this.ids.find(entry)
    return { eventId, entry, keyHash, known, repeat, now, taken: [], refused: [] }
  }

  /**
   * Whether the event goes to the connection: always if it is no repeat; else if the connection refused, in the mapper or at
   * its platform, the occurrence that it was given last. A replay of a repaired occurrence goes where that went.
   */
  goesTo(observation: Observation, connectionId: string, isRefused: IsRefused): boolean {
    if (observation.repeat === null) return true
    const mark = this.ids.find(this.markOf(observation, connectionId, "taken"))
    if (mark !== null && (refusalStateOf(mark) === "refused" || isAtPlace(mark, observation.entry))) return true
    const source = mark ?? observation.known ?? observation.entry
    return isRefused({ eventId: observation.eventId, connectionId, source })
  }

  /**
   * Remembers what the connections did with the event. What none took is not remembered: sent again with what was missing,
   * it is no repeat. `others` are the connections that a redriven event was not meant for: they have not taken it.
   */
  claim(observation: Observation, others: ReadonlyArray<string> = []): void {
    const { entry, keyHash, known, taken, refused, repeat } = observation
    if (taken.length === 0) return
    if (known === null) {
      this.remember(entry, keyHash)
      for (const id of refused) this.remember(this.markOf(observation, id, "refused"), keyHash)
      for (const id of others) this.remember(this.markOf(observation, id, "refused"), keyHash)
      return
    }
    for (const id of taken) {
      const mark = this.markOf(observation, id, "taken")
      const before = this.ids.find(mark)
      const isChange =
        before === null ? repeat !== null : refusalStateOf(before) === "refused" || !isAtPlace(before, mark)
      if (isChange) this.remember(mark, keyHash)
    }
  }

  /** What was remembered since the last call, as a record of the changelog; none if nothing was. */
  drain(): ReadonlyArray<Outbound> {
    if (this.fresh.length === 0) return []
    const hashes = Buffer.allocUnsafe(this.fresh.length * hashBytes)
    this.fresh.forEach(({ keyHash }, index) => void hashes.writeInt32LE(keyHash, index * hashBytes))
    const value = Buffer.concat([packEntries(this.fresh.map(({ entry }) => entry)), hashes])
    this.fresh = []
    const headers = { [partitionsHeader]: String(this.partitions) }
    return [{ topic: duplicatesTopic, key: null, value, partition: this.partition, headers }]
  }

  /** Takes over from a record of the changelog what is at home here. */
  restore({ partition, value, headers }: Pick<Inbound, "partition" | "value" | "headers">, now: number): void {
    if (value === null) return
    const writtenFor = headers[partitionsHeader]
    // Older records hold no hashes of the keys: they count where they are.
    if (writtenFor === undefined) {
      if (partition === this.partition) this.ids.restore(value, now)
      return
    }
    const count = Math.floor(value.length / (entryBytes + hashBytes))
    const entries = value.subarray(0, count * entryBytes)
    if (partition === this.partition && writtenFor === String(this.partitions)) {
      this.ids.restore(entries, now)
      return
    }
    for (let index = 0; index < count; index++) {
      const home = partitionOfHash(value.readInt32LE(count * entryBytes + index * hashBytes), this.partitions)
      if (home !== this.partition) continue
      this.ids.restore(entries.subarray(index * entryBytes, (index + 1) * entryBytes), now)
    }
  }

  get statistics(): DeduplicatorStatistics {
    return this.ids.statistics
  }

  private markOf({ eventId, entry, now }: Observation, connectionId: string, state: RefusalState): Entry {
    return refusalEntry({ eventId, connectionId, source: entry }, state, now)
  }

  private remember(entry: Entry, keyHash: number): void {
    this.ids.remember(entry)
    this.fresh.push({ entry, keyHash })
  }
}

/** Of the hash of an id's key, which stand behind the entries of a record of the changelog. */
const hashBytes = 4

/**
 * The checksum of an encoded NormalizedEvent without the header of Confluent's format and without the field `source`, which
 * differs between two raw records whatever they say. Equal events written by the same schema give the same. Never fails:
 * bytes that are no NormalizedEvent give some number.
 */
export const contentOf = (value: Buffer): number => {
  const start = headerBytes
  const name = skipText(value, skipText(value, start))
  const sourceAt = skipLong(value, name)
  const topicEnd = skipText(value, sourceAt)
  const sourceEnd = skipLong(value, skipLong(value, skipLong(value, topicEnd)))
  return checksum(value.subarray(start, sourceAt), value.subarray(sourceEnd))
}

/** A zero byte and the four bytes of the schema's id. */
const headerBytes = 5

/** Avro's long: seven bits a byte, the eighth says that more follow. */
const skipLong = (value: Buffer, at: number): number => {
  let next = at
  while (next < value.length && value[next]! >= 0x80) next++
  return next + 1
}

/** Avro's text: its length in bytes as a zigzag long, then the bytes. */
const skipText = (value: Buffer, at: number): number => {
  let length = 0
  let factor = 1
  let next = at
  for (let byte = 0x80; next < value.length && byte >= 0x80; next++, factor *= 0x80) {
    byte = value[next]!
    length += (byte & 0x7f) * factor
  }
  return next + length / 2
}

/**
 * Reports what changed since it was called last as metrics, and warns of conflicts; the partition's gauges go when the scope
 * closes.
 */
export const duplicateReport = (
  duplicates: DuplicateFilter,
  partition: number
): Effect.Effect<Effect.Effect<void>, never, Scope.Scope> =>
  Effect.gen(function* () {
    const at = { partition: String(partition) }
    const gauges = [ids, bytes].map((gauge) => Metric.withAttributes(gauge, at))
    yield* Effect.addFinalizer(() => Effect.forEach(gauges, Metric.remove, { discard: true }))
    let before: DeduplicatorStatistics | null = null
    return Effect.gen(function* () {
      const now = duplicates.statistics
      const since = before ?? { ...now, ...nothingCounted }
      before = now
      yield* Metric.update(Metric.withAttributes(ids, at), now.ids)
      yield* Metric.update(Metric.withAttributes(bytes, at), now.bytes)
      yield* Metric.update(repeats, now.duplicates - since.duplicates)
      yield* Metric.update(conflicts, now.conflicts - since.conflicts)
      yield* Metric.update(Metric.withAttributes(evictions, { cause: "age" }), now.evictedByAge - since.evictedByAge)
      yield* Metric.update(Metric.withAttributes(evictions, { cause: "size" }), now.evictedBySize - since.evictedBySize)
      if (now.conflicts > since.conflicts)
        yield* Effect.logWarning(
          "Event ids came again with other content; only their first occurrence was taken."
        ).pipe(Effect.annotateLogs({ conflicts: now.conflicts - since.conflicts, partition }))
    })
  })

const nothingCounted = { duplicates: 0, conflicts: 0 }

const counter = (name: string, description: string) => Metric.counter(name, { description, incremental: true })

const ids = Metric.gauge("capi_dedup_ids", { description: "Event ids remembered." })
const bytes = Metric.gauge("capi_dedup_bytes", { description: "Memory that the remembered ids take." })
const repeats = counter("capi_dedup_duplicates_total", "Events whose id was known from another raw record.")
const conflicts = counter("capi_dedup_conflicts_total", "Duplicates whose content was not that of the first.")
const evictions = counter("capi_dedup_evictions_total", "Ids forgotten: past the window, or to stay within the limit.")
