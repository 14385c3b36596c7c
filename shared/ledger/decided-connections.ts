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
  private readonly newest = new Map<string, number>()
  /** Of the last changes, each once: a change is written for each partition, and a fleet changes every day. */
  private recent: ReadonlyArray<ReadonlySet<string>> = []
  private readonly texts = new Map<string, string>()

  /** The records in the order of their topic. */
  add({ partition, offset, timestamp, connections }: MapperConnections): void {
    const ids = this.idsOf(connections)
    for (const { id, platform } of connections) {
      this.platforms.set(id, platform)
      this.newest.set(id, Number.POSITIVE_INFINITY)
    }
    const before = this.changes.get(partition)
    for (const id of before?.at(-1)?.ids ?? []) if (!ids.has(id)) this.newest.set(id, timestamp)
    if (before === undefined) this.changes.set(partition, [{ offset, timestamp, ids }])
    else before.push({ offset, timestamp, ids })
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

  /** When the mapper last stopped deciding for the connection, in milliseconds; infinite while it does or is not known. */
  endOf(id: string): number {
    return this.newest.get(id) ?? Number.POSITIVE_INFINITY
  }

  /**
   * Those that decide on the normalized event at this place; null where nothing is known. What passed before the first record
   * counts as decided by the connections of that.
   */
  at({ partition, offset }: { readonly partition: number; readonly offset: number }): ReadonlySet<string> | null {
    const changes = this.changes.get(partition)
    if (changes === undefined) return null
    return (changes.findLast((change) => change.offset <= offset) ?? changes[0])?.ids ?? null
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
