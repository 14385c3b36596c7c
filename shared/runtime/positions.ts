/**
 * Where each processor of a shared input stands in each partition. Committing an offset for each group in each transaction would
 * cost two requests a group, so the exact position is a record in the step's transaction, on a compacted topic, and the
 * group's committed offset follows it within seconds (`group-offsets.ts`). A group's offset that the program did not commit
 * was set by a person (a replay), and wins.
 */
import * as Effect from "effect/Effect"
import { type FetchedRecord, KafkaClient, type KafkaError } from "../kafka/client.ts"
import { topicNames } from "../model/topics.ts"
import type { Outbound } from "./contract.ts"
import { type CommittedOffset, committedOffset, type GroupOffsets } from "./group-offsets.ts"
import { type BegunRecords, nothingBegun } from "./isolation.ts"
import type { AssignedContext } from "./partition.ts"
import { logOf, positionIn } from "./restore-state.ts"

/** Logical name. The positions of an input partition are in its partition of the same number. */
const positionsTopic = topicNames.positions

export interface StoredPosition {
  /** The next offset that the processor reads. */
  readonly next: number
  /** An offset of its group that the program did not commit, and that is taken account of here; null where none. */
  readonly groupOffset: number | null
  readonly begun: BegunRecords
}

/** Of one input partition; `topic` is its logical name. */
export const positionRecord = (
  processor: string,
  topic: string,
  partition: number,
  { next, groupOffset, begun = nothingBegun }: Omit<StoredPosition, "begun"> & Partial<StoredPosition>
): Outbound => ({
  topic: positionsTopic,
  partition,
  key: keyOf(processor, topic, partition),
  value: Buffer.from(
    begun === nothingBegun
      ? // As JSON.stringify writes it, of which a commit of hundreds of processors has as many.
        `{"next":${next},"group_offset":${groupOffset}}`
      : JSON.stringify({ next, group_offset: groupOffset, begun })
  )
})

const keyOf = (processor: string, topic: string, partition: number) => `${inputOf(processor, topic)}/${partition}`

const storedPosition = (value: Buffer): StoredPosition => {
  const { next, group_offset, begun } = JSON.parse(String(value)) as {
    next: number
    group_offset: number | null
    begun?: BegunRecords
  }
  return { next, groupOffset: group_offset, begun: begun ?? nothingBegun }
}

/** Where a processor goes on: what it stored, unless its group's offset was set by hand since; null if it never read. */
const resumeAt = (stored: StoredPosition | undefined, group: CommittedOffset | undefined): number | null => {
  if (stored === undefined) return group?.offset ?? null
  // An offset that expired, or was never committed, says nothing.
  return group === undefined || group.isOurs || group.offset === stored.groupOffset ? stored.next : group.offset
}

/** Starts that are this close together are read from the lowest one; each processor skips what it has done. */
const nearOffsets = 10_000

/**
 * Where each processor goes on, and where the shared reading begins: where most of them are, which is near the furthest. A
 * position that the log no longer has gives way to the log's first record, with an error in the log, as in `partition.ts`.
 */
export const startPositions = (
  processors: ReadonlyArray<string>,
  groupOffsets: GroupOffsets,
  context: AssignedContext
) =>
  Effect.gen(function* () {
    const { at, topic, runtime } = context
    const stored = yield* storedOfPartition(runtime.prefix, at.partition)
    const groups = yield* groupOffsets.load(at.topic, at.partition)
    const { log, partitions } = yield* logOf(at)
    const positions = new Map<string, number>()
    const begun = new Map<string, BegunRecords>()
    for (const name of processors) {
      const known = storedOf(stored, name, topic).get(at.partition)
      const offset = resumeAt(known, groups.get(runtime.prefix + name))
      positions.set(name, yield* positionIn(log, offset, context, name))
      if (known !== undefined && known.next === positions.get(name)) begun.set(name, known.begun)
    }
    const highest = Math.max(...positions.values())
    const near = [...positions.values()].filter((position) => highest - position <= nearOffsets)
    return { positions, begun, groups, partitions, position: Math.min(...near) }
  })

/** By processor and topic (its logical name), then by partition. */
export type StoredPositions = ReadonlyMap<string, ReadonlyMap<number, StoredPosition>>

const inputOf = (processor: string, topic: string) => `${processor}/${topic}`

const storedOf = (stored: StoredPositions, processor: string, topic: string): ReadonlyMap<number, StoredPosition> =>
  stored.get(inputOf(processor, topic)) ?? new Map<number, StoredPosition>()

/** Of all partitions. */
export const storedPositions = (prefix: string): Effect.Effect<StoredPositions, KafkaError, KafkaClient> =>
  Effect.flatten(followPositions(prefix))

/** Of all inputs' partitions of that number. */
const storedOfPartition = Effect.fnUntraced(function* (prefix: string, partition: number) {
  const client = yield* KafkaClient
  const topic = prefix + positionsTopic
  const { low, high } = (yield* logOf({ topic, partition })).log
  const stored = new Map<string, Map<number, StoredPosition>>()
  const onRecords = (records: ReadonlyArray<FetchedRecord>) => store(stored, records)
  yield* client.read({ topic, ranges: [{ partition, from: low, to: high }], onRecords })
  return stored
})

/**
 * The stored positions, kept up to date: the effect that comes back reads what was written since it ran last, and returns all of
 * them.
 */
export const followPositions = (
  prefix: string
): Effect.Effect<Effect.Effect<StoredPositions, KafkaError, KafkaClient>> =>
  Effect.sync(() => {
    const topic = prefix + positionsTopic
    const stored = new Map<string, Map<number, StoredPosition>>()
    const readTo = new Map<number, number>()
    return Effect.gen(function* () {
      const client = yield* KafkaClient
      const ranges = (yield* client.topicOffsets(topic)).map(({ partition, low, high }) => {
        const known = readTo.get(partition) ?? low
        // Behind the end: the topic was created again.
        return { partition, from: known > high ? low : Math.max(low, known), to: high }
      })
      const onRecords = (records: ReadonlyArray<FetchedRecord>) => store(stored, records)
      yield* client.read({ topic, ranges: ranges.filter(({ from, to }) => from < to), onRecords })
      for (const { partition, to } of ranges) readTo.set(partition, to)
      return stored
    })
  })

const store = (
  stored: Map<string, Map<number, StoredPosition>>,
  records: ReadonlyArray<Pick<FetchedRecord, "key" | "value">>
): void => {
  for (const { key, value } of records) {
    const name = String(key)
    const slash = name.lastIndexOf("/")
    const ofInput = stored.get(name.slice(0, slash)) ?? new Map<number, StoredPosition>()
    stored.set(name.slice(0, slash), ofInput)
    if (value === null) ofInput.delete(Number(name.slice(slash + 1)))
    else ofInput.set(Number(name.slice(slash + 1)), storedPosition(value))
  }
}

/**
 * Where each of many processors of a shared input goes on in the partitions of a topic (its logical name), by processor, then by
 * partition: the stored positions, and for those that have none the offsets of their groups, asked for together. Blind to a replay that
 * has not begun.
 */
export const nextOf = (
  stored: StoredPositions,
  prefix: string,
  processors: ReadonlyArray<string>,
  topic: string
): Effect.Effect<ReadonlyMap<string, ReadonlyMap<number, number>>, KafkaError, KafkaClient> =>
  Effect.gen(function* () {
    const client = yield* KafkaClient
    const next = new Map(
      processors.map((processor) => [
        processor,
        new Map([...storedOf(stored, processor, topic)].map(([partition, position]) => [partition, position.next]))
      ])
    )
    const unknown = processors.filter((processor) => next.get(processor)!.size === 0).map((name) => prefix + name)
    // No group has come anywhere in a topic to which nothing was ever written; hundreds of groups would be asked for.
    const isWritten = unknown.length > 0 && (yield* client.topicOffsets(prefix + topic)).some(({ high }) => high > 0)
    const committed = isWritten ? yield* client.committedOfGroups(unknown, [prefix + topic]) : []
    for (const { groupId, partition, offset } of committed)
      if (offset !== null) next.get(groupId.slice(prefix.length))!.set(partition, offset)
    return next
  })

/** Where a processor of a shared input goes on in each partition of a topic (its logical name); null where it never read. */
export const positionsOf = (
  stored: StoredPositions,
  prefix: string,
  processor: string,
  topic: string
): Effect.Effect<ReadonlyMap<number, number | null>, KafkaError, KafkaClient> =>
  Effect.gen(function* () {
    const client = yield* KafkaClient
    const known = storedOf(stored, processor, topic)
    const committed = yield* client.committedOfGroups([prefix + processor], [prefix + topic])
    return new Map(
      committed.map((group) => [group.partition, resumeAt(known.get(group.partition), committedOffset(group))])
    )
  })

/** A person set the groups' offsets: what is stored counts no more. */
export const forgetPositions = (prefix: string, processor: string, topic: string, partitions: ReadonlyArray<number>) =>
  KafkaClient.use((client) =>
    client.produce(
      partitions.map((partition) => ({
        topic: prefix + positionsTopic,
        partition,
        key: keyOf(processor, topic, partition),
        value: null
      }))
    )
  )
