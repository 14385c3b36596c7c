/**
 * Reads the topics into a ledger: once, for the balance of a time range, or on and on in rounds. A round reads what the groups have
 * committed first, since what lies behind that must have left its trace; then it marks the ends of the topics, the last stage's
 * first, since what a stage has written by then came from records before the marks of the stages ahead of it.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import topicTable from "../../schemas/topics.json" with { type: "json" }
import type { DeadLetter } from "../../schemas/types.gen.ts"
import type { EventLog } from "../config/settings.ts"
import { type FetchedRecord, KafkaClient } from "../kafka/client.ts"
import { type Platform, platforms } from "../model/platform.ts"
import { topicNames } from "../model/topics.ts"
import { followPositions, nextOf, type StoredPositions } from "../runtime/positions.ts"
import { type Balance, balanceOf, sumOf } from "./balance.ts"
import { DecidedConnections, decidedConnectionsTopic, readDecidedConnections } from "./decided-connections.ts"
import type { Committed, ConnectionState, Offsets, Place, RawSource } from "./event-state.ts"
import { Ledger, type Missing } from "./ledger.ts"
import { readStage, type Slice } from "./read-stage.ts"
import { Slices } from "./slices.ts"
import { followTopic } from "./topic-follower.ts"
import { UnreadRecords } from "./unread-records.ts"

export interface LedgerRange {
  /** Raw records of this time range (Kafka timestamps, milliseconds since the epoch; `to` exclusive). */
  readonly from: number
  readonly to: number
}

export interface LedgerConnection {
  readonly id: string
  readonly platform: Platform
  /** True where it is left out. */
  readonly enabled?: boolean
}

/** A balance, and the ids of normalized events of the range whose raw record is not there: written by another program, or deleted since. */
export interface ReadBalance extends Balance {
  readonly withoutRaw: ReadonlyArray<string>
}

/** `connections` are all of the file; `prefix` is that of topics and groups; `eventLog` is what the normalizer reads. Fails where broker or registry cannot be reached. */
export const readLedger = Effect.fn("ledger.read")(function* (
  range: LedgerRange,
  connections: ReadonlyArray<LedgerConnection>,
  prefix: string,
  eventLog: EventLog = topicNames.raw,
  heldBytesMax = heldBytes
) {
  const present = new Set(yield* (yield* KafkaClient).listTopics)
  const read = platforms.filter((platform) => present.has(mappedTopic(prefix, platform)))
  const decided = yield* readDecidedConnections(prefix)
  // A connection that was removed is known by what the mapper had.
  const all = new Map([...decided.known, ...connections.map(({ id, platform }) => [id, platform] as const)])
  const groups = [...all].map(([id, platform]) => ({ id, platform: platform as Platform }))
  // A raw record may outlive its time by as long as its segment is open; its results may be gone by then.
  const from = Math.max(range.from, (yield* Clock.currentTimeMillis) - keptMillis(eventLog))
  const topics = yield* followTopics(
    { from, to: range.to, platforms: read, prefix, eventLog },
    groups.filter(({ platform }) => read.includes(platform))
  )
  const withoutRaw = new Set<string>()
  const isInRange = ({ timestamp }: RawSource) => timestamp !== null && timestamp >= from && timestamp < range.to
  yield* topics.mark
  const slices = new Slices(topics.unreadRaw(), eventsPerSlice(heldBytesMax, groups.length))
  const unread = new UnreadRecords()
  const balances: Array<Balance> = []
  for (let index = 0; index < slices.count; index++) {
    const ledger = new Ledger(statesOf(connections), decided, null, unread)
    yield* topics.read(ledger, { slices, index }, (source, eventId) => {
      if (isInRange(source) && slices.indexOf(source) === index) withoutRaw.add(eventId)
    })
    balances.push(balanceOf(ledger))
  }
  return { ...balances.reduce(sumOf), withoutRaw: [...withoutRaw] } satisfies ReadBalance
})

/** What a slice's events may take, about. */
const heldBytes = 96 * 1_048_576
const eventsPerSlice = (bytes: number, connections: number): number =>
  Math.max(1, Math.floor(bytes / (bytesOfEvent + connections * bytesOfDelivery)))
const [bytesOfEvent, bytesOfDelivery] = [500, 250]

export interface LedgerRound {
  /** Named in this round and in the one before, so that nothing is named that was only on its way. */
  readonly missing: ReadonlyArray<Missing>
  readonly inFlight: number
  readonly settled: number
  readonly unchecked: number
}

/**
 * Follows raw events from `since` (milliseconds since the epoch) on, and forgets each as soon as its outcomes are known; the
 * effect that comes back is one round. `connections` are the enabled ones.
 */
export const followLedger = Effect.fn("ledger.follow")(function* (
  since: number,
  connections: ReadonlyArray<LedgerConnection>,
  prefix: string,
  eventLog: EventLog = topicNames.raw
) {
  const decided = new DecidedConnections()
  const ledger = new Ledger(statesOf(connections), decided, openMax)
  const changes = yield* followTopic(`${prefix}${decidedConnectionsTopic}`, { since: 0 })
  const read = [...new Set(connections.map(({ platform }) => platform))]
  const topics = yield* followTopics({ from: since, to: null, platforms: read, prefix, eventLog }, connections)
  let suspects: ReadonlySet<string> = new Set()
  return Effect.gen(function* () {
    yield* topics.mark
    yield* changes.mark
    yield* changes.readAs("mapper-connections", (change) => decided.add(change))
    yield* topics.read(ledger)
    const found = ledger.missing()
    const missing = found.filter((one) => suspects.has(nameOf(one)))
    suspects = new Set(found.map(nameOf))
    const { inFlight, settled, unchecked } = ledger
    return { missing, inFlight, settled, unchecked } satisfies LedgerRound
  })
})

interface Followed {
  /** Of raw records, in milliseconds since the epoch; a `to` of null has no end. */
  readonly from: number
  readonly to: number | null
  readonly platforms: ReadonlyArray<Platform>
  readonly prefix: string
  readonly eventLog: EventLog
}

/** The topics of a ledger: `mark` begins a round, `read` feeds a ledger with what is new up to the marks, in the order of the stages. */
const followTopics = Effect.fnUntraced(function* (
  { from, to, platforms, prefix, eventLog }: Followed,
  connections: ReadonlyArray<LedgerConnection>
) {
  const since = Math.max(0, from - clockSkewMillis)
  const deadLetters = yield* followTopic(`${prefix}${topicNames.deadLetters}`, { since })
  const normalized = yield* followTopic(`${prefix}${topicNames.normalized}`, { since })
  const positions = yield* followPositions(prefix)
  const committedNow = Effect.flatMap(positions, (stored) => committedOf(stored, connections, prefix, eventLog))
  let committed = yield* committedNow
  const deliveries = yield* Effect.forEach(platforms, (platform) =>
    Effect.gen(function* () {
      const ids = connections.filter((one) => one.platform === platform).map(({ id }) => id)
      const mapped = yield* followTopic(mappedTopic(prefix, platform), { since })
      // What waits for its retry may have begun long before: it is read from the first record that waits.
      const waiting = to === null ? ids.map((id) => committed.retries.get(id) ?? new Map<number, number>()) : []
      const retries = yield* followTopic(retryTopic(prefix, platform), { since, waiting })
      return { platform, ids, mapped, retries }
    })
  )
  const results = yield* followTopic(`${prefix}${topicNames.results}`, { since })
  // The last one: where the clock is ahead of the topics, each of them begins at its end, and traces must not lie before it.
  const raw = yield* followTopic(`${prefix}${eventLog}`, { since: from, until: to })
  const platformOf = new Map(connections.map(({ id, platform }) => [id, platform]))
  /** Positions are those of a connection's platform: a record on the topic of its former one has no reader, so that none has passed it. */
  const placeFor = (id: string, platform: Platform, record: FetchedRecord): Place =>
    (platformOf.get(id) ?? platform) === platform
      ? placeOf(record)
      : { partition: record.partition, offset: Number.MAX_SAFE_INTEGER }
  const mark = Effect.gen(function* () {
    committed = yield* committedNow
    const retries = deliveries.map((one) => one.retries)
    const mapped = deliveries.map((one) => one.mapped)
    for (const stage of [[results], retries, mapped, [normalized], [deadLetters], [raw]])
      yield* Effect.forEach(stage, (topic) => topic.mark, { concurrency: "unbounded", discard: true })
  })
  const read = (
    ledger: Ledger,
    slice: Slice | null = null,
    unknownRaw: (source: RawSource, eventId: string) => void = () => {}
  ) =>
    Effect.gen(function* () {
      ledger.advance({
        normalizer: raw.passed(committed.normalizer),
        mapper: normalized.passed(committed.mapper),
        deliveries: eachOf(deliveries, ({ mapped }, id) => mapped.passed(committed.deliveries.get(id))),
        retries: eachOf(deliveries, ({ retries }, id) => retries.passed(committed.retries.get(id)))
      })
      // Positions alone: the raw events' personal data is not read.
      const takeRaw = (records: ReadonlyArray<FetchedRecord>) => records.forEach((record) => void ledger.raw(record))
      if (slice === null) yield* raw.read((records) => Effect.sync(() => takeRaw(records)))
      else yield* raw.readRanges(slice.slices.rawOf(slice.index), takeRaw)
      yield* readStage(deadLetters, slice, "dead-letter", rawOfDeadLetter, (deadLetter) => {
        const source = rawOfDeadLetter(deadLetter)
        if (source !== null) ledger.deadLetter(source)
        // Later slices find what the first one has left.
        else if (slice === null || slice.index === 0) ledger.unread.add(deadLetter)
      })
      yield* readStage(normalized, slice, "normalized-event", rawOf, ({ source, event_id }, record) => {
        if (!ledger.normalized(source, event_id, placeOf(record))) unknownRaw(source, event_id)
      })
      for (const { platform, mapped, retries } of deliveries) {
        yield* readStage(mapped, slice, "mapped-event", rawOf, ({ source, connection_id }, record) =>
          ledger.mapped(source, connection_id, placeFor(connection_id, platform, record))
        )
        yield* readStage(retries, slice, "mapped-event", rawOf, ({ source, connection_id, event_id }, record) =>
          ledger.retried(source, connection_id, event_id, placeFor(connection_id, platform, record))
        )
      }
      yield* readStage(results, slice, "event-delivery-log", rawOf, (log) => {
        if (log.source === null) return
        // The normalizer's, which knows no connections.
        if (log.connection_id === "") ledger.erased(log.source)
        else ledger.result(log.source, log.connection_id, log)
      })
    })
  return { mark, read, unreadRaw: raw.unread }
})

const rawOf = <Source extends RawSource | null>({ source }: { readonly source: Source }): Source => source

/** Of the normalizer's; the others' are of later records. */
const rawOfDeadLetter = ({ stage, source_partition, source_offset, source_timestamp }: DeadLetter): RawSource | null =>
  stage === "normalizer" ? { partition: source_partition, offset: source_offset, timestamp: source_timestamp } : null

const eachOf = <D extends { readonly ids: ReadonlyArray<string> }, A>(
  deliveries: ReadonlyArray<D>,
  of: (delivery: D, id: string) => A
): ReadonlyMap<string, A> =>
  new Map(deliveries.flatMap((delivery) => delivery.ids.map((id) => [id, of(delivery, id)] as const)))

const committedOf = Effect.fnUntraced(function* (
  stored: StoredPositions,
  connections: ReadonlyArray<LedgerConnection>,
  prefix: string,
  eventLog: EventLog
) {
  const kafka = yield* KafkaClient
  const of = (group: string, topic: string) =>
    Effect.map(
      kafka.committedOfGroups([`${prefix}${group}`], [topic]),
      (offsets): Offsets => new Map(offsets.map(({ partition, offset }) => [partition, offset ?? 0]))
    )
  const ofEach = Effect.fnUntraced(function* (topicOf: (platform: Platform) => string) {
    const found = new Map<string, Offsets>()
    for (const [platform, own] of Map.groupBy(connections, (one) => one.platform)) {
      const nameOf = (id: string) => `delivery-${platform}.${id}`
      const next = yield* nextOf(
        stored,
        prefix,
        own.map(({ id }) => nameOf(id)),
        topicOf(platform)
      )
      for (const { id } of own) found.set(id, next.get(nameOf(id))!)
    }
    return found
  })
  return {
    normalizer: yield* of("normalizer", `${prefix}${eventLog}`),
    mapper: yield* of("mapper", `${prefix}${topicNames.normalized}`),
    deliveries: yield* ofEach(topicNames.mapped),
    retries: yield* ofEach(topicNames.retry)
  } satisfies Committed
})

/** Whether each connection of the file delivers. */
const statesOf = (connections: ReadonlyArray<LedgerConnection>): ReadonlyMap<string, ConnectionState> =>
  new Map(connections.map(({ id, enabled }) => [id, enabled === false ? "disabled" : "enabled"]))

/** The topics of a platform, with prefix. */
const mappedTopic = (prefix: string, platform: Platform): string => prefix + topicNames.mapped(platform)
const retryTopic = (prefix: string, platform: Platform): string => prefix + topicNames.retry(platform)

const placeOf = ({ partition, offset }: FetchedRecord): Place => ({ partition, offset })
const nameOf = ({ source, connectionId }: Missing) => `${source.partition}:${source.offset} ${connectionId}`

/**
 * Later stages are read from so much before the raw events on, in milliseconds: their records carry the time of another
 * machine, whose clock may be behind the producer's.
 */
export const clockSkewMillis = 300_000

/** Events held in flight: about 400 bytes each for a connection. */
const openMax = 200_000

/** For so long the topics still say what became of a raw record: sealed ones outlive their results and dead letters. */
const keptMillis = (eventLog: EventLog): number => {
  const ofTopic = (topic: string) => topicTable.topics.find(({ name }) => name === topic)!
  const deadLetters = ofTopic(topicNames.deadLetters)
  const sealed = deadLetters.retention_ms_sealed ?? deadLetters.retention_ms
  return Math.min(
    ofTopic(topicNames.results).retention_ms,
    eventLog === topicNames.sealed ? sealed : deadLetters.retention_ms
  )
}
