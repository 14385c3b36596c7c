/**
 * Which connections had to decide on an event: the mapper writes to `mapper-connections` from which offset of a partition of
 * normalized-events on it decides for which connections. So a connection that was added, or was disabled for a while, owes
 * nothing for events that passed the mapper without it, and one that was removed is known by what it had.
 */

import * as Effect from "effect/Effect"
import type { MapperConnections } from "../../schemas/types.gen.ts"
import { Codecs } from "../codec/codecs.ts"
import { KafkaClient } from "../kafka/client.ts"
import { topicNames } from "../model/topics.ts"
import type { Place } from "./event-state.ts"

/** A topic of one partition, compacted: its records keep the order in which the mapper's partitions were opened. */
export const decidedConnectionsTopic = topicNames.mapperConnections

interface Change {
  readonly offset: number
  readonly timestamp: number
  readonly ids: ReadonlySet<string>
}

export class DecidedConnections {
  private readonly changes = new Map<number, Array<Change>>()
  private readonly platforms = new Map<string, string>()
  /** By id, the platforms that connections of that id had before, each with its end. */
  private readonly earlier = new Map<string, Map<string, number>>()
  private readonly newest = new Map<string, number>()
  /** Of the last changes, each once: a change is written for each partition, and a fleet changes every day. */
  private recent: ReadonlyArray<ReadonlySet<string>> = []
  private readonly texts = new Map<string, string>()

  /** The records in the order of their topic. */
  add({ partition, offset, timestamp, connections }: MapperConnections): void {
    const ids = this.idsOf(connections)
    for (const { id, platform } of connections) {
      const before = this.platforms.get(id)
      if (before !== undefined && before !== platform) this.changePlatform(id, before, platform, timestamp)
      this.platforms.set(id, platform)
      this.newest.set(id, Number.POSITIVE_INFINITY)
    }
    const before = this.changes.get(partition)
    for (const id of before?.at(-1)?.ids ?? []) if (!ids.has(id)) this.newest.set(id, timestamp)
    if (before === undefined) this.changes.set(partition, [{ offset, timestamp, ids }])
    else before.push({ offset, timestamp, ids })
  }

  private changePlatform(id: string, before: string, platform: string, timestamp: number): void {
    const ends = this.earlier.get(id) ?? new Map<string, number>()
    ends.set(before, Math.min(timestamp, this.endOf(id)))
    ends.delete(platform)
    this.earlier.set(id, ends)
  }

  private idsOf(connections: MapperConnections["connections"]): ReadonlySet<string> {
    const same = this.recent.find(
      (ids) => ids.size === connections.length && connections.every(({ id }) => ids.has(id))
    )
    if (same !== undefined) return same
    const ids = new Set(connections.map(({ id }) => this.textOf(id)))
    this.recent = [ids, ...this.recent].slice(0, recentMax)
    return ids
  }

  /** Each id is decoded again in each record. */
  private textOf(id: string): string {
    const known = this.texts.get(id)
    if (known === undefined) this.texts.set(id, id)
    return known ?? id
  }

  /** Every connection that ever decided, with its platform. */
  get known(): ReadonlyMap<string, string> {
    return this.platforms
  }

  /** Platforms that connections of this id had before the one that `known` says. */
  earlierPlatformsOf(id: string): Iterable<string> {
    return this.earlier.get(id)?.keys() ?? []
  }

  /** Those that every partition decides for by its last record, with their platforms; null where nothing is known. */
  get current(): ReadonlyMap<string, string> | null {
    const [first, ...others] = [...this.changes.values()].flatMap((changes) => changes.at(-1)?.ids ?? [])
    if (first === undefined) return null
    const ids = [...first].filter((id) => others.every((other) => other.has(id)))
    return new Map(ids.map((id) => [id, this.platforms.get(id) ?? ""]))
  }

  /**
   * When the mapper last stopped deciding for the connection of this platform (by default the last that it had), in milliseconds;
   * infinite while it does or is not known.
   */
  endOf(id: string, platform = this.platforms.get(id)): number {
    const end = platform === this.platforms.get(id) ? this.newest.get(id) : this.earlier.get(id)?.get(platform ?? "")
    return end ?? Number.POSITIVE_INFINITY
  }

  /**
   * Those that decide on the normalized event at this place; null where nothing is known. What passed before the first record
   * counts as decided by the connections of that.
   */
  at({ partition, offset }: Place): ReadonlySet<string> | null {
    const changes = this.changes.get(partition)
    if (changes === undefined) return null
    return (changes.findLast((change) => change.offset <= offset) ?? changes[0])?.ids ?? null
  }

  /** Whether what was written already says that these decide on all from this place on. */
  isSaid({ partition, offset }: Place, connections: MapperConnections["connections"]): boolean {
    const last = this.changes.get(partition)?.at(-1)
    // What a replay decides again, from before the last change on, is decided by these too.
    if (last === undefined || last.offset > offset || last.ids.size !== connections.length) return false
    return connections.every(({ id, platform }) => last.ids.has(id) && this.platforms.get(id) === platform)
  }

  /**
   * Offsets of the partition's records that say nothing of an event which the mapper came to after `since` (milliseconds since the
   * epoch): another record has taken their place before.
   */
  outdated(partition: number, since: number): ReadonlyArray<number> {
    const changes = this.changes.get(partition) ?? []
    const first = changes.findIndex((_, index) => (changes[index + 1]?.timestamp ?? Number.POSITIVE_INFINITY) >= since)
    const kept = new Set(changes.slice(Math.max(0, first)).map(({ offset }) => offset))
    const offsets = new Set(changes.slice(0, Math.max(0, first)).map(({ offset }) => offset))
    return [...offsets].filter((offset) => !kept.has(offset))
  }

  /**
   * Those that surely decided on an event of that time (milliseconds since the epoch) whose normalized record is gone: in every
   * partition, and for a day on, in which it may have waited. Null where nothing is known.
   */
  around(time: number): ReadonlySet<string> | null {
    let sure: ReadonlySet<string> | null = null
    for (const changes of this.changes.values()) {
      changes.forEach((change, index) => {
        const isFirst = index === 0
        const ends = changes[index + 1]?.timestamp ?? Number.POSITIVE_INFINITY
        if ((!isFirst && change.timestamp > time + dayMillis) || ends < time) return
        const { ids } = change
        if (sure === ids) return
        sure = sure === null ? ids : new Set([...sure].filter((id) => ids.has(id)))
      })
    }
    return sure
  }
}

const dayMillis = 24 * 3_600_000
/** A record whose place another one took so long ago is deleted: no topic of events or results keeps records as long. */
export const decidedKeptMillis = 400 * dayMillis
/** Instances that take another file one after the other write the sets of both. */
const recentMax = 8

/** All that the mapper wrote so far; empty where the topic is not there. `prefix` is that of topics. */
export const readDecidedConnections = Effect.fn("ledger.readDecidedConnections")(function* (prefix: string) {
  const kafka = yield* KafkaClient
  const codecs = yield* Codecs
  const decided = new DecidedConnections()
  const topic = prefix + decidedConnectionsTopic
  if (!(yield* kafka.listTopics).includes(topic)) return decided
  yield* kafka.read({
    topic,
    ranges: (yield* kafka.topicOffsets(topic)).map(({ partition, low, high }) => ({ partition, from: low, to: high })),
    onRecords: (records) =>
      Effect.gen(function* () {
        yield* codecs.loadSchemas(records.map(({ value }) => value))
        for (const { value } of records) {
          const decoded = codecs.decode("mapper-connections", value)
          if (decoded._tag === "Decoded") decided.add(decoded.value)
        }
      })
  })
  return decided
})
