/** How far each stage and each connection is behind the end of what it reads. */
import * as Effect from "effect/Effect"
import type { EventLog } from "../config/settings.ts"
import { KafkaClient } from "../kafka/client.ts"
import type { Platform } from "../model/platform.ts"
import { topicNames } from "../model/topics.ts"
import { nextOf, type StoredPositions } from "./positions.ts"

/** A stage with one consumer group. Offsets count control records too. */
export interface StageLag {
  readonly name: string
  /** Without prefix. */
  readonly topic: string
  /** The sum of the ends of the topic's partitions. */
  readonly end: number
  /** Records behind the end. */
  readonly lag: number
  /** By partition: the next offset that the group reads, where it has committed any. */
  readonly next: ReadonlyMap<number, number>
}

export interface StageLags {
  /** Those before and behind the deliveries. */
  readonly stages: ReadonlyArray<StageLag>
  /** By platform: the sum of the ends of its topics, mapped events and delayed retries. */
  readonly ends: ReadonlyMap<string, number>
  /** By connection: records of its platform that it has not come to, those of other connections included. */
  readonly connections: ReadonlyMap<string, number>
  /** Where each connection goes on, by partition; those that never read are left out. */
  readonly positions: ReadonlyArray<{
    readonly connectionId: string
    readonly platform: Platform
    /** Without prefix. */
    readonly topic: string
    readonly next: ReadonlyMap<number, number>
  }>
}

/** `prefix` is that of topics and groups; `stored` are the positions of now, see `followPositions`. */
export const stageLags = Effect.fnUntraced(function* (
  prefix: string,
  eventLog: EventLog,
  connections: ReadonlyArray<{ readonly id: string; readonly platform: Platform }>,
  stored: StoredPositions
) {
  const kafka = yield* KafkaClient
  const stages = [
    ...(eventLog === topicNames.raw ? [] : [yield* stageLag("sealer", prefix, topicNames.raw)]),
    yield* stageLag("normalizer", prefix, eventLog),
    yield* stageLag("mapper", prefix, topicNames.normalized),
    yield* stageLag("health", prefix, topicNames.results)
  ]
  const ends = new Map<string, number>()
  const lags = new Map<string, number>()
  const positions: Array<StageLags["positions"][number]> = []
  for (const platform of new Set(connections.map((one) => one.platform))) {
    const own = connections.filter((one) => one.platform === platform)
    const names = own.map(({ id }) => `delivery-${platform}.${id}`)
    for (const name of [topicNames.mapped(platform), topicNames.retry(platform)]) {
      const next = yield* nextOf(stored, prefix, names, name)
      const logs = yield* kafka.topicOffsets(prefix + name)
      ends.set(
        platform,
        logs.reduce((sum, { high }) => sum + high, ends.get(platform) ?? 0)
      )
      for (const [index, { id }] of own.entries()) {
        positions.push({ connectionId: id, platform, topic: name, next: next.get(names[index]!) ?? new Map() })
        for (const { partition, low, high } of logs)
          lags.set(id, (lags.get(id) ?? 0) + high - Math.max(low, next.get(names[index]!)?.get(partition) ?? low))
      }
    }
  }
  return { stages, ends, connections: lags, positions } satisfies StageLags
})

const stageLag = Effect.fnUntraced(function* (name: string, prefix: string, topic: string) {
  const kafka = yield* KafkaClient
  const logs = yield* kafka.topicOffsets(prefix + topic)
  const next = new Map<number, number>()
  for (const { partition, offset } of yield* kafka.committedOfGroups([prefix + name], [prefix + topic]))
    if (offset !== null) next.set(partition, offset)
  const end = logs.reduce((sum, { high }) => sum + high, 0)
  const lag = logs.reduce((sum, { partition, low, high }) => sum + high - Math.max(low, next.get(partition) ?? low), 0)
  return { name, topic, end, lag, next } satisfies StageLag
})
