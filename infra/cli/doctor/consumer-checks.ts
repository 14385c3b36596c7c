/** The consumer groups: whether they run, how far they are behind, and whether what they read next still exists. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type { EventLog } from "../../../shared/config/settings.ts"
import type { Connection } from "../../../shared/connections/connection.ts"
import { KafkaClient, type PartitionOffsets } from "../../../shared/kafka/client.ts"
import { releasing } from "../../../shared/kafka/read-topic.ts"
import { topicNames } from "../../../shared/model/topics.ts"
import { nextOf, storedPositions } from "../../../shared/runtime/positions.ts"
import { count, formatAge } from "../output.ts"
import { type Check, type Found, failed, notChecked, ok, warning } from "./check.ts"

/** A group that is behind by more is named. */
const behindMillis = 300_000
/** Offsets that are read to find the time of the next record: transactions' markers have none. */
const lookAhead = 50

/** Where a reader goes on in a partition; null where it has not begun. */
interface Position extends PartitionOffsets {
  readonly next: number | null
}

export interface ConsumerOptions {
  readonly prefix: string
  readonly eventLog: EventLog
  readonly connections: ReadonlyArray<Connection>
}

export const consumerChecks = ({
  prefix,
  eventLog,
  connections
}: ConsumerOptions): ReadonlyArray<Check<KafkaClient>> => {
  const stages = [
    ...(eventLog === topicNames.raw ? [] : [["sealer", topicNames.raw] as const]),
    ["normalizer", eventLog] as const,
    ["mapper", topicNames.normalized] as const,
    ["health", topicNames.results] as const
  ]
  return [
    ...stages.map(
      ([name, topic]): Check<KafkaClient> => ({
        group: "consumers",
        name,
        run: stagePositions(prefix, name, topic).pipe(
          Effect.flatMap((positions) => findingOf(prefix, name, prefix + topic, positions))
        )
      })
    ),
    ...connections.map((connection): Check<KafkaClient> => {
      const topic = topicNames.mapped(connection.platform)
      return {
        group: "consumers",
        name: connection.id,
        run: deliveryPositions(prefix, connection, topic).pipe(
          Effect.flatMap((positions) => findingOf(prefix, `delivery-${connection.platform}`, prefix + topic, positions))
        )
      }
    })
  ]
}

const stagePositions = (prefix: string, name: string, topic: string) =>
  Effect.gen(function* () {
    const kafka = yield* KafkaClient
    const committed = yield* kafka.committedOfGroups([prefix + name], [prefix + topic])
    const next = new Map(committed.map(({ partition, offset }) => [partition, offset]))
    return withNext(yield* kafka.topicOffsets(prefix + topic), next)
  })

const deliveryPositions = (prefix: string, { id, platform }: Connection, topic: string) =>
  Effect.gen(function* () {
    const kafka = yield* KafkaClient
    const name = `delivery-${platform}.${id}`
    const next = (yield* nextOf(yield* storedPositions(prefix), prefix, [name], topic)).get(name)
    return withNext(yield* kafka.topicOffsets(prefix + topic), next ?? new Map())
  })

const withNext = (
  logs: ReadonlyArray<PartitionOffsets>,
  next: ReadonlyMap<number, number | null>
): ReadonlyArray<Position> => logs.map((log) => ({ ...log, next: next.get(log.partition) ?? null }))

const findingOf = (prefix: string, group: string, topic: string, positions: ReadonlyArray<Position>) =>
  Effect.gen(function* () {
    const kafka = yield* KafkaClient
    const members = (yield* kafka.groups).find(({ groupId }) => groupId === prefix + group)?.members ?? 0
    const oldest = yield* oldestWaiting(topic, positions)
    const waitedMillis = oldest === null ? null : (yield* Clock.currentTimeMillis) - oldest
    return consumerFindings({ group: prefix + group, topic, members, positions, waitedMillis })
  })

/** The time of the oldest record that waits, as far as a look at the next records shows it. */
const oldestWaiting = (topic: string, positions: ReadonlyArray<Position>) =>
  Effect.gen(function* () {
    const kafka = yield* KafkaClient
    const ranges = positions.flatMap(({ partition, low, high, next }) => {
      const from = Math.max(low, next ?? low)
      return from < high ? [{ partition, from, to: Math.min(high, from + lookAhead) }] : []
    })
    let oldest: number | null = null
    yield* kafka.read({
      topic,
      ranges,
      onRecords: releasing((records) => {
        for (const { timestamp } of records) oldest = Math.min(oldest ?? timestamp, timestamp)
      })
    })
    return oldest as number | null
  })

interface Consumer {
  readonly group: string
  readonly topic: string
  readonly members: number
  readonly positions: ReadonlyArray<Position>
  readonly waitedMillis: number | null
}

/** Pure. */
export const consumerFindings = ({
  group,
  topic,
  members,
  positions,
  waitedMillis
}: Consumer): ReadonlyArray<Found> => {
  const begun = positions.filter(({ next }) => next !== null)
  const lost = begun.filter(({ next, low }) => next! < low)
  const beyond = begun.filter(({ next, high }) => next! > high)
  const problems: Array<Found> = []
  if (lost.length > 0) {
    const records = lost.reduce((sum, { next, low }) => sum + low - next!, 0)
    problems.push(
      failed(
        `${group}: ${count(records, "record")} of ${topic} were deleted before they were read (partitions ${lost.map(({ partition }) => partition).join(", ")}).`,
        "Raise the topic's retention.ms; ./capi replay --stage normalizer makes lost events again while raw-events has them."
      )
    )
  }
  if (beyond.length > 0)
    problems.push(
      failed(
        `${group}: its offsets lie beyond the end of ${topic} (partitions ${beyond.map(({ partition }) => partition).join(", ")}): the topic was made again or truncated.`,
        "Set where it goes on: ./capi replay --help."
      )
    )
  const waiting = positions.reduce(
    (sum, { next, low, high }) => sum + high - Math.min(high, Math.max(low, next ?? low)),
    0
  )
  if (problems.length > 0) return problems
  const waits =
    waitedMillis === null
      ? "nothing waits"
      : `${count(waiting, "record")} wait, the oldest for ${formatAge(waitedMillis)}`
  if (members === 0) {
    if (waitedMillis === null)
      return [
        begun.length === 0
          ? notChecked(`${group} has not run yet, and ${waits}.`)
          : notChecked(`${group} is stopped, and ${waits}.`)
      ]
    return [warning(`${group} does not run; ${waits}.`, "Start its program: ./capi run, or look at its log.")]
  }
  return waitedMillis !== null && waitedMillis > behindMillis
    ? [
        warning(
          `${group} runs with ${count(members, "member")}; ${waits}.`,
          "./capi health names the cause; more instances help up to one for each partition."
        )
      ]
    : [ok(`${group} runs with ${count(members, "member")}; ${waits}.`)]
}
