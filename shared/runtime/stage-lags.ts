/** How far each stage and each connection is behind the end of what it reads. */
import * as Effect from "effect/Effect"
import type { EventLog } from "../config/settings.ts"
import { KafkaClient, type PartitionOffsets } from "../kafka/client.ts"
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
  const platforms = [...new Set(connections.map((one) => one.platform))]
  const sources: ReadonlyArray<readonly [stage: string, topic: string]> = [
    ...(eventLog === topicNames.raw ? [] : [["sealer", topicNames.raw] as const]),
    ["normalizer", eventLog],
    ["mapper", topicNames.normalized],
    ["health", topicNames.results]
  ]
  const topicsOf = (platform: Platform) => [topicNames.mapped(platform), topicNames.retry(platform)]
  const logs = yield* topicLogs(prefix, [...sources.map(([, topic]) => topic), ...platforms.flatMap(topicsOf)])
  const stages = yield* Effect.forEach(sources, ([stage, topic]) => stageLag(stage, prefix, topic, logs.get(topic)!), {
    concurrency: "unbounded"
  })
  const ends = new Map<string, number>()
  const lags = new Map<string, number>()
  const positions: Array<StageLags["positions"][number]> = []
  for (const platform of platforms) {
    const own = connections.filter((one) => one.platform === platform)
    const names = own.map(({ id }) => `delivery-${platform}.${id}`)
    for (const name of topicsOf(platform)) {
      const log = logs.get(name)!
      const next = yield* nextOf(stored, prefix, names, name)
      ends.set(
        platform,
        log.reduce((sum, { high }) => sum + high, ends.get(platform) ?? 0)
      )
      for (const [index, { id }] of own.entries()) {
        positions.push({ connectionId: id, platform, topic: name, next: next.get(names[index]!) ?? new Map() })
        for (const { partition, low, high } of log)
          lags.set(id, (lags.get(id) ?? 0) + high - Math.max(low, next.get(names[index]!)?.get(partition) ?? low))
      }
    }
  }
  return { stages, ends, connections: lags, positions } satisfies StageLags
})

type TopicLog = ReadonlyArray<PartitionOffsets>

/** By topic, both without prefix; asked for together. */
const topicLogs = Effect.fnUntraced(function* (prefix: string, topics: ReadonlyArray<string>) {
  const kafka = yield* KafkaClient
  const logs = yield* Effect.forEach(topics, (topic) => kafka.topicOffsets(prefix + topic), {
    concurrency: "unbounded"
  })
  return new Map(topics.map((topic, index) => [topic, logs[index]!]))
})

const stageLag = Effect.fnUntraced(function* (name: string, prefix: string, topic: string, log: TopicLog) {
  const kafka = yield* KafkaClient
  const next = new Map<number, number>()
  for (const { partition, offset } of yield* kafka.committedOfGroups([prefix + name], [prefix + topic]))
    if (offset !== null) next.set(partition, offset)
  const end = log.reduce((sum, { high }) => sum + high, 0)
  const lag = log.reduce((sum, { partition, low, high }) => sum + high - Math.max(low, next.get(partition) ?? low), 0)
  return { name, topic, end, lag, next } satisfies StageLag
})
