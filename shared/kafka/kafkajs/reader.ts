/** Reads partitions outside any group: no join, no heartbeat, no group left behind. Used to restore state, and by tools. */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type { Cluster, Kafka } from "kafkajs"
import type { FetchedRecord, KafkaError } from "../client.ts"
import type { ResolvedKafkaOptions } from "../options.ts"
import { type ClusterAccess, openCluster, withCluster } from "./cluster.ts"
import { failureOf } from "./damaged.ts"
import { abandonFetches, longFetchMillis } from "./long-fetch.ts"
import { type AbortedTransaction, type FetchedMessage, fetchedRecords, visibleMessages } from "./records.ts"

export interface ReadOptions<E, R> {
  readonly topic: string
  readonly ranges: ReadonlyArray<{ readonly partition: number; readonly from: number; readonly to: number | null }>
  readonly fetchBytes?: number
  readonly onRecords: (records: ReadonlyArray<FetchedRecord>) => void | Effect.Effect<void, E, R>
}

/** Who follows for ever does so over connections that no other uses, where a fetch may wait for long. */
export const readRanges = <E, R>(
  kafka: Kafka,
  access: ClusterAccess,
  options: ResolvedKafkaOptions,
  read: ReadOptions<E, R>
): Effect.Effect<void, KafkaError | E, R> => {
  const { topic, ranges, fetchBytes } = read
  const open = new Map(
    ranges
      .filter(({ from, to }) => to === null || from < to)
      .map(({ partition, from, to }) => [partition, { partition, position: from, to }])
  )
  if (open.size === 0) return Effect.void
  const bytes = fetchBytes ?? Math.max(options.fetchBytesPerPartition, readBytesMin)
  const fetching = { topic, bytes, bytesMax: options.fetchBytesMax, waitMillis: options.fetchWaitMillis, options }
  const isFollowed = [...open.values()].every(({ to }) => to === null)
  const fetch = (used: ClusterAccess, fetchSome: FetchSome) =>
    withCluster(used, `read ${topic}`, (cluster) => fetchSome(cluster, [...open.values()]))
  if (!isFollowed) return readOpen(read, open, fetch(access, fetchAll(fetching)))
  return Effect.scoped(
    Effect.flatMap(openCluster(kafka, abandonFetches), (own) =>
      readOpen(read, open, fetch(own, fetchFirst({ ...fetching, waitMillis: longFetchMillis })))
    )
  )
}

const readOpen = <E, R>(
  { topic, onRecords }: ReadOptions<E, R>,
  open: Map<number, Range>,
  fetch: Effect.Effect<ReadonlyArray<FetchedPartition>, KafkaError>
): Effect.Effect<void, KafkaError | E, R> =>
  Effect.gen(function* () {
    // One fetch ahead: the broker answers while the previous records are processed.
    let next = yield* Effect.forkChild(fetch)
    while (open.size > 0) {
      const fetched = yield* Fiber.join(next)
      const found: Array<ReadonlyArray<FetchedRecord>> = []
      const nothing = fetched.every(({ messages }) => messages.length === 0)
      for (const partition of fetched) {
        const range = open.get(partition.partition)
        if (range === undefined) continue
        found.push(recordsOf(topic, range, partition))
        if (isDone(range, partition, nothing)) open.delete(range.partition)
      }
      if (open.size > 0) next = yield* Effect.forkChild(fetch)
      for (const records of found) {
        const work = records.length === 0 ? undefined : onRecords(records)
        if (Effect.isEffect(work)) yield* work
      }
    }
  })

interface FetchedPartition {
  readonly partition: number
  readonly highWatermark: string
  readonly lastStableOffset: string
  readonly abortedTransactions: ReadonlyArray<AbortedTransaction> | null
  readonly messages: ReadonlyArray<FetchedMessage>
}

interface Range {
  readonly partition: number
  readonly to: number | null
  position: number
}

const readCommitted = 1

/** A reader reads everything and shares its memory with no other, so its fetches are larger than a member's. */
const readBytesMin = 4 * 1_048_576

interface Fetching {
  readonly topic: string
  /** Of a partition, and of a response. */
  readonly bytes: number
  readonly bytesMax: number
  readonly waitMillis: number
  readonly options: ResolvedKafkaOptions
}

type FetchSome = (cluster: Cluster, ranges: ReadonlyArray<Range>) => Promise<ReadonlyArray<FetchedPartition>>

/** What all brokers have. */
const fetchAll =
  (fetching: Fetching): FetchSome =>
  async (cluster, ranges) => {
    const leaders = await leadersOf(cluster, fetching.topic, ranges)
    return (await Promise.all(leaders.map((leader) => fetchFrom(cluster, fetching, leader)))).flat()
  }

/** What one broker has, whichever answers first: each is asked again when it has answered, however long the others wait. */
const fetchFirst = (fetching: Fetching): FetchSome => {
  const waiting = new Map<
    string,
    Promise<{ readonly nodeId: string; readonly fetched: ReadonlyArray<FetchedPartition> }>
  >()
  let asked: Cluster | null = null
  return async (cluster, ranges) => {
    if (asked !== cluster) waiting.clear()
    asked = cluster
    for (const leader of await leadersOf(cluster, fetching.topic, ranges)) {
      const { nodeId } = leader
      if (waiting.has(nodeId)) continue
      const answer = fetchFrom(cluster, fetching, leader).then((fetched) => ({ nodeId, fetched }))
      waiting.set(nodeId, answer)
      answer.catch(() => {
        if (waiting.get(nodeId) === answer) waiting.delete(nodeId)
      })
    }
    const { nodeId, fetched } = await Promise.race(waiting.values())
    waiting.delete(nodeId)
    return fetched
  }
}

interface Leader {
  readonly nodeId: string
  readonly ranges: ReadonlyArray<Range>
}

const leadersOf = async (
  cluster: Cluster,
  topic: string,
  ranges: ReadonlyArray<Range>
): Promise<ReadonlyArray<Leader>> => {
  await cluster.addTargetTopic(topic)
  await cluster.refreshMetadataIfNecessary()
  const leaders = cluster.findLeaderForPartitions(
    topic,
    ranges.map(({ partition }) => partition)
  )
  const found = Object.entries(leaders).map(([nodeId, led]) => ({
    nodeId,
    ranges: ranges.filter(({ partition }) => led.includes(partition))
  }))
  if (found.reduce((count, leader) => count + leader.ranges.length, 0) < ranges.length) {
    await cluster.refreshMetadata()
    return Promise.reject(new PartitionWithoutLeader(`a partition of ${topic} has no leader or does not exist`))
  }
  return found
}

const fetchFrom = async (
  cluster: Cluster,
  { topic, bytes, bytesMax, waitMillis, options }: Fetching,
  { nodeId, ranges }: Leader
): Promise<ReadonlyArray<FetchedPartition>> => {
  const broker = await cluster.findBroker({ nodeId })
  const partitions = ranges.map(({ partition, position }) => ({
    partition,
    fetchOffset: String(position),
    maxBytes: bytes
  }))
  const answer: { readonly responses: ReadonlyArray<{ readonly partitions: ReadonlyArray<FetchedPartition> }> } =
    await broker.fetch({
      isolationLevel: readCommitted,
      maxWaitTime: waitMillis,
      maxBytes: bytesMax,
      topics: [{ topic, partitions }]
    })
  const fetched = answer.responses.flatMap((response) => response.partitions)
  for (const { partition, messages } of fetched) {
    const failure = failureOf(messages, { topic, partition }, options)
    if (failure !== null) return Promise.reject(failure)
  }
  return fetched
}

class PartitionWithoutLeader extends Error {
  readonly type = "LEADER_NOT_AVAILABLE"
}

/** The fetched records of the range; moves its position over all of them, control records too. */
const recordsOf = (topic: string, range: Range, fetched: FetchedPartition): ReadonlyArray<FetchedRecord> => {
  const { messages } = fetched
  if (messages.length === 0) return []
  const visible = visibleMessages(messages, fetched.abortedTransactions ?? [])
  const records = fetchedRecords(topic, range.partition, visible, range.position, range.to ?? Number.POSITIVE_INFINITY)
  // A compacted batch can end before the requested offset; the next offset finds the next batch.
  range.position = Math.max(Number(messages[messages.length - 1]!.offset), range.position) + 1
  return records
}

/**
 * An empty response at the stable end means that the rest of the range has no records; but only if no other partition had any,
 * because a full fetch leaves partitions out.
 */
const isDone = (
  { position, to }: Range,
  { lastStableOffset, highWatermark }: FetchedPartition,
  nothingFetched: boolean
): boolean => {
  if (to === null) return false
  if (position >= to) return true
  const stable = Number(lastStableOffset)
  return nothingFetched && (stable >= to || stable >= Number(highWatermark))
}
