/** The topic `suppressions` as a table in memory: read whole before a program's first batch, and followed from then on. */
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Metric from "effect/Metric"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import type { Suppression } from "../../schemas/types.gen.ts"
import { Codecs, type RegistryError } from "../codec/codecs.ts"
import { decodeSettings, SettingsError, SettingsService } from "../config/settings.ts"
import { type FetchedRecord, KafkaClient, type KafkaError } from "../kafka/client.ts"
import { topicNames } from "../model/topics.ts"
import { EndProgram } from "../runtime/contract.ts"
import { type Suppressions, SuppressionTable } from "./suppressions.ts"

/** Called for each record of the topic, in order; the record is null where the suppression ended. */
type OnSuppression = (key: string, record: Suppression | null) => void

/**
 * Whom not to send events of, up to date until the scope closes. None is ever left out: where there are more than `SUPPRESSIONS_MAX`,
 * the program does not start, and ends if it runs, so that it sends nothing that it did not check.
 */
export const followSuppressions = (
  onRecord: OnSuppression = () => undefined
): Effect.Effect<
  Suppressions,
  KafkaError | RegistryError | SettingsError,
  KafkaClient | Codecs | SettingsService | Scope.Scope
> =>
  Effect.gen(function* () {
    const idsMax = yield* decodeSettings(idsMaxSetting)
    const table = new SuppressionTable()
    const apply: OnSuppression = (key, record) => {
      table.apply(key, record)
      onRecord(key, record)
    }
    const next = yield* readSuppressions(apply)
    if (table.size > idsMax) return yield* tooMany(table.size, idsMax)
    yield* Metric.update(suppressedIdsMax, idsMax)
    yield* report(table)
    const endProgram = yield* EndProgram
    const check = Effect.suspend(() => (table.size > idsMax ? endProgram(tooMany(table.size, idsMax)) : report(table)))
    yield* follow(apply, next, check).pipe(
      Effect.tapError((error) =>
        Effect.logWarning("Erasures and consent changes could not be read. It is tried again.").pipe(
          Effect.annotateLogs({ reason: error.message, nextStep: error.nextStep })
        )
      ),
      Effect.retry(Schedule.spaced("2 seconds")),
      Effect.forkScoped
    )
    return table
  })

/** Reads the topic to its present end; gives the next offset of each partition. */
export const readSuppressions = Effect.fnUntraced(function* (apply: OnSuppression) {
  const kafka = yield* KafkaClient
  const topic = (yield* SettingsService).topicPrefix + topicNames.suppressions
  const ends = yield* kafka.topicOffsets(topic)
  const ranges = ends.map(({ partition, low, high }) => ({ partition, from: low, to: high }))
  yield* kafka.read({ topic, ranges: ranges.filter(({ from, to }) => from < to), onRecords: applyAll(apply) })
  return new Map(ends.map(({ partition, high }) => [partition, high]))
})

/** Never ends; where it fails it goes on behind what it has applied. @param applied runs after each batch */
const follow = Effect.fnUntraced(function* (
  apply: OnSuppression,
  next: Map<number, number>,
  applied: Effect.Effect<void>
) {
  const kafka = yield* KafkaClient
  const topic = (yield* SettingsService).topicPrefix + topicNames.suppressions
  yield* kafka.read({
    topic,
    ranges: [...next].map(([partition, from]) => ({ partition, from, to: null })),
    onRecords: (records: ReadonlyArray<FetchedRecord>) =>
      Effect.gen(function* () {
        yield* applyAll(apply)(records)
        for (const { partition, offset } of records) next.set(partition, offset + 1)
        yield* applied
      })
  })
})

const applyAll = (apply: OnSuppression) => (records: ReadonlyArray<FetchedRecord>) =>
  Effect.gen(function* () {
    const codecs = yield* Codecs
    yield* codecs.loadSchemas(records.map(({ value }) => value))
    for (const { key, value } of records) {
      const decoded = value === null ? null : codecs.decode("suppression", value)
      if (decoded === null) apply(String(key), null)
      else if (decoded._tag === "Decoded") apply(String(key), decoded.value)
      else yield* Effect.logError("A record of suppressions cannot be read: what wrote it is not this program.")
    }
  })

const report = (table: SuppressionTable) =>
  Effect.andThen(Metric.update(suppressedIds, table.size), Metric.update(suppressedBytes, table.bytes))

const suppressedIds = Metric.gauge("capi_suppressions_ids", {
  description: "Identifiers of persons who were erased or withdrew consent."
})
const suppressedBytes = Metric.gauge("capi_suppressions_bytes", { description: "Memory of these identifiers." })

const suppressedIdsMax = Metric.gauge("capi_suppressions_ids_max", {
  description: "SUPPRESSIONS_MAX: with more identifiers than that the program ends."
})

const idsMaxSetting = Config.Int("SUPPRESSIONS_MAX").pipe(Config.withDefault(5_000_000))

const tooMany = (size: number, idsMax: number) =>
  new SettingsError({
    code: "invalid",
    message: `The topic suppressions holds ${size} identifiers, more than SUPPRESSIONS_MAX (${idsMax}).`,
    nextStep: "Raise SUPPRESSIONS_MAX and the program's memory: each takes up to 48 bytes.",
    cause: null
  })
