/**
 * Reads partitions outside any group: no join, no heartbeat, no group left behind. Used to restore state, and by tools. And kafkajs's
 * messages as the port's records, and which of them a reader of committed records sees, in plain loops: every record passes here.
 */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type { Cluster, IHeaders, KafkaMessage } from "kafkajs"
import type { FetchedRecord, KafkaError } from "../client.ts"
import type { ResolvedKafkaOptions } from "../options.ts"
import { noHeaders, RecordView } from "../wire/record-batch-reader.ts"
import { type ClusterAccess, withCluster } from "./cluster.ts"

export interface ReadOptions<E, R> {
  readonly topic: string
  readonly ranges: ReadonlyArray<{ readonly partition: number; readonly from: number; readonly to: number | null }>
  readonly fetchBytes?: number
  readonly idlePauseMillis?: number
  readonly onRecords: (records: ReadonlyArray<FetchedRecord>) => void | Effect.Effect<void, E, R>
}

export const readRanges = <E, R>(
  access: ClusterAccess,
  options: ResolvedKafkaOptions,
  { topic, ranges, fetchBytes, idlePauseMillis = 0, onRecords }: ReadOptions<E, R>
): Effect.Effect<void, KafkaError | E, R> =>
  Effect.gen(function* () {
    const open = new Map(
      ranges
        .filter(({ from, to }) => to === null || from < to)
        .map(({ partition, from, to }) => [partition, { partition, position: from, to }])
    )
    const bytes = fetchBytes ?? Math.max(options.fetchBytesPerPartition, readBytesMin)
    const fetch = fetchOpen(access, options, topic, open, bytes)
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
      const pauses = nothing && idlePauseMillis > 0
      if (open.size > 0) next = yield* Effect.forkChild(pauses ? Effect.delay(fetch, idlePauseMillis) : fetch)
      for (const records of found) {
        const work = records.length === 0 ? undefined : onRecords(records)
        if (Effect.isEffect(work)) yield* work
      }
    }
  })

const fetchOpen = (
  access: ClusterAccess,
  options: ResolvedKafkaOptions,
  topic: string,
  open: ReadonlyMap<number, Range>,
  bytes: number
): Effect.Effect<ReadonlyArray<FetchedPartition>, KafkaError> =>
  Effect.suspend(() =>
    open.size === 0
      ? Effect.succeed([])
      : withCluster(access, `read ${topic}`, (cluster) => fetchOnce(cluster, options, topic, [...open.values()], bytes))
  )

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

const fetchOnce = async (
  cluster: Cluster,
  options: ResolvedKafkaOptions,
  topic: string,
  ranges: ReadonlyArray<Range>,
  bytes: number
): Promise<ReadonlyArray<FetchedPartition>> => {
  await cluster.addTargetTopic(topic)
  await cluster.refreshMetadataIfNecessary()
  const leaders = cluster.findLeaderForPartitions(
    topic,
    ranges.map(({ partition }) => partition)
  )
  const ledCount = Object.values(leaders).reduce((count, led) => count + led.length, 0)
  if (ledCount < ranges.length) {
    await cluster.refreshMetadata()
    return Promise.reject(new PartitionWithoutLeader(`a partition of ${topic} has no leader or does not exist`))
  }
  const responses = await Promise.all(
    Object.entries(leaders).map(async ([nodeId, led]) => {
      const broker = await cluster.findBroker({ nodeId })
      const partitions = ranges
        .filter(({ partition }) => led.includes(partition))
        .map(({ partition, position }) => ({
          partition,
          fetchOffset: String(position),
          maxBytes: bytes
        }))
      const answer: { readonly responses: ReadonlyArray<{ readonly partitions: ReadonlyArray<FetchedPartition> }> } =
        await broker.fetch({
          isolationLevel: readCommitted,
          maxWaitTime: options.fetchWaitMillis,
          maxBytes: options.fetchBytesMax,
          topics: [{ topic, partitions }]
        })
      return answer.responses.flatMap((response) => response.partitions)
    })
  )
  return responses.flat()
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

/** A message of a fetch: as kafkajs reads it from a compressed batch, or as our reader does. */
export type FetchedMessage = (KafkaMessage | RecordView) & TransactionalMessage

/** What is known of a message and its batch; kafkajs's type leaves it out. */
export interface TransactionalMessage {
  readonly offset: string | number
  readonly key: Buffer | null
  readonly isControlRecord: boolean
  readonly batchContext?: { readonly producerId: string; readonly inTransaction: boolean }
}

export interface AbortedTransaction {
  readonly producerId: string
  readonly firstOffset: string
}

/**
 * The messages without control records and those of aborted transactions: a producer's records are hidden from an aborted
 * transaction's first offset to its abort marker (Kafka protocol guide, "Fetch", isolation level READ_COMMITTED).
 */
export const visibleMessages = <Message extends TransactionalMessage>(
  messages: ReadonlyArray<Message>,
  aborted: ReadonlyArray<AbortedTransaction>
): ReadonlyArray<Message> => {
  if (aborted.length === 0) {
    return messages.some(isControl) ? messages.filter((message) => !message.isControlRecord) : messages
  }
  const pending = [...aborted].sort((left, right) => Number(left.firstOffset) - Number(right.firstOffset))
  const hidden = new Set<string>()
  let next = 0
  return messages.filter((message) => {
    const offset = Number(message.offset)
    while (next < pending.length && Number(pending[next]!.firstOffset) <= offset)
      hidden.add(pending[next++]!.producerId)
    const producerId = message.batchContext?.producerId
    if (message.isControlRecord) {
      if (producerId !== undefined && isAbortMarker(message)) hidden.delete(producerId)
      return false
    }
    return !(message.batchContext?.inTransaction === true && producerId !== undefined && hidden.has(producerId))
  })
}

const isControl = ({ isControlRecord }: TransactionalMessage) => isControlRecord

/** A control record's key is its version and its type, two bytes each; type 0 is abort. */
const isAbortMarker = ({ key }: TransactionalMessage) => key !== null && key.length >= 4 && key.readInt16BE(2) === 0

/** The records at or after the offset `from` and before `to`, in order. */
export const fetchedRecords = (
  topic: string,
  partition: number,
  messages: ReadonlyArray<KafkaMessage | RecordView>,
  from: number,
  to = Number.POSITIVE_INFINITY
): ReadonlyArray<FetchedRecord> => {
  const records: Array<FetchedRecord> = []
  for (const message of messages) {
    const offset = Number(message.offset)
    if (offset >= from && offset < to) records.push(fetchedRecord(topic, partition, offset, message))
  }
  return records
}

const fetchedRecord = (
  topic: string,
  partition: number,
  offset: number,
  message: KafkaMessage | RecordView
): FetchedRecord => {
  if (message instanceof RecordView) {
    message.topic = topic
    message.partition = partition
    return message
  }
  const { key, value, headers, timestamp } = message
  return {
    topic,
    partition,
    offset,
    timestamp: Number(timestamp),
    key,
    value,
    headers: headers === undefined ? noHeaders : stringHeaders(headers)
  }
}

/** Of a header that occurs several times, the last counts, as for Java's `lastHeader`. */
const stringHeaders = (headers: IHeaders): Readonly<Record<string, string>> => {
  let strings: Record<string, string> | undefined
  for (const name in headers) {
    const found = headers[name]
    const value = Array.isArray(found) ? found[found.length - 1] : found
    strings ??= {}
    strings[name] = value === undefined ? "" : value.toString()
  }
  return strings ?? noHeaders
}
