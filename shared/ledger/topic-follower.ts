/** Reads a topic in rounds, each to the end that the topic had at a mark, and no record twice. */
import * as Effect from "effect/Effect"
import { Codecs, type Records, type SchemaName } from "../codec/codecs.ts"
import { type FetchedRecord, KafkaClient, type PartitionOffsets } from "../kafka/client.ts"
import type { Offsets } from "./event-state.ts"
import type { OffsetRange } from "./slices.ts"

export interface FollowOptions {
  /** Records of this time on, in milliseconds since the epoch. */
  readonly since: number
  /** Records before this time only; null for all. */
  readonly until?: number | null
  /** What groups have committed: the topic is read from there on where that is less. */
  readonly waiting?: ReadonlyArray<Offsets>
}

export type FollowedTopic = Effect.Success<ReturnType<typeof followTopic>>

export const followTopic = Effect.fnUntraced(function* (topic: string, options: FollowOptions) {
  const { since, until = null, waiting = [] } = options
  const kafka = yield* KafkaClient
  const starts = new Map(
    (yield* kafka.offsetsAt(topic, since)).map(({ partition, offset }) => [
      partition,
      waiting.reduce((least, offsets) => Math.min(least, offsets.get(partition) ?? 0), offset)
    ])
  )
  const positions = new Map(starts)
  let ends: ReadonlyArray<PartitionOffsets> = []
  const mark = Effect.gen(function* () {
    const found = yield* kafka.topicOffsets(topic)
    if (until === null) ends = found
    else {
      const last = new Map((yield* kafka.offsetsAt(topic, until)).map(({ partition, offset }) => [partition, offset]))
      ends = found.map((one) => ({ ...one, high: Math.min(one.high, last.get(one.partition) ?? one.high) }))
    }
  })
  /** What a group will not read any more: behind its offset, or gone from the log. */
  const passed = (committed: Offsets | undefined): Offsets =>
    new Map(ends.map(({ partition, low }) => [partition, Math.max(low, committed?.get(partition) ?? 0)]))
  /** From what was read to the mark. */
  const unread = (): ReadonlyArray<OffsetRange> =>
    ends.map(({ partition, low, high }) => ({
      partition,
      from: Math.max(low, positions.get(partition) ?? low),
      to: high
    }))
  const read = <E, R>(take: (records: ReadonlyArray<FetchedRecord>) => Effect.Effect<void, E, R>) =>
    Effect.gen(function* () {
      // Behind the end: the topic was created again.
      for (const { partition, high } of ends) if ((positions.get(partition) ?? 0) > high) positions.delete(partition)
      const ranges = unread()
      // Each record counts once, though a read that fails midway begins again.
      const onRecords = (records: ReadonlyArray<FetchedRecord>) => {
        const fresh = records.filter(({ partition, offset }) => offset >= (positions.get(partition) ?? 0))
        for (const { partition, offset } of fresh) positions.set(partition, offset + 1)
        return take(fresh)
      }
      yield* kafka.read({ topic, ranges, onRecords })
      for (const { partition, to } of ranges) positions.set(partition, to)
    })
  /** As `read`; records of another schema are skipped. */
  const readAs = <S extends SchemaName>(schema: S, use: (value: Records[S], record: FetchedRecord) => void) =>
    read(decoding(schema, use))
  /** Reads these, whether they were read before or not. */
  const readRanges = (ranges: ReadonlyArray<OffsetRange>, take: (records: ReadonlyArray<FetchedRecord>) => void) =>
    kafka.read({ topic, ranges, onRecords: take })
  /** As `readRanges`; records of another schema are skipped. */
  const readRangesAs = <S extends SchemaName>(
    ranges: ReadonlyArray<OffsetRange>,
    schema: S,
    use: (value: Records[S], record: FetchedRecord) => void
  ) => kafka.read({ topic, ranges, onRecords: decoding(schema, use) })
  return { topic, mark, passed, unread, read, readAs, readRanges, readRangesAs }
})

const decoding =
  <S extends SchemaName>(schema: S, use: (value: Records[S], record: FetchedRecord) => void) =>
  (records: ReadonlyArray<FetchedRecord>) =>
    Effect.gen(function* () {
      const codecs = yield* Codecs
      yield* codecs.loadSchemas(records.map(({ value }) => value))
      for (const record of records) {
        const decoded = codecs.decode(schema, record.value)
        if (decoded._tag === "Decoded") use(decoded.value, record)
      }
    })
