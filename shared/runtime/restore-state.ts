/**
 * Where a partition is read from, and its state as it is before the first batch.
 *
 * State by key, in a topic that may get more partitions: a key's home is the partition that its topic's number of partitions
 * gives it; only the home decides on the key. A record on another partition was written before partitions were added: it is
 * written again to its home, in its step's transaction. Each record of such a changelog names, in a header, for how many
 * partitions it was written, so that restoring finds those of all partitions.
 */
import * as Clock from "effect/Clock"
import * as Data from "effect/Data"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import {
  type FetchedRecord,
  KafkaClient,
  KafkaError,
  type PartitionOffsets,
  type TopicPartition
} from "../kafka/client.ts"
import {
  type Inbound,
  inboundOf,
  type Outbound,
  type PartitionTask,
  type Restore,
  type RuntimeOptionsShape
} from "./contract.ts"
import type { Observe } from "./metrics.ts"

/** Header of a changelog's records: how many partitions the input had for the task that wrote them. */
export const partitionsHeader = "partitions"

/** The record for its home partition: a copy, since the record's buffer is released after its step. */
export const movedRecord = (record: Inbound, key: string, home: number): Outbound => ({
  topic: record.topic,
  partition: home,
  key,
  value: record.value === null ? null : Buffer.from(record.value),
  headers: record.headers
})

export interface RestoreContext {
  /** The input, by the broker's name. */
  readonly at: TopicPartition
  readonly prefix: string
  /** The committed offset of the input. */
  readonly position: number
  /** Of the input. */
  readonly partitions: number
}

export const restoreState = <E, R>(
  restore: Restore<E, R>,
  { at, prefix, position, partitions }: RestoreContext
): Effect.Effect<void, E | KafkaError, R | KafkaClient> =>
  Effect.gen(function* () {
    const { partition } = at
    const client = yield* KafkaClient
    const topic = prefix + restore.topic
    const logs = yield* client.topicOffsets(topic)
    if (restore.byKey === true && logs.length !== partitions)
      return yield* differentPartitions(at.topic, partitions, topic, logs.length)
    const log = logs.find((found) => found.partition === partition)
    if (log === undefined) return yield* missingPartition({ topic, partition })
    const starts = restore.since === "beginning" ? null : yield* offsetsSince(topic, restore.since)
    const startOf = ({ partition, low }: PartitionOffsets) => Math.max(low, starts?.get(partition) ?? 0)
    const apply = (records: ReadonlyArray<FetchedRecord>) =>
      restore.apply(prefix === "" ? records : records.map((record) => inboundOf(record, restore.topic)))
    const to = restore.until === "committed" ? position : log.high
    // The older state first: this partition's records of a key are newer.
    if (restore.byKey === true)
      for (const other of logs) {
        if (other.partition === partition) continue
        const range = { partition: other.partition, from: startOf(other), to: other.high }
        yield* readUntilSettled({ topic, range, partitions, apply })
      }
    yield* client.read({ topic, ranges: [{ partition, from: startOf(log), to }], onRecords: apply })
  })

/** Tasks that restore the same records read them once. */
export const restoreAll = <E, R>(
  opened: ReadonlyArray<{ readonly position: number; readonly task: PartitionTask<E, R> }>,
  input: Omit<RestoreContext, "position">
) =>
  Effect.gen(function* () {
    const rounds = Math.max(0, ...opened.map(({ task }) => task.restore?.length ?? 0))
    for (let round = 0; round < rounds; round++) {
      const alike = Map.groupBy(
        opened.flatMap(({ position, task }) => {
          const restore = task.restore?.[round]
          return restore === undefined ? [] : [{ position, restore }]
        }),
        ({ position, restore: { topic, since, until, byKey } }) =>
          JSON.stringify([topic, since, until === "committed" ? position : until, byKey ?? false])
      )
      for (const same of alike.values()) {
        const { position, restore } = same[0]!
        const applyAll: Restore<E, R>["apply"] = (records) =>
          Effect.forEach(same, (one) => one.restore.apply(records), { discard: true })
        yield* restoreState({ ...restore, apply: applyAll }, { ...input, position })
      }
    }
  })

class Settled extends Data.TaggedError("Settled") {}

/**
 * Reads another partition up to the records that were written for the present number of partitions, and an hour further: its
 * owners (two, where two inputs share the changelog) do not learn of new partitions at the same time.
 */
const readUntilSettled = <E, R>(options: {
  readonly topic: string
  readonly range: { readonly partition: number; readonly from: number; readonly to: number }
  readonly partitions: number
  readonly apply: (records: ReadonlyArray<FetchedRecord>) => Effect.Effect<void, E, R>
}): Effect.Effect<void, E | KafkaError, R | KafkaClient> => {
  const present = String(options.partitions)
  let settledAt = Number.POSITIVE_INFINITY
  const onRecords = (records: ReadonlyArray<FetchedRecord>): Effect.Effect<void, E | Settled, R> => {
    const older: Array<FetchedRecord> = []
    let last = 0
    for (const record of records) {
      last = record.timestamp
      if (record.headers[partitionsHeader] === present) settledAt = Math.min(settledAt, record.timestamp)
      else older.push(record)
    }
    const applied = older.length === 0 ? Effect.void : options.apply(older)
    return last <= settledAt + settlingMillis ? applied : Effect.andThen(applied, new Settled())
  }
  return KafkaClient.use((client) => client.read({ topic: options.topic, ranges: [options.range], onRecords })).pipe(
    Effect.catchIf(
      (error): error is Settled => error instanceof Settled,
      () => Effect.void
    )
  ) as Effect.Effect<void, E | KafkaError, R | KafkaClient>
}

/** Clients look for new partitions every five minutes; the rest is for clocks that differ. */
const settlingMillis = 3_600_000

const offsetsSince = (topic: string, since: Duration.Duration) =>
  Effect.gen(function* () {
    const client = yield* KafkaClient
    const now = yield* Clock.currentTimeMillis
    const offsets = yield* client.offsetsAt(topic, Math.max(0, now - Duration.toMillis(since)))
    return new Map(offsets.map(({ partition, offset }) => [partition, offset]))
  })

const missingPartition = ({ topic, partition }: TopicPartition) =>
  new KafkaError({
    code: "unknown_topic",
    operation: "open a partition",
    message: `The topic ${topic} has no partition ${partition}.`,
    nextStep: "Create the topics with the declared number of partitions.",
    cause: null
  })

const differentPartitions = (input: string, inputPartitions: number, topic: string, partitions: number) =>
  new KafkaError({
    code: "partitions_differ",
    operation: "open a partition",
    message: `${input} has ${inputPartitions} partitions and ${topic} has ${partitions}, so the state of a key could not be found.`,
    nextStep: `Give all topics the same number: ./capi topics --add-partitions ${Math.max(inputPartitions, partitions)}.`,
    cause: null
  })

/** The log of a partition, and how many partitions its topic has. */
export const logOf = (at: TopicPartition) =>
  Effect.gen(function* () {
    const client = yield* KafkaClient
    const logs = yield* client.topicOffsets(at.topic)
    const log = logs.find((found) => found.partition === at.partition)
    return log === undefined ? yield* missingPartition(at) : { log, partitions: logs.length }
  })

/** The partition that is opened: its broker's and its logical name. */
interface Opening {
  readonly at: TopicPartition
  readonly topic: string
  readonly runtime: Pick<RuntimeOptionsShape, "startAt">
  readonly observe: Observe
}

/**
 * Where a processor reads on: the committed offset, or where the options let a new group begin. If the log no longer has that
 * offset, the first one that it has, with an error in the log: either retention deleted records that were never processed, or
 * the topic was created again.
 */
export const positionIn = (
  { low, high }: PartitionOffsets,
  offset: number | null,
  { at, runtime, observe, topic }: Opening,
  processor: string
): Effect.Effect<number> =>
  Effect.gen(function* () {
    if (offset === null) return runtime.startAt === "earliest" ? low : high
    if (offset >= low && offset <= high) return offset
    observe({ type: "lost", processor, topic, partition: at.partition, from: offset, to: low })
    yield* Effect.logError("The committed offset is not in the log; reading on from the log's first record.").pipe(
      Effect.annotateLogs({ processor, committed: offset, low, high })
    )
    return low
  })
