/** Reads partitions outside any group: no join, no heartbeat, no group left behind. It restores state and serves tools. */
import { Effect } from "effect"
import type { Cluster } from "kafkajs"
import { type ClusterAccess, withCluster } from "./kafkajs-cluster.ts"
import { deliverable, type FetchedMessage, type FetchedPartition } from "./kafkajs-committed.ts"
import { fetchedRecord } from "./kafkajs-records.ts"
import type { ResolvedKafkaOptions } from "./options.ts"
import type { FetchedRecord, KafkaError } from "./port.ts"

export interface ReadOptions<E, R> {
  readonly topic: string
  readonly ranges: ReadonlyArray<{ readonly partition: number; readonly from: number; readonly to: number | null }>
  readonly onRecords: (records: ReadonlyArray<FetchedRecord>) => void | Effect.Effect<void, E, R>
}

export const readRanges = <E, R>(
  access: ClusterAccess,
  options: ResolvedKafkaOptions,
  { topic, ranges, onRecords }: ReadOptions<E, R>
): Effect.Effect<void, KafkaError | E, R> =>
  Effect.gen(function* () {
    const open = new Map(
      ranges
        .filter(({ from, to }) => to === null || from < to)
        .map(({ partition, from, to }) => [partition, { partition, position: from, to }])
    )
    let failures = 0
    while (open.size > 0) {
      const fetched = yield* withCluster(access, `read ${topic}`, (cluster) =>
        fetchOnce(cluster, options, topic, [...open.values()])
      ).pipe(
        Effect.tap(() =>
          Effect.sync(() => {
            failures = 0
          })
        ),
        Effect.catch((error) =>
          ++failures > failuresMax || !retriable.has(error.code)
            ? Effect.fail(error)
            : Effect.as(Effect.sleep(failures * retryStepMillis), [])
        )
      )
      for (const partition of fetched) {
        const range = open.get(partition.partition)
        if (range === undefined) continue
        const records = take(topic, range, partition)
        if (records.length > 0) {
          const work = onRecords(records)
          if (Effect.isEffect(work)) yield* work
        }
        if (isDone(range, partition)) open.delete(range.partition)
      }
    }
  })

interface Range {
  readonly partition: number
  readonly to: number | null
  position: number
}

const failuresMax = 10
const retryStepMillis = 200
const retriable = new Set<KafkaError["code"]>(["unreachable", "timeout", "other"])
const readCommitted = 1

const fetchOnce = async (
  cluster: Cluster,
  options: ResolvedKafkaOptions,
  topic: string,
  ranges: ReadonlyArray<Range>
): Promise<ReadonlyArray<FetchedPartition>> => {
  await cluster.addTargetTopic(topic)
  await cluster.refreshMetadataIfNecessary()
  const leaders = cluster.findLeaderForPartitions(
    topic,
    ranges.map(({ partition }) => partition)
  )
  const responses = await Promise.all(
    Object.entries(leaders).map(async ([nodeId, led]) => {
      const broker = await cluster.findBroker({ nodeId })
      const partitions = ranges
        .filter(({ partition }) => led.includes(partition))
        .map(({ partition, position }) => ({
          partition,
          fetchOffset: String(position),
          maxBytes: options.fetchBytesPerPartition
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

/** The range's records of what was fetched; moves the range's position over all of it, control records too. */
const take = (topic: string, range: Range, fetched: FetchedPartition): ReadonlyArray<FetchedRecord> => {
  const { messages } = fetched
  if (messages.length === 0) return []
  const records: Array<FetchedRecord> = []
  for (const message of deliverable(messages, fetched.abortedTransactions ?? [])) {
    const offset = Number(message.offset)
    if (offset >= range.position && (range.to === null || offset < range.to)) {
      records.push(fetchedRecord(topic, range.partition, offset, message as FetchedMessage))
    }
  }
  // A compacted batch can end before the offset that was asked for; one step forward finds the next batch.
  range.position = Math.max(Number(messages[messages.length - 1]!.offset), range.position) + 1
  return records
}

/** An empty answer at the stable end means that the rest of the range is a hole. */
const isDone = ({ position, to }: Range, { messages, lastStableOffset, highWatermark }: FetchedPartition): boolean => {
  if (to === null) return false
  if (position >= to) return true
  const stable = Number(lastStableOffset)
  return messages.length === 0 && (stable >= to || stable >= Number(highWatermark))
}
