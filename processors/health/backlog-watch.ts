/**
 * What waits for each enabled connection: the records between its position and the end of its platform's topics. A connection that
 * keeps up costs nothing but the comparison of offsets: only records that have waited for `settleMillis`, or that a held
 * connection has before it, are read, each once, and so many at most in a round.
 */

import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { Codecs } from "../../shared/codec/codecs.ts"
import { type FetchedRecord, KafkaClient, type PartitionOffsets } from "../../shared/kafka/client.ts"
import type { LedgerConnection } from "../../shared/ledger/read-ledger.ts"
import { monotonicMillis } from "../../shared/model/monotonic.ts"
import type { Platform } from "../../shared/model/platform.ts"
import { headerNames, topicNames } from "../../shared/model/topics.ts"
import { followPositions, nextOf, type StoredPositions } from "../../shared/runtime/positions.ts"
import { addBacklogs, type Backlog, isWaiting, nothingWaits, PartitionBacklog } from "./backlog.ts"

/** A record that is not older is on its way. */
const settleMillis = 10_000
/** Of a partition in a round. */
const recordsMax = 50_000
const every = Duration.seconds(5)
/**
 * While no connection is held or behind. What comes then and stays has waited for `settleMillis` at the next round, so it is found no
 * later than by rounds that are closer together.
 */
const everyWhileIdle = Duration.seconds(15)
/** While something waits, so that its end is seen at once. */
const everyWhileWaiting = Duration.seconds(1)
const untilActive = Duration.seconds(2)

export interface BacklogWatchOptions {
  /** Those that are enabled. */
  readonly connections: ReadonlyArray<LedgerConnection>
  /** Before every topic's and group's name. */
  readonly prefix: string
  /** Whether a connection is known to send nothing: then all that waits is counted at once. */
  readonly isHeld: (connectionId: string) => boolean
  readonly isActive: () => boolean
  /** Something waits, or nothing does any more. */
  readonly onChange: () => void
}

/** What waits for each connection by its id; null before the first round of the active member. */
export type Backlogs = () => ReadonlyMap<string, Backlog> | null

/** What was found last, and the watch, which runs for ever in the active member; a round that fails is tried again. */
export const watchBacklog = (options: BacklogWatchOptions) =>
  Effect.gen(function* () {
    const { measure, isBehind } = yield* roundsOf(options)
    const isHeld = () => options.connections.some(({ id }) => options.isHeld(id))
    let latest: ReadonlyMap<string, Backlog> | null = null
    const found: Backlogs = () => latest
    const round = Effect.gen(function* () {
      if (!options.isActive()) {
        latest = null
        return yield* Effect.sleep(untilActive)
      }
      const before = latest
      const now = yield* measure
      latest = now
      const waits = somethingWaits(now)
      if (before === null || waits !== somethingWaits(before)) options.onChange()
      yield* Effect.sleep(waits ? everyWhileWaiting : isHeld() || isBehind() ? every : everyWhileIdle)
    }).pipe(
      Effect.catch((error) =>
        Effect.andThen(
          Effect.logWarning("What waits for the connections could not be counted; it is tried again.").pipe(
            Effect.annotateLogs({ reason: error.message })
          ),
          Effect.sleep(every)
        )
      )
    )
    return { found, watch: Effect.forever(round) }
  })

const somethingWaits = (backlogs: ReadonlyMap<string, Backlog>): boolean => [...backlogs.values()].some(isWaiting)

type MeasureOptions = Omit<BacklogWatchOptions, "isActive" | "onChange">

/** The effect that comes back is one round; rounds remember what they have read. */
export const measureBacklog = (options: MeasureOptions) => Effect.map(roundsOf(options), ({ measure }) => measure)

/** `isBehind`: whether the last round saw a connection before the end of a topic. */
const roundsOf = (options: MeasureOptions) =>
  Effect.map(followPositions(options.prefix), (positions) => {
    const byPlatform = Map.groupBy(options.connections, ({ platform }) => platform)
    const topics = [...byPlatform].flatMap(([platform, connections]) => [
      makeTopicBacklog({ ...options, connections }, platform, topicNames.mapped(platform), true),
      makeTopicBacklog({ ...options, connections }, platform, topicNames.retry(platform), false)
    ])
    const measure = Effect.gen(function* () {
      const kafka = yield* KafkaClient
      const logsOf = Effect.forEach(topics, ({ topic }) => kafka.topicOffsets(topic), together)
      const [stored, logs] = yield* Effect.all([positions, logsOf], together)
      const sums = new Map(options.connections.map(({ id }) => [id, nothingWaits]))
      const backlogs = yield* Effect.forEach(topics, ({ count }, index) => count(stored, logs[index]!), together)
      for (const backlog of backlogs) for (const [id, found] of backlog) sums.set(id, addBacklogs(sums.get(id)!, found))
      return sums as ReadonlyMap<string, Backlog>
    })
    return { measure, isBehind: () => topics.some((one) => one.isBehind()) }
  })

const together = { concurrency: "unbounded" } as const

interface Track {
  readonly connectionId: string
  readonly partition: number
  readonly backlog: PartitionBacklog
  position: number
  /** Records before this offset are counted. */
  end: number
}

/** One topic of a platform. `isNew` is false for delayed retries. */
const makeTopicBacklog = (
  { connections, prefix, isHeld }: MeasureOptions,
  platform: Platform,
  name: string,
  isNew: boolean
) => {
  const topic = prefix + name
  const tracks = new Map<string, Track>()
  const seen = new SeenEnds()
  const update = (connectionId: string, log: PartitionOffsets, next: number | null, settled: number): void => {
    const { partition, low, high } = log
    const key = `${connectionId}/${partition}`
    const position = Math.max(low, next ?? low)
    const end = isHeld(connectionId) ? high : Math.min(high, settled)
    if (position >= end) return void tracks.delete(key)
    const known = tracks.get(key)
    // A replay begins again before what was counted.
    const backlog =
      known === undefined || position < known.backlog.from ? new PartitionBacklog(position) : known.backlog
    backlog.advance(position)
    tracks.set(key, { connectionId, partition, backlog, position, end })
  }
  const names = connections.map(({ id }) => `delivery-${platform}.${id}`)
  let isBehind = false
  const count = Effect.fnUntraced(function* (stored: StoredPositions, logs: ReadonlyArray<PartitionOffsets>) {
    const kafka = yield* KafkaClient
    isBehind = false
    if (logs.every(({ low, high }) => low === high)) return new Map<string, Backlog>()
    const positions = yield* nextOf(stored, prefix, names, name)
    isBehind = names.some((one) =>
      logs.some(({ partition, low, high }) => Math.max(low, positions.get(one)?.get(partition) ?? low) < high)
    )
    if (!isBehind) {
      tracks.clear()
      return new Map<string, Backlog>()
    }
    const now = yield* Clock.currentTimeMillis
    const settled = new Map(
      (yield* kafka.offsetsAt(topic, now - settleMillis)).map(({ partition, offset }) => [partition, offset])
    )
    for (const [partition, offset] of seen.settled(logs, yield* monotonicMillis))
      settled.set(partition, Math.max(offset, settled.get(partition) ?? offset))
    for (const [index, { id }] of connections.entries())
      for (const log of logs)
        update(
          id,
          log,
          positions.get(names[index]!)?.get(log.partition) ?? null,
          settled.get(log.partition) ?? log.high
        )
    yield* scan(topic, tracks)
    return sumUp(tracks.values(), isNew, now)
  })
  return { topic, count, isBehind: () => isBehind }
}

/** The ends of a topic's partitions that were seen before: a record before one is not on its way, whatever the clocks say of its time. */
class SeenEnds {
  private last: Ends | null = null
  private next: Ends | null = null

  /** The ends that were seen `settleMillis` ago or more. @param now monotonic milliseconds */
  settled(logs: ReadonlyArray<PartitionOffsets>, now: number): Ends["ends"] {
    this.next ??= { at: now, ends: logs.map(({ partition, high }) => [partition, high]) }
    if (now - this.next.at >= settleMillis) {
      this.last = this.next
      this.next = null
    }
    return this.last?.ends ?? []
  }
}

interface Ends {
  readonly at: number
  readonly ends: ReadonlyArray<readonly [partition: number, end: number]>
}

/** Reads what the connections have not been counted for: one reading of a partition for all of them. */
const scan = Effect.fnUntraced(function* (topic: string, tracks: ReadonlyMap<string, Track>) {
  const kafka = yield* KafkaClient
  const codecs = yield* Codecs
  const open = [...tracks.values()].filter(({ backlog, end }) => backlog.scannedTo < end && !backlog.isFull)
  const ranges = [...Map.groupBy(open, ({ partition }) => partition)].map(([partition, behind]) => {
    const from = Math.min(...behind.map(({ backlog }) => backlog.scannedTo))
    return { partition, from, to: Math.min(from + recordsMax, Math.max(...behind.map(({ end }) => end))) }
  })
  if (ranges.length === 0) return
  const onRecords = Effect.fnUntraced(function* (records: ReadonlyArray<FetchedRecord>) {
    const waiting = records.flatMap((record) => {
      const track = tracks.get(`${record.headers[headerNames.connection] ?? ""}/${record.partition}`)
      return track !== undefined && record.offset >= track.backlog.scannedTo && record.offset < track.end
        ? [{ record, backlog: track.backlog }]
        : []
    })
    yield* codecs.loadSchemas(waiting.map(({ record }) => record.value))
    for (const { record, backlog } of waiting) {
      const decoded = codecs.decode("sendable-event", record.value)
      const { event_time = record.timestamp, deadline = null } = decoded._tag === "Decoded" ? decoded.value : {}
      backlog.add({ offset: record.offset, timestamp: record.timestamp, eventTime: event_time, expiresAt: deadline })
      backlog.scannedTo = record.offset + 1
    }
  })
  yield* kafka.read({ topic, ranges, onRecords })
  const readTo = new Map(ranges.map(({ partition, to }) => [partition, to]))
  for (const { partition, backlog, end } of open)
    backlog.scannedTo = Math.max(backlog.scannedTo, Math.min(end, readTo.get(partition)!))
})

const sumUp = (tracks: Iterable<Track>, isNew: boolean, now: number): ReadonlyMap<string, Backlog> => {
  const sums = new Map<string, Backlog>()
  for (const { connectionId, backlog, position, end } of tracks) {
    const sum = backlog.sum(position, now)
    const found = { ...sum, newSince: isNew ? sum.since : null, isMinimum: backlog.scannedTo < end }
    sums.set(connectionId, addBacklogs(sums.get(connectionId) ?? nothingWaits, found))
  }
  return sums
}
