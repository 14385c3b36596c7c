/**
 * Reads every topic that an event passes, in rounds to each topic's end, and writes to the index what it read and how far it came. The
 * group's offsets in Kafka follow the file's, for others to see the lag, and for an operator to set back: then the records are read again.
 */
import * as Clock from "effect/Clock"
import * as Data from "effect/Data"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import * as Schedule from "effect/Schedule"
import { Codecs, type RegistryError } from "../../shared/codec/codecs.ts"
import { SettingsService } from "../../shared/config/settings.ts"
import { type EventTopic, indexedTopics } from "../../shared/event-story/event-topics.ts"
import { type FetchedRecord, KafkaClient, type KafkaError } from "../../shared/kafka/client.ts"
import { monotonicMillis } from "../../shared/model/monotonic.ts"
import { Readiness } from "../../shared/runtime/health.ts"
import type { IndexEntry, IndexStore } from "./index-store.ts"
import { countRecords, updateLag, updateStore } from "./telemetry.ts"
import type { TermHasher } from "./terms.ts"
import { entriesOf, isDecoded } from "./terms.ts"

export interface FollowerOptions {
  readonly store: IndexStore
  readonly hasher: TermHasher
  /** The consumer group without the prefix. */
  readonly group: string
  readonly retention: Duration.Duration
  /** How long after the end of all topics they are looked at again, where no lookup comes before. */
  readonly pollEvery: Duration.Duration
}

/** The file of the index cannot be written or read. */
export class IndexError extends Data.TaggedError("IndexError")<{
  readonly code: "index_file"
  readonly message: string
  readonly nextStep: string
  readonly cause: unknown
}> {}

/** How far the index is, for who asks it; see `followTopics`. */
export interface Progress {
  /** Records that are not indexed yet, as last known; null before the first round. */
  behind: number | null
  /** Rounds that were read to their end. */
  rounds: number
  /** Opened to begin the next round at once. */
  readonly wake: Latch.Latch
}

export const beginning = (): Progress => ({ behind: null, rounds: 0, wake: Latch.makeUnsafe(false) })

/** Entries that are written in one transaction. */
const entriesAtOnce = 20_000
/** Merges after each round at most, so that lookups do not wait. */
const mergesAtOnce = 4
const commitEvery = Duration.toMillis("2 seconds")
const expireEvery = Duration.toMillis("1 minute")

/** Never ends; a round that fails begins again behind what is written, and readiness says why. */
export const followTopics = Effect.fnUntraced(function* (options: FollowerOptions, progress: Progress) {
  const readiness = yield* Readiness
  const state = {
    positions: new Map<string, number>(),
    committed: new Map<string, number>(),
    committedAt: Number.NEGATIVE_INFINITY,
    expiredAt: Number.NEGATIVE_INFINITY
  }
  yield* readiness.set("index", false, "No topic was read to its end yet.")
  yield* begin(options, state).pipe(
    Effect.tapError((error) => readiness.set("index", false, error.message)),
    // A right that is missing is there after somebody grants it, so the start ends and says which.
    Effect.retry({ ...retries, while: (error) => error.code !== "unauthorized" })
  )
  const round = Effect.gen(function* () {
    const read = yield* readRound(options, state, progress)
    progress.rounds++
    yield* readiness.set("index", true)
    if (read === 0) yield* Effect.timeoutOption(progress.wake.await, options.pollEvery)
    progress.wake.closeUnsafe()
  })
  return yield* Effect.forever(
    round.pipe(
      Effect.catch((error: KafkaError | RegistryError | IndexError) =>
        Effect.gen(function* () {
          yield* readiness.set("index", false, error.message)
          yield* Effect.logWarning(`${error.message} The index is read on in a while.`).pipe(
            Effect.annotateLogs({ nextStep: error.nextStep })
          )
          yield* Effect.sleep("2 seconds")
        })
      )
    )
  )
})

const retries = { schedule: Schedule.spaced("2 seconds"), times: 30 }

interface FollowerState {
  /** The next offset by `topic/partition`. */
  readonly positions: Map<string, number>
  /** The same, as the group has it. */
  readonly committed: Map<string, number>
  committedAt: number
  expiredAt: number
}

/**
 * Where the file says, or where the group's offsets were set back to. A file without a position begins at the first record that
 * retention will keep, wherever the group is: it is new, or was deleted to be built again.
 */
const begin = Effect.fnUntraced(function* ({ store, group }: FollowerOptions, state: FollowerState) {
  const kafka = yield* KafkaClient
  const { topicPrefix } = yield* SettingsService
  const topics = yield* presentTopics
  const offsets = yield* kafka.committedOfGroups(
    [topicPrefix + group],
    topics.map(({ topic }) => topicPrefix + topic)
  )
  for (const { topic, partition, offset } of offsets)
    if (offset !== null) state.committed.set(nameOf(topic.slice(topicPrefix.length), partition), offset)
  for (const { topic, partition, offset } of yield* inStore(() => store.positions())) {
    const name = nameOf(topic, partition)
    state.positions.set(name, Math.min(offset, state.committed.get(name) ?? offset))
  }
})

/** Those that there are and that the program may see: a platform without connections needs none. */
const presentTopics = Effect.gen(function* () {
  const { topicPrefix } = yield* SettingsService
  const present = new Set(yield* (yield* KafkaClient).listTopics)
  return indexedTopics.filter(({ topic }) => present.has(topicPrefix + topic))
})

/** Reads every topic to the end that it has now; gives how many records that were. */
const readRound = Effect.fnUntraced(function* (options: FollowerOptions, state: FollowerState, progress: Progress) {
  const now = yield* Clock.currentTimeMillis
  const due = yield* Effect.forEach(yield* presentTopics, (row) => dueOf(row, options, state, now), {
    concurrency: "unbounded"
  })
  progress.behind = due.reduce((sum, { ranges }) => ranges.reduce((of, { from, to }) => of + to - from, sum), 0)
  yield* updateLag(progress.behind)
  let read = 0
  for (const one of due) read += yield* readTopic(one, options, state, progress)
  yield* maintain(options, state)
  return read
})

interface Due {
  readonly row: EventTopic
  readonly ranges: ReadonlyArray<{ readonly partition: number; readonly from: number; readonly to: number }>
}

const dueOf = Effect.fnUntraced(function* (
  row: EventTopic,
  { retention }: FollowerOptions,
  { positions }: FollowerState,
  now: number
) {
  const kafka = yield* KafkaClient
  const topic = (yield* SettingsService).topicPrefix + row.topic
  const logs = yield* kafka.topicOffsets(topic)
  const isNew = logs.some(({ partition }) => !positions.has(nameOf(row.topic, partition)))
  const firsts = isNew ? yield* kafka.offsetsAt(topic, Math.max(0, now - Duration.toMillis(retention))) : []
  const ranges = logs.map(({ partition, low, high }) => {
    const known = positions.get(nameOf(row.topic, partition))
    const first = firsts.find((one) => one.partition === partition)?.offset ?? low
    // Behind the end: the topic was created again.
    const from = known === undefined ? first : known > high ? low : known
    return { partition, from: Math.max(low, from), to: high }
  })
  return { row, ranges } satisfies Due
})

const readTopic = Effect.fnUntraced(function* (
  { row, ranges }: Due,
  options: FollowerOptions,
  state: FollowerState,
  progress: Progress
) {
  const { store, hasher } = options
  const kafka = yield* KafkaClient
  const codecs = yield* Codecs
  const topic = (yield* SettingsService).topicPrefix + row.topic
  const reached = new Map<number, number>()
  for (const { partition, from } of ranges)
    if (state.positions.get(nameOf(row.topic, partition)) !== from) reached.set(partition, from)
  const firsts = new Map(ranges.map(({ partition, from }) => [partition, from]))
  let entries: Array<IndexEntry> = []
  const write = Effect.fnUntraced(function* () {
    if (reached.size === 0) return
    const moved = [...reached].map(([partition, offset]) => ({ topic: row.topic, partition, offset }))
    const written = entries
    yield* inStore(() => store.add(written, moved))
    for (const [partition, offset] of reached) {
      state.positions.set(nameOf(row.topic, partition), offset)
      progress.behind = Math.max(0, (progress.behind ?? 0) - offset + (firsts.get(partition) ?? offset))
      firsts.set(partition, offset)
    }
    entries = []
    reached.clear()
    yield* updateLag(progress.behind ?? 0)
    yield* maintain(options, state)
  })
  const open = ranges.filter(({ from, to }) => from < to)
  let read = 0
  if (open.length > 0)
    yield* kafka.read({
      topic,
      ranges: open,
      onRecords: Effect.fnUntraced(function* (records: ReadonlyArray<FetchedRecord>) {
        if (isDecoded(row)) yield* codecs.loadSchemas(records.map(({ value }) => value))
        for (const entry of entriesOf(row, records, codecs, hasher)) entries.push(entry)
        const last = records.at(-1)!
        reached.set(last.partition, last.offset + 1)
        read += records.length
        yield* countRecords(row.topic, records.length)
        if (entries.length >= entriesAtOnce) yield* write()
      })
    })
  // Behind the last record there may be the marks of transactions.
  for (const { partition, to } of open) reached.set(partition, to)
  yield* write()
  return read
})

/** Between two transactions, in which lookups get their time too: merges, retention, the group's offsets. */
const maintain = Effect.fnUntraced(function* ({ store, group }: FollowerOptions, state: FollowerState) {
  yield* Effect.yieldNow
  for (let merges = 0; merges < mergesAtOnce && (yield* inStore(() => store.merge())); merges++) yield* Effect.yieldNow
  const now = yield* monotonicMillis
  if (now - state.expiredAt >= expireEvery) {
    state.expiredAt = now
    const at = yield* Clock.currentTimeMillis
    yield* inStore(() => store.expire(at))
    yield* updateStore(yield* inStore(() => store.size()))
  }
  if (now - state.committedAt < commitEvery) return
  state.committedAt = now
  const moved = [...state.positions].filter(([name, next]) => state.committed.get(name) !== next)
  if (moved.length === 0) return
  const { topicPrefix } = yield* SettingsService
  yield* (yield* KafkaClient).commitOffsets(
    topicPrefix + group,
    moved.map(([name, next]) => ({ ...placeOf(name, topicPrefix), next })),
    ""
  )
  for (const [name, next] of moved) state.committed.set(name, next)
})

const inStore = <A>(use: () => A): Effect.Effect<A, IndexError> =>
  Effect.try({
    try: use,
    catch: (cause) =>
      new IndexError({
        code: "index_file",
        message: `The file of the index cannot be used (${cause instanceof Error ? cause.message : String(cause)}).`,
        nextStep: "Check CAPI_INDEXER_FILE, its folder and the space on its disk; delete the file to build it again.",
        cause
      })
  })

const nameOf = (topic: string, partition: number): string => `${topic}/${partition}`
const placeOf = (name: string, prefix: string) => {
  const at = name.lastIndexOf("/")
  return { topic: prefix + name.slice(0, at), partition: Number(name.slice(at + 1)) }
}
