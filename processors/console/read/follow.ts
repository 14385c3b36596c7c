/** Follows topics for ever, outside any group: what fails is tried again from where it was, and partitions that are added are found. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { Codecs, type Records, type RegistryError, type SchemaName } from "../../../shared/codec/codecs.ts"
import { SettingsService } from "../../../shared/config/settings.ts"
import { type FetchedRecord, KafkaClient, type KafkaError } from "../../../shared/kafka/client.ts"

const retryAfter = Duration.seconds(2)
const lookForPartitionsEvery = Duration.minutes(1)

/** Where each partition begins: `null` for the start of the log. Partitions that are not in it begin there too. */
export type Starts = ReadonlyMap<number, number> | null

type Failure = KafkaError | RegistryError
type Use = (records: ReadonlyArray<FetchedRecord>) => Effect.Effect<void, Failure, Codecs>

export interface Following {
  /** Hears why the topic cannot be read now, and null when it can. */
  readonly onState: (problem: string | null) => void
  /** What was there at the start has been read. */
  readonly onCaughtUp?: () => void
}

/** `topic` without prefix. */
export const follow = (topic: string, starts: Starts, use: Use, { onState, onCaughtUp }: Following) =>
  Effect.gen(function* () {
    const kafka = yield* KafkaClient
    const name = (yield* SettingsService).topicPrefix + topic
    const positions = new Map(starts ?? [])
    const once = Effect.gen(function* () {
      const logs = yield* kafka.topicOffsets(name)
      onState(null)
      const ranges = logs.map(({ partition, low, high }) => {
        const known = positions.get(partition) ?? low
        // Behind the end: the topic was created again.
        return { partition, from: known > high ? low : Math.max(low, known), to: high }
      })
      const onRecords = Effect.fnUntraced(function* (records: ReadonlyArray<FetchedRecord>) {
        yield* use(records)
        const last = records[records.length - 1]!
        positions.set(last.partition, last.offset + 1)
      })
      const more = Effect.gen(function* () {
        while ((yield* kafka.topicOffsets(name)).length <= logs.length) yield* Effect.sleep(lookForPartitionsEvery)
      })
      yield* kafka.read({ topic: name, ranges, onRecords })
      // Behind the last record may be a transaction's marker.
      for (const { partition, to } of ranges) positions.set(partition, to)
      onCaughtUp?.()
      const onward = ranges.map(({ partition, to }) => ({ partition, from: to, to: null }))
      yield* Effect.raceFirst(kafka.read({ topic: name, ranges: onward, onRecords }), more)
    }).pipe(
      Effect.catch((error) => {
        onState(error.message)
        return Effect.andThen(
          Effect.logWarning("A topic could not be read; it is tried again.").pipe(
            Effect.annotateLogs({ topic: name, reason: error.message })
          ),
          Effect.sleep(retryAfter)
        )
      })
    )
    return yield* Effect.forever(once)
  })

/** Decodes records for `use`; those of another schema are skipped, and records without a value go to `useMark`. */
export const decoding =
  <S extends SchemaName>(
    schema: S,
    use: (value: Records[S], record: FetchedRecord) => void,
    useMark: (record: FetchedRecord) => void = () => undefined
  ): Use =>
  (records) =>
    Effect.gen(function* () {
      const codecs = yield* Codecs
      yield* codecs.loadSchemas(records.map(({ value }) => value))
      for (const record of records) {
        if (record.value === null) {
          useMark(record)
          continue
        }
        const decoded = codecs.decode(schema, record.value)
        if (decoded._tag === "Decoded") use(decoded.value, record)
      }
    })
