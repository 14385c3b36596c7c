/** Reads a topic: from a start position on, or its last records. */
import * as Effect from "effect/Effect"
import { SettingsService } from "../config/settings.ts"
import { type FetchedRecord, KafkaClient } from "./client.ts"
import { LastRecords } from "./last-records.ts"

/** Where to begin; `millis` since the epoch. */
export type StartPosition = { readonly _tag: "Beginning" } | { readonly _tag: "At"; readonly millis: number }

export interface ReadOptions<E, R> {
  /** The logical name, without the prefix. */
  readonly topic: string
  readonly from:
    | StartPosition
    | { readonly _tag: "End" }
    | { readonly _tag: "Offsets"; readonly by: ReadonlyMap<number, number> }
  readonly follow: boolean
  /** Whether `onRecords` keeps nothing that is a view of a record: the memory is used again for those that come later. */
  readonly releases?: boolean
  readonly onRecords: (records: ReadonlyArray<FetchedRecord>) => void | Effect.Effect<void, E, R>
}

/** Reads to the topic's present end, or for ever; calls back with records in the order of each partition. */
export const readTopic = Effect.fnUntraced(function* <E = never, R = never>(options: ReadOptions<E, R>) {
  const kafka = yield* KafkaClient
  const topic = (yield* SettingsService).topicPrefix + options.topic
  const ends = yield* kafka.topicOffsets(topic)
  const starts = yield* startsOf(topic, options.from)
  const ranges = ends.map(({ partition, low, high }) => ({
    partition,
    from: starts?.get(partition) ?? (options.from._tag === "End" ? high : low),
    to: options.follow ? null : high
  }))
  yield* kafka.read({
    topic,
    ranges: ranges.filter(({ from, to }) => to === null || from < to),
    onRecords: options.releases === true ? releasing(options.onRecords) : options.onRecords
  })
})

/** `onRecords` that keeps no view: the records' memory is given back when they are done with; after a failure it is left to the garbage collector. */
export const releasing =
  <E = never, R = never>(onRecords: ReadOptions<E, R>["onRecords"]): ReadOptions<E, R>["onRecords"] =>
  (records) => {
    const work = onRecords(records)
    if (!Effect.isEffect(work)) return release(records)
    return Effect.tap(work, () => Effect.sync(() => release(records)))
  }

const release = (records: ReadonlyArray<FetchedRecord>): void => {
  for (const { bufferRef } of records) bufferRef?.release()
}

const startsOf = Effect.fnUntraced(function* (topic: string, from: ReadOptions<never, never>["from"]) {
  if (from._tag === "Offsets") return from.by
  if (from._tag !== "At") return null
  const kafka = yield* KafkaClient
  const offsets = yield* kafka.offsetsAt(topic, from.millis)
  return new Map(offsets.map(({ partition, offset }) => [partition, offset]))
})

/** Offsets that the first look back covers beyond the wanted records: control records and compaction leave holes. */
const lookBackMin = 64
const lookBackGrowth = 4
/** Of all partitions together; a record may have 16 MiB. */
const lastBytesMax = 64 * 1_048_576

interface Partition {
  readonly partition: number
  readonly low: number
  readonly high: number
  /** Read from here on. */
  from: number
  last: LastRecords
}

/**
 * The last `wanted` records of a topic by their time, oldest first, and the offset after each partition's last record. Looks back until each partition
 * has given as many records, since an offset may be a transaction's marker, and any partition may hold the newest. Of records that do not fit into
 * memory only the newest are there: `isCut`.
 */
export const readLast = Effect.fnUntraced(function* (logicalTopic: string, wanted: number) {
  const kafka = yield* KafkaClient
  const topic = (yield* SettingsService).topicPrefix + logicalTopic
  const ends = yield* kafka.topicOffsets(topic)
  const bytesMax = lastBytesMax / Math.max(1, ends.length)
  const partitions = ends.map(
    ({ partition, low, high }): Partition => ({
      partition,
      low,
      high,
      from: high,
      last: new LastRecords(wanted, bytesMax)
    })
  )
  for (let span = Math.max(2 * wanted, lookBackMin); ; span *= lookBackGrowth) {
    const open = partitions.filter(({ from, low, last }) => from > low && last.size < wanted && !last.isFull)
    if (open.length === 0) break
    const found = new Map(open.map(({ partition }) => [partition, new LastRecords(wanted, bytesMax)]))
    const ranges = open.map(({ partition, low, from }) => ({ partition, from: Math.max(low, from - span), to: from }))
    yield* kafka.read({
      topic,
      ranges,
      onRecords: (records) => {
        for (const record of records) found.get(record.partition)!.push([record])
      }
    })
    for (const [index, partition] of open.entries()) {
      partition.from = ranges[index]!.from
      const earlier = found.get(partition.partition)!
      earlier.push(partition.last.records)
      partition.last = earlier
    }
  }
  return {
    records: partitions
      .flatMap(({ last }) => last.records)
      .sort((left, right) => left.timestamp - right.timestamp || left.offset - right.offset)
      .slice(-wanted),
    isCut: partitions.some(({ last }) => last.isFull),
    ends: new Map(ends.map(({ partition, high }) => [partition, high]))
  }
})
