/** Reads the topics into a ledger. Committed offsets are read first: what lies behind them must have left its trace. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import topicTable from "../../schemas/topics.json" with { type: "json" }
import type { DeadLetter } from "../../schemas/types.gen.ts"
import { Codecs, type Records, type SchemaName } from "../codec/codecs.ts"
import { type FetchedRecord, KafkaClient } from "../kafka/client.ts"
import { type Platform, platforms } from "../model/platform.ts"
import { readDecidedConnections } from "./decided-connections.ts"
import { type Balance, type ConnectionState, Ledger, type Passed } from "./ledger.ts"
import type { RawSource } from "./raw-source.ts"

export interface LedgerRange {
  /** Raw records of this time range (Kafka timestamps, milliseconds since the epoch; `to` exclusive). */
  readonly from: number
  readonly to: number
}

export interface LedgerConnection {
  readonly id: string
  readonly platform: Platform
  /** True where it is not said. */
  readonly enabled?: boolean
}

/**
 * Later stages are read from so much before the raw events on, in milliseconds: their records carry the time of another
 * machine, whose clock may be behind the producer's.
 */
export const clockSkewMillis = 300_000

const resultsKeptMillis = topicTable.topics.find(({ name }) => name === "delivery-results")!.retention_ms

/** A balance, and the ids of normalized events of the range whose raw record is not there: written by another program, or deleted since. */
export interface ReadBalance extends Balance {
  readonly withoutRaw: ReadonlyArray<string>
}

/** `connections` are all of the file; `prefix` is that of topics and groups. Fails where broker or registry cannot be reached. */
export const readLedger = Effect.fn("ledger.read")(function* (
  range: LedgerRange,
  connections: ReadonlyArray<LedgerConnection>,
  prefix: string
) {
  const present = new Set(yield* (yield* KafkaClient).listTopics)
  const decided = yield* readDecidedConnections(prefix)
  const ledger = new Ledger(statesOf(connections), decided)
  // A raw record may outlive its time by as long as its segment is open; its results may be gone by then.
  const from = Math.max(range.from, (yield* Clock.currentTimeMillis) - resultsKeptMillis)
  const laterFrom = Math.max(0, from - clockSkewMillis)
  const raw = `${prefix}raw-events`
  const normalized = `${prefix}normalized-events`
  const [normalizer, mapper] = [
    yield* committedOf(`${prefix}normalizer`, raw),
    yield* committedOf(`${prefix}mapper`, normalized)
  ]
  const deliveries = new Map<string, ReadonlyMap<number, number>>()
  const retries = new Map<string, ReadonlyMap<number, number>>()
  // A connection that was removed is known by what the mapper had.
  const all = new Map([...decided.known, ...connections.map(({ id, platform }) => [id, platform] as const)])
  for (const [id, name] of all) {
    const platform = name as Platform
    if (!present.has(mappedTopic(prefix, platform))) continue
    const group = `${prefix}delivery-${platform}.${id}`
    deliveries.set(id, yield* committedOf(group, mappedTopic(prefix, platform)))
    retries.set(id, yield* committedOf(group, retryTopic(prefix, platform)))
  }
  const covers = yield* readRaw(ledger, raw, { from, to: range.to }, normalizer)
  yield* readRecords(`${prefix}dead-letters`, "dead-letter", laterFrom, (letter) => {
    if (letter.stage === "normalizer") ledger.deadLetter(sourceOf(letter))
  })
  const withoutRaw = new Set<string>()
  yield* readRecords(normalized, "normalized-event", laterFrom, (event, record) => {
    const isKnown = ledger.normalized(event.source, event.event_id, {
      ...passed(record, mapper),
      partition: record.partition
    })
    if (!isKnown && covers(event.source)) withoutRaw.add(event.event_id)
  })
  for (const platform of platforms) {
    if (!present.has(mappedTopic(prefix, platform))) continue
    yield* readRecords(mappedTopic(prefix, platform), "mapped-event", laterFrom, (event, record) =>
      ledger.mapped(event.source, event.connection_id, passed(record, deliveries.get(event.connection_id)))
    )
    yield* readRecords(retryTopic(prefix, platform), "mapped-event", laterFrom, (event, record) =>
      ledger.retried(event.source, event.connection_id, passed(record, retries.get(event.connection_id)))
    )
  }
  yield* readRecords(`${prefix}delivery-results`, "event-delivery-log", laterFrom, (log) => {
    if (log.source !== null) ledger.result(log.source, log.connection_id, log)
  })
  return { ...ledger.balance(), withoutRaw: [...withoutRaw] } satisfies ReadBalance
})

/** Whether each connection of the file delivers. */
export const statesOf = (connections: ReadonlyArray<LedgerConnection>): ReadonlyMap<string, ConnectionState> =>
  new Map(connections.map(({ id, enabled }) => [id, enabled === false ? "disabled" : "enabled"]))

/** The topics of a platform, with prefix. */
export const mappedTopic = (prefix: string, platform: Platform): string => `${prefix}mapped-events.${platform}`
export const retryTopic = (prefix: string, platform: Platform): string => `${prefix}delivery-retry.${platform}`

/** The raw record of a normalizer's dead letter. */
export const sourceOf = (letter: DeadLetter): RawSource => ({
  partition: letter.source_partition,
  offset: letter.source_offset,
  timestamp: letter.source_timestamp
})

const committedOf = Effect.fnUntraced(function* (groupId: string, topic: string) {
  const kafka = yield* KafkaClient
  const offsets = yield* kafka.committed(groupId, topic)
  return new Map(offsets.map(({ partition, offset }) => [partition, offset ?? 0])) as ReadonlyMap<number, number>
})

const passed = (record: FetchedRecord, committed: ReadonlyMap<number, number> | undefined): Passed => ({
  offset: record.offset,
  committed: committed?.get(record.partition) ?? 0
})

// Positions alone: the raw events' personal data is not looked at. Gives whether a position was among those that were read.
const readRaw = Effect.fnUntraced(function* (
  ledger: Ledger,
  topic: string,
  range: LedgerRange,
  committed: ReadonlyMap<number, number>
) {
  const kafka = yield* KafkaClient
  const ends = new Map((yield* kafka.offsetsAt(topic, range.to)).map(({ partition, offset }) => [partition, offset]))
  const starts = yield* kafka.offsetsAt(topic, range.from)
  const ranges = starts.map(({ partition, offset }) => ({ partition, from: offset, to: ends.get(partition) ?? offset }))
  yield* kafka.read({
    topic,
    ranges,
    onRecords: (records) => {
      for (const record of records) ledger.raw(record, committed.get(record.partition) ?? 0)
    }
  })
  return ({ partition, offset, timestamp }: RawSource): boolean =>
    timestamp !== null &&
    timestamp >= range.from &&
    timestamp < range.to &&
    ranges.some((one) => one.partition === partition && offset >= one.from && offset < one.to)
})

const readRecords = Effect.fnUntraced(function* <S extends SchemaName>(
  topic: string,
  schema: S,
  from: number,
  use: (value: Records[S], record: FetchedRecord) => void
) {
  const kafka = yield* KafkaClient
  const codecs = yield* Codecs
  const starts = yield* kafka.offsetsAt(topic, from)
  const ends = new Map((yield* kafka.topicOffsets(topic)).map(({ partition, high }) => [partition, high]))
  // Only records of a schema that is not known yet wait for the registry; the others pass through.
  const waiting: Array<FetchedRecord> = []
  const useRecord = (record: FetchedRecord): boolean => {
    const decoded = codecs.decode(schema, record.value)
    if (decoded._tag === "Decoded") use(decoded.value, record)
    return decoded._tag === "Decoded"
  }
  yield* kafka.read({
    topic,
    ranges: starts.map(({ partition, offset }) => ({ partition, from: offset, to: ends.get(partition) ?? offset })),
    onRecords: (records) => {
      for (const record of records) if (!useRecord(record)) waiting.push(record)
    }
  })
  yield* codecs.loadSchemas(waiting.map((record) => record.value))
  for (const record of waiting) useRecord(record)
})
