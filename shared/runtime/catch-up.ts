/**
 * Reads again what subscribers of a shared partition fell behind by, outside of the group, until they are level with the
 * shared reading. Those that need about the same records share one reading: after an outage of a platform the log is read
 * once, whatever number of connections it has.
 */
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import { type FetchedRecord, KafkaClient, type KafkaError } from "../kafka/client.ts"
import { monotonicMillis } from "../model/monotonic.ts"
import type { SharedPartition } from "./shared-partition.ts"
import type { Subscriber } from "./subscriber.ts"

/** Readings of a partition at a time: one far behind must not make the others wait. */
const readingsMax = 4
/** Subscribers whose positions are further apart than this get separate readings. */
const clusterOffsets = 50_000
/** The shared reading is held up for the last records, so that it does not run away from the catch-up. */
const lastOffsets = 1_000

/** Starts a reading whenever subscribers that fell behind have room. Never ends by itself. */
export const catchUp = <E, R>(partition: SharedPartition<E, R>): Effect.Effect<never, KafkaError, KafkaClient> =>
  Effect.scopedWith((scope) =>
    Effect.gen(function* () {
      const client = yield* KafkaClient
      let readings = 0
      while (true) {
        partition.room.closeUnsafe()
        const now = yield* monotonicMillis
        for (const cluster of clustersOf(partition, now)) {
          if (readings >= readingsMax || partition.ended) break
          readings++
          const members = new Set(cluster)
          for (const subscriber of cluster) subscriber.catchUpReading = members
          const reading = readFor(partition, members, client).pipe(
            Effect.catch((error) => Effect.sync(() => partition.fail(error))),
            Effect.ensuring(
              Effect.sync(() => {
                readings--
                for (const subscriber of members) leave(members, subscriber)
                partition.room.openUnsafe()
              })
            )
          )
          yield* Effect.forkIn(reading, scope)
        }
        yield* partition.room.await
      }
    })
  )

/** Those that are behind, not being caught up, and have room, the nearest to the end first. */
const clustersOf = <E, R>(
  partition: SharedPartition<E, R>,
  now: number
): ReadonlyArray<ReadonlyArray<Subscriber<E, R>>> => {
  const waiting = partition.subscribers
    .filter(
      (one) => one.isOpen && one.behindFrom !== null && one.catchUpReading === null && hasRoom(partition, one, now)
    )
    .sort((left, right) => right.behindFrom! - left.behindFrom!)
  const clusters: Array<Array<Subscriber<E, R>>> = []
  let lowest = Number.POSITIVE_INFINITY
  for (const subscriber of waiting) {
    const cluster = clusters.at(-1)
    if (cluster !== undefined && lowest - subscriber.behindFrom! <= clusterOffsets) cluster.push(subscriber)
    else clusters.push([subscriber])
    lowest = subscriber.behindFrom!
  }
  return clusters
}

const hasRoom = <E, R>(partition: SharedPartition<E, R>, subscriber: Subscriber<E, R>, now: number): boolean =>
  !subscriber.isStalled(now) && subscriber.bytesInFlight <= roomOf(partition) / 2

/** Bytes that one subscriber may have in flight while it catches up. */
const roomOf = <E, R>({ bytesInFlightMax, subscribers }: SharedPartition<E, R>): number =>
  bytesInFlightMax / Math.min(8, Math.max(2, subscribers.length))

/** No subscriber of the reading is left that has room. */
class NoSubscriberLeft extends Data.TaggedError("NoSubscriberLeft") {}

/** False for one that failed since, even if it is open again: it goes on from its last commit, which may lie before this reading. */
const isReadFor = <E, R>(cluster: ReadonlySet<Subscriber<E, R>>, one: Subscriber<E, R>): boolean =>
  one.isOpen && one.catchUpReading === cluster && one.behindFrom !== null

const leave = <E, R>(cluster: Set<Subscriber<E, R>>, one: Subscriber<E, R>): void => {
  cluster.delete(one)
  if (one.catchUpReading === cluster) one.catchUpReading = null
}

const readFor = <E, R>(
  partition: SharedPartition<E, R>,
  cluster: Set<Subscriber<E, R>>,
  client: KafkaClient["Service"]
): Effect.Effect<void, KafkaError> =>
  Effect.gen(function* () {
    const { at } = partition.options
    while (cluster.size > 0 && !partition.ended) {
      for (const one of cluster) if (!isReadFor(cluster, one)) leave(cluster, one)
      if (cluster.size === 0) return
      const from = Math.min(...[...cluster].map((one) => one.behindFrom!))
      const to = partition.endOffset
      const range = client
        .read({
          topic: at.topic,
          ranges: [{ partition: at.partition, from, to }],
          onRecords: (records) => take(partition, cluster, records)
        })
        .pipe(
          Effect.catchIf(
            (error): error is NoSubscriberLeft => error instanceof NoSubscriberLeft,
            () => Effect.void
          )
        )
      const isLast = to - from <= lastOffsets
      const levelled = Effect.andThen(
        range,
        Effect.sync(() => level(partition, cluster, to))
      )
      yield* isLast ? partition.held(levelled) : levelled
    }
  }) as Effect.Effect<void, KafkaError>

/** Queues the records for their subscribers; one without room is left where it is. */
const take = <E, R>(
  partition: SharedPartition<E, R>,
  cluster: Set<Subscriber<E, R>>,
  records: ReadonlyArray<FetchedRecord>
): Effect.Effect<void, NoSubscriberLeft> =>
  Effect.gen(function* () {
    const now = yield* monotonicMillis
    const end = records[records.length - 1]!.offset + 1
    partition.queue(records, end, {
      from: (one) => (isReadFor(cluster, one) ? one.behindFrom! : Number.POSITIVE_INFINITY),
      refuses: (one, first) => {
        if (one.bytesInFlight <= roomOf(partition) && !one.isStalled(now)) return false
        one.behindFrom = first
        leave(cluster, one)
        return true
      }
    })
    for (const subscriber of cluster)
      if (isReadFor(cluster, subscriber)) subscriber.behindFrom = Math.max(subscriber.behindFrom!, end)
    if (cluster.size === 0) return yield* new NoSubscriberLeft()
    // What is in flight is bounded for all together, too.
    while (partition.bytesInFlight > partition.bytesInFlightMax * 2 && !partition.ended) {
      const before = partition.bytesInFlight
      yield* Effect.sleep("50 millis")
      const later = yield* monotonicMillis
      if (partition.bytesInFlight === before && [...cluster].some((one) => one.isStalled(later))) {
        for (const one of cluster) if (one.isStalled(later)) leave(cluster, one)
        if (cluster.size === 0) return yield* new NoSubscriberLeft()
      }
    }
  })

/** Everything before `to` is queued; those that have come as far as the shared reading get its records from now on. */
const level = <E, R>(partition: SharedPartition<E, R>, cluster: Set<Subscriber<E, R>>, to: number): void => {
  for (const subscriber of cluster) {
    if (!isReadFor(cluster, subscriber)) continue
    subscriber.behindFrom = Math.max(subscriber.behindFrom!, to)
    if (partition.endOffset > to) continue
    subscriber.behindFrom = null
    subscriber.read(to, partition.highWatermark)
  }
}
