/** For tests with a broker: topics and records, a bare group member that notes what it receives, and waiting for what a test expects. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import {
  type FetchedRecord,
  KafkaClient,
  type KafkaError,
  type Member,
  type ProducedRecord,
  type TopicPartition,
  type TransactionalProducer
} from "../kafka/client.ts"
import { monotonicMillis } from "../model/monotonic.ts"

let made = 0

/** A topic that no other test has, under the given prefix. */
export const makeTopic = (prefix: string, partitions = 1, config: Readonly<Record<string, string>> = {}) =>
  Effect.gen(function* () {
    const client = yield* KafkaClient
    const name = `${prefix}${made++}`
    yield* client.createTopics([{ name, partitions, replication: 1, config }])
    return name
  })

export const recordsOf = (topic: string, values: ReadonlyArray<string>, partition = 0): ReadonlyArray<ProducedRecord> =>
  values.map((value) => ({ topic, partition, key: null, value: Buffer.from(value) }))

export const texts = (records: ReadonlyArray<{ readonly value: Buffer | null }>): ReadonlyArray<string> =>
  records.map(({ value }) => String(value))

/** A transaction that commits no offset. */
export const writeIn = (producer: TransactionalProducer, records: ReadonlyArray<ProducedRecord>) =>
  producer.commit({ records, offsets: [] })

/** What a group has committed of a topic, by partition. */
export const committedOffsets = (
  client: Pick<KafkaClient["Service"], "committedOfGroups">,
  groupId: string,
  topic: string
) =>
  Effect.map(client.committedOfGroups([groupId], [topic]), (found) =>
    found.map(({ partition, offset }) => ({ partition, offset })).sort((one, other) => one.partition - other.partition)
  )

/** Waits until they are. A broker answers the end of a transaction before it has written to the group's log that its offsets count. */
export const expectCommitted = (
  client: Pick<KafkaClient["Service"], "committedOfGroups">,
  groupId: string,
  topic: string,
  offset: number
) =>
  until(`${groupId} has committed ${offset} of ${topic}`, () =>
    Effect.map(committedOffsets(client, groupId, topic), ([found]) => found?.offset === offset)
  )

export interface MemberProbe {
  readonly member: Member
  readonly assignments: Array<{ readonly partitions: ReadonlyArray<TopicPartition>; readonly continued: boolean }>
  readonly records: Array<FetchedRecord>
  /** The end offset last received of each partition. */
  readonly ends: Map<number, number>
  readonly gaps: Array<{ readonly partition: number; readonly expected: number; readonly found: number }>
  readonly unreadable: Array<KafkaError>
  readonly crashes: Array<KafkaError>
}

export const joinAsProbe = (
  groupId: string,
  topic: string,
  assignment: "balanced" | "active-standby" = "balanced",
  onRebalancing: () => Promise<void> = async () => undefined
): Effect.Effect<MemberProbe, KafkaError, KafkaClient | Scope.Scope> =>
  Effect.gen(function* () {
    const client = yield* KafkaClient
    const seen: Omit<MemberProbe, "member"> = {
      ...{ assignments: [], records: [], ends: new Map() },
      ...{ gaps: [], unreadable: [], crashes: [] }
    }
    const member = yield* client.join({
      groupId,
      topics: [topic],
      assignment,
      processors: ["probe"],
      rebalanceWaitMillis: 5_000,
      handlers: {
        onRebalancing,
        onAssigned: (partitions, continued) => void seen.assignments.push({ partitions, continued }),
        onRecords: ({ partition }, records, endOffset) => {
          seen.records.push(...records)
          seen.ends.set(partition, endOffset)
        },
        onGap: ({ partition }, expected, found) => void seen.gaps.push({ partition, expected, found }),
        onUnreadable: (_, error) => void seen.unreadable.push(error),
        onCrashed: (error) => void seen.crashes.push(error)
      }
    })
    return { member, ...seen }
  })

/**
 * Waits until the condition holds; dies with what it waited for after the deadline, also where the condition itself does not
 * answer. Real time, for tests with a broker.
 */
export const until = <E = never, R = never>(
  what: string,
  condition: () => boolean | Effect.Effect<boolean, E, R>,
  deadlineMillis = 60_000,
  pollMillis = 20
): Effect.Effect<void, E, R> =>
  Effect.gen(function* () {
    const end = (yield* monotonicMillis) + deadlineMillis
    const late = Effect.suspend(() => Effect.die(new Error(`Not within ${deadlineMillis} ms: ${what}.`)))
    while (true) {
      const left = end - (yield* monotonicMillis)
      if (left < 0) return yield* late
      const answer = condition()
      const holds = Effect.isEffect(answer)
        ? yield* Effect.timeoutOrElse(answer, { duration: left + pollMillis, orElse: () => late })
        : answer
      if (holds) return
      yield* Effect.sleep(pollMillis)
    }
  })

/**
 * A hundred requests to the broker, one after the other: what a member would do at once, it has done by then. For what must not happen,
 * where there is no condition to wait for.
 */
export const aHundredRequests = (topic: string): Effect.Effect<void, KafkaError, KafkaClient> =>
  Effect.flatMap(KafkaClient, (client) => Effect.asVoid(Effect.repeat(client.topicOffsets(topic), { times: 99 })))

/** All records of a topic, as a reader of committed records sees them now. */
export const readAll = (topic: string): Effect.Effect<ReadonlyArray<FetchedRecord>, KafkaError, KafkaClient> =>
  Effect.gen(function* () {
    const client = yield* KafkaClient
    const records: Array<FetchedRecord> = []
    const ranges = (yield* client.topicOffsets(topic)).map(({ partition, low, high }) => ({
      partition,
      from: low,
      to: high
    }))
    yield* client.read({ topic, ranges, onRecords: (found) => void records.push(...found) })
    return records
  })
