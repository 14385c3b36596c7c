/** Feeds a running ledger from the topics: each round reads what is new since the last one, and no record twice. */
import * as Effect from "effect/Effect"
import { Codecs, type Records, type SchemaName } from "../codec/codecs.ts"
import { type FetchedRecord, KafkaClient, type PartitionOffsets } from "../kafka/client.ts"
import { DecidedConnections, decidedConnectionsTopic } from "./decided-connections.ts"
import { clockSkewMillis, type LedgerConnection, mappedTopic, retryTopic, sourceOf } from "./read-ledger.ts"
import { type Committed, type Missing, RunningLedger } from "./running-ledger.ts"

export interface LedgerRound {
  /** Named in this round and in the one before, so that nothing is named that was only on its way. */
  readonly missing: ReadonlyArray<Missing>
  readonly inFlight: number
  readonly settled: number
  readonly unchecked: number
}

/** Events held in flight: about 400 bytes each for a connection. */
const openMax = 200_000

/** Follows raw events from `since` (milliseconds since the epoch) on; the effect that comes back is one round. */
export const followLedger = Effect.fn("ledger.follow")(function* (
  since: number,
  connections: ReadonlyArray<LedgerConnection>,
  prefix: string
) {
  const decided = new DecidedConnections()
  const ledger = new RunningLedger(
    connections.map(({ id }) => id),
    openMax,
    decided
  )
  const changes = yield* follower(`${prefix}${decidedConnectionsTopic}`, 0)
  const laterSince = Math.max(0, since - clockSkewMillis)
  const raw = yield* follower(`${prefix}raw-events`, since)
  const letters = yield* follower(`${prefix}dead-letters`, laterSince)
  const normalized = yield* follower(`${prefix}normalized-events`, laterSince)
  const platforms = [...new Set(connections.map(({ platform }) => platform))]
  const begun = yield* committedOf(connections, prefix)
  const deliveries = yield* Effect.forEach(platforms, (platform) =>
    Effect.gen(function* () {
      const ids = connections.filter((one) => one.platform === platform).map(({ id }) => id)
      const mapped = yield* follower(mappedTopic(prefix, platform), laterSince)
      // What waits for its retry may have begun long before: it is read from the first record that waits.
      const waiting = ids.map((id) => begun.retries.get(id) ?? new Map<number, number>())
      const retries = yield* follower(retryTopic(prefix, platform), laterSince, waiting)
      return { ids, mapped, retries }
    })
  )
  const results = yield* follower(`${prefix}delivery-results`, laterSince)
  let suspects: ReadonlySet<string> = new Set()
  return Effect.gen(function* () {
    const committed = yield* committedOf(connections, prefix)
    // The last stage's end first: what a stage has written by then came from records that lie before the ends of those ahead.
    const both = deliveries.flatMap(({ mapped, retries }) => [retries, mapped])
    for (const { mark } of [results, ...both, normalized, letters, raw, changes]) yield* mark
    const passed: Committed = {
      normalizer: raw.passed(committed.normalizer),
      mapper: normalized.passed(committed.mapper),
      deliveries: eachOf(deliveries, ({ mapped }, id) => mapped.passed(committed.deliveries.get(id))),
      retries: eachOf(deliveries, ({ retries }, id) => retries.passed(committed.retries.get(id)))
    }
    yield* changes.read(decoded("mapper-connections", (change) => decided.add(change)))
    yield* raw.read((records) => Effect.sync(() => records.forEach((record) => void ledger.raw(record))))
    yield* letters.read(
      decoded("dead-letter", (letter) => {
        if (letter.stage === "normalizer") ledger.deadLetter(sourceOf(letter))
      })
    )
    yield* normalized.read(
      decoded("normalized-event", (event, record) => ledger.normalized(event.source, event.event_id, placeOf(record)))
    )
    for (const { mapped, retries } of deliveries) {
      yield* mapped.read(
        decoded("mapped-event", (event, record) => ledger.mapped(event.source, event.connection_id, placeOf(record)))
      )
      yield* retries.read(
        decoded("mapped-event", ({ source, connection_id, event_id }, record) => {
          const isBehind = record.offset < (passed.retries.get(connection_id)?.get(record.partition) ?? 0)
          ledger.retried(source, connection_id, event_id, placeOf(record), isBehind)
        })
      )
    }
    yield* results.read(
      decoded("event-delivery-log", (log) => {
        if (log.source !== null) ledger.result(log.source, log.connection_id, log.outcome)
      })
    )
    const found = ledger.missing(passed)
    const missing = found.filter((one) => suspects.has(nameOf(one)))
    suspects = new Set(found.map(nameOf))
    const { inFlight, settled, unchecked } = ledger
    return { missing, inFlight, settled, unchecked } satisfies LedgerRound
  })
})

const eachOf = <D extends { readonly ids: ReadonlyArray<string> }, A>(
  deliveries: ReadonlyArray<D>,
  of: (delivery: D, id: string) => A
): ReadonlyMap<string, A> =>
  new Map(deliveries.flatMap((delivery) => delivery.ids.map((id) => [id, of(delivery, id)] as const)))

type Take<E, R> = (records: ReadonlyArray<FetchedRecord>) => Effect.Effect<void, E, R>

type Offsets = ReadonlyMap<number, number>

/**
 * Reads a topic on from where it stopped, to the end that it had at the last mark.
 *
 * @param waiting what groups have committed: where less, it begins there
 */
const follower = Effect.fnUntraced(function* (topic: string, since: number, waiting: ReadonlyArray<Offsets> = []) {
  const kafka = yield* KafkaClient
  const starts = yield* kafka.offsetsAt(topic, since)
  const positions = new Map(
    starts.map(({ partition, offset }) => [
      partition,
      waiting.reduce((least, offsets) => Math.min(least, offsets.get(partition) ?? 0), offset)
    ])
  )
  let ends: ReadonlyArray<PartitionOffsets> = []
  const mark = Effect.map(kafka.topicOffsets(topic), (found) => {
    ends = found
  })
  /** What a group will not read any more: behind its offset, or gone from the log. */
  const passed = (committed: Offsets | undefined): Offsets =>
    new Map(ends.map(({ partition, low }) => [partition, Math.max(low, committed?.get(partition) ?? 0)]))
  const read = <E, R>(take: Take<E, R>) =>
    Effect.gen(function* () {
      // Behind the end: the topic was made again.
      for (const { partition, high } of ends) if ((positions.get(partition) ?? 0) > high) positions.delete(partition)
      const ranges = ends.map(({ partition, low, high }) => ({
        partition,
        from: Math.max(low, positions.get(partition) ?? low),
        to: high
      }))
      // Each record counts once, though a read that fails midway is begun again.
      const onRecords = (records: ReadonlyArray<FetchedRecord>) => {
        const fresh = records.filter(({ partition, offset }) => offset >= (positions.get(partition) ?? 0))
        for (const { partition, offset } of fresh) positions.set(partition, offset + 1)
        return take(fresh)
      }
      yield* kafka.read({ topic, ranges, onRecords })
      for (const { partition, to } of ranges) positions.set(partition, to)
    })
  return { mark, passed, read }
})

const decoded =
  <S extends SchemaName>(schema: S, use: (value: Records[S], record: FetchedRecord) => void) =>
  (records: ReadonlyArray<FetchedRecord>) =>
    Effect.gen(function* () {
      const codecs = yield* Codecs
      yield* codecs.loadSchemas(records.map(({ value }) => value))
      for (const record of records) {
        const one = codecs.decode(schema, record.value)
        if (one._tag === "Decoded") use(one.value, record)
      }
    })

const committedOf = Effect.fnUntraced(function* (connections: ReadonlyArray<LedgerConnection>, prefix: string) {
  const kafka = yield* KafkaClient
  const of = (group: string, topic: string) =>
    Effect.map(
      kafka.committed(`${prefix}${group}`, topic),
      (offsets): Offsets => new Map(offsets.map(({ partition, offset }) => [partition, offset ?? 0]))
    )
  const ofEach = (topicOf: (prefix: string, platform: LedgerConnection["platform"]) => string) =>
    Effect.map(
      Effect.forEach(connections, ({ id, platform }) =>
        Effect.map(of(`delivery-${platform}.${id}`, topicOf(prefix, platform)), (found) => [id, found] as const)
      ),
      (found) => new Map(found)
    )
  return {
    normalizer: yield* of("normalizer", `${prefix}raw-events`),
    mapper: yield* of("mapper", `${prefix}normalized-events`),
    deliveries: yield* ofEach(mappedTopic),
    retries: yield* ofEach(retryTopic)
  } satisfies Committed
})

const placeOf = ({ partition, offset }: FetchedRecord) => ({ partition, offset })
const nameOf = ({ source, connectionId }: Missing) => `${source.partition}:${source.offset} ${connectionId}`
