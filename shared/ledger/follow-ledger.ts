/** Feeds a running ledger from the topics: each round reads what is new since the last one, and no record twice. */
import * as Effect from "effect/Effect"
import { Codecs, type Records, type SchemaName } from "../avro/codecs.ts"
import { type FetchedRecord, KafkaClient, type PartitionOffsets } from "../kafka/port.ts"
import { clockSkewMillis, type LedgerConnection, mappedTopic } from "./read-ledger.ts"
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
  const ledger = new RunningLedger(
    connections.map(({ id }) => id),
    openMax
  )
  const laterSince = Math.max(0, since - clockSkewMillis)
  const raw = yield* follower(`${prefix}raw-events`, since)
  const letters = yield* follower(`${prefix}dead-letters`, laterSince)
  const normalized = yield* follower(`${prefix}normalized-events`, laterSince)
  const platforms = [...new Set(connections.map(({ platform }) => platform))]
  const mapped = yield* Effect.forEach(platforms, (platform) => follower(mappedTopic(prefix, platform), laterSince))
  const results = yield* follower(`${prefix}delivery-results`, laterSince)
  let suspects: ReadonlySet<string> = new Set()
  return Effect.gen(function* () {
    const committed = yield* committedOf(connections, prefix)
    // The last stage's end first: what a stage has written by then came from records that lie before the ends of those ahead.
    for (const { mark } of [results, ...mapped, normalized, letters, raw]) yield* mark
    yield* raw.read((records) => Effect.sync(() => records.forEach((record) => void ledger.raw(placeOf(record)))))
    yield* letters.read(
      decoded("dead-letter", (letter) => {
        if (letter.stage !== "normalizer") return
        ledger.deadLetter({ partition: letter.source_partition, offset: letter.source_offset })
      })
    )
    yield* normalized.read(
      decoded("normalized-event", (event, record) => ledger.normalized(event.source, event.event_id, placeOf(record)))
    )
    for (const platform of mapped)
      yield* platform.read(
        decoded("mapped-event", (event, record) => ledger.mapped(event.source, event.connection_id, placeOf(record)))
      )
    yield* results.read(
      decoded("event-delivery-log", (log) => {
        if (log.source !== null) ledger.result(log.source, log.connection_id, log.outcome)
      })
    )
    const found = ledger.missing(committed)
    const missing = found.filter((one) => suspects.has(nameOf(one)))
    suspects = new Set(found.map(nameOf))
    const { inFlight, settled, unchecked } = ledger
    return { missing, inFlight, settled, unchecked } satisfies LedgerRound
  })
})

type Take<E, R> = (records: ReadonlyArray<FetchedRecord>) => Effect.Effect<void, E, R>

/** Reads a topic on from where it stopped, to the end that it had at the last mark. */
const follower = Effect.fnUntraced(function* (topic: string, since: number) {
  const kafka = yield* KafkaClient
  const starts = yield* kafka.offsetsAt(topic, since)
  const positions = new Map(starts.map(({ partition, offset }) => [partition, offset]))
  let ends: ReadonlyArray<PartitionOffsets> = []
  const mark = Effect.map(kafka.topicOffsets(topic), (found) => {
    ends = found
  })
  const read = <E, R>(take: Take<E, R>) =>
    Effect.gen(function* () {
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
  return { mark, read }
})

const decoded =
  <S extends SchemaName>(schema: S, use: (value: Records[S], record: FetchedRecord) => void) =>
  (records: ReadonlyArray<FetchedRecord>) =>
    Effect.gen(function* () {
      const codecs = yield* Codecs
      yield* codecs.prepare(records.map(({ value }) => value))
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
      (offsets): ReadonlyMap<number, number> =>
        new Map(offsets.map(({ partition, offset }) => [partition, offset ?? 0]))
    )
  const deliveries = yield* Effect.forEach(connections, ({ id, platform }) =>
    Effect.map(of(`delivery-${platform}.${id}`, mappedTopic(prefix, platform)), (found) => [id, found] as const)
  )
  return {
    normalizer: yield* of("normalizer", `${prefix}raw-events`),
    mapper: yield* of("mapper", `${prefix}normalized-events`),
    deliveries: new Map(deliveries)
  } satisfies Committed
})

const placeOf = ({ partition, offset }: FetchedRecord) => ({ partition, offset })
const nameOf = ({ source, connectionId }: Missing) => `${source.partition}:${source.offset} ${connectionId}`
