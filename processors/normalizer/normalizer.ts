/** The normalizer: raw-events in; normalized-events and dead-letters out. */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Metric from "effect/Metric"
import { Codecs, type RegistryError, type Undecodable } from "../../shared/codec/codecs.ts"
import type { IdentityKey } from "../../shared/credentials/identity-key.ts"
import type { KafkaClient, KafkaError } from "../../shared/kafka/client.ts"
import { monotonicMillis } from "../../shared/model/monotonic.ts"
import { topicNames } from "../../shared/model/topics.ts"
import type { Batch, Inbound, Processor } from "../../shared/runtime/contract.ts"
import { noSuppressions } from "../../shared/suppression/suppressions.ts"
import { CurrentTracing } from "../../shared/telemetry/tracing.ts"
import { type Decision, decide, type NormalizerConfig, poisonStep } from "./decide.ts"
import { makeSealedReader, type Opened, type SealedReader } from "./sealing/open-sealed.ts"

/** Reads raw events as producers wrote them. */
export const normalizer = (config: NormalizerConfig): Processor<RegistryError, Codecs> => {
  const loadSchemas = makeLoadSchemas(config.schemaTimeout)
  return {
    ...shape,
    topics: [topicNames.raw],
    open: () =>
      Effect.sync(() => {
        const normalize = normalizeBatch(config, loadSchemas)
        return { step: (batch) => normalize(batch, null), poison: poisonOf(config) }
      })
  }
}

/** Reads what the sealer wrote, and opens it. */
export const sealedNormalizer = (
  config: NormalizerConfig,
  identity: IdentityKey
): Processor<RegistryError | KafkaError, Codecs | KafkaClient> => {
  const loadSchemas = makeLoadSchemas(config.schemaTimeout)
  return {
    ...shape,
    topics: [topicNames.sealed],
    open: ({ partition }) =>
      Effect.sync(() => {
        const reader = makeSealedReader(identity, config.suppressions ?? noSuppressions, partition)
        const normalize = normalizeBatch(config, loadSchemas)
        return {
          restore: [reader.restore],
          step: (batch) => Effect.flatMap(openBatch(reader, batch), (opened) => normalize(batch, opened)),
          poison: poisonOf(config)
        }
      })
  }
}

const shape = {
  name: "normalizer",
  batch: { recordsMax: 2_000, bytesMax: 4_000_000, linger: Duration.millis(5), lingersWhileBusy: true },
  // A fetch brings up to 512 KiB for each partition at once; what an open transaction holds is not in flight any more.
  bytesInFlightMax: 1.75 * 1_048_576,
  concurrency: 1,
  stepDeadline: Duration.minutes(2),
  releasesInputBuffers: true
}

const poisonOf = (config: NormalizerConfig) =>
  Effect.fnUntraced(function* (record: Inbound) {
    const headers = (yield* CurrentTracing)?.failed(record, record, "poison")
    return poisonStep(record, config, yield* Codecs, yield* Clock.currentTimeMillis, headers)
  })

/** The stages of a batch, in order: load, decide (read, normalize, hash, encode: event by event), report, step. */
const normalizeBatch = (config: NormalizerConfig, loadSchemas: LoadSchemas) => {
  const report = makeReport()
  return Effect.fn("normalizer.normalizeBatch")(function* (batch: Batch, opened: OpenedBatch | null) {
    const codecs = yield* loadSchemas(opened?.originals ?? batch)
    const now = yield* Clock.currentTimeMillis
    const hop = (yield* CurrentTracing)?.hop(batch.topic) ?? null
    const { value: decision, release } = codecs.encodePooled(() =>
      decide(batch, config, codecs, now, opened?.open, hop)
    )
    yield* report(decision)
    const last = batch.records.at(-1)
    return { ...decision.step, release, ...(last === undefined ? {} : { writtenAt: last.timestamp }) }
  })
}

interface OpenedBatch {
  readonly originals: { readonly records: ReadonlyArray<{ readonly value: Buffer | null }> }
  readonly open: (record: Inbound) => Opened
}

/** Opens each record once: before the schemas of what is in it are loaded. */
const openBatch = Effect.fnUntraced(function* (reader: SealedReader, { records }: Batch) {
  yield* reader.refresh(records)
  const opened = new Map(records.map((record) => [record, reader.open(record)]))
  const originals = [...opened.values()].map((one) => ({ value: one._tag === "Original" ? one.value : null }))
  return {
    originals: { records: originals },
    open: (record) => opened.get(record)!
  } satisfies OpenedBatch as OpenedBatch
})

/** The codecs that decode a batch's Avro records, with the schemas that these were written with. */
export type LoadSchemas = (batch: OpenedBatch["originals"]) => Effect.Effect<Codecs["Service"], RegistryError, Codecs>

/**
 * Fails, so that the partition is retried, until the registry has not answered for `timeout`. From then on it gives codecs without
 * a registry, and asks again every 30 seconds. All partitions of a process share it, since they share the registry.
 */
export const makeLoadSchemas = (timeout: Duration.Duration): LoadSchemas => {
  let failingSince: number | null = null
  let askAgainAt = Number.NEGATIVE_INFINITY
  return Effect.fnUntraced(function* ({ records }) {
    const codecs = yield* Codecs
    const startedAt = yield* monotonicMillis
    if (startedAt < askAgainAt) return withoutRegistry(codecs)
    // JSON has no schema.
    return yield* codecs.loadSchemas(records.map(({ value }) => (value?.[0] === 0 ? value : null))).pipe(
      Effect.map(() => {
        failingSince = null
        return codecs
      }),
      Effect.catchIf(
        (error) => error.code === "unreachable",
        (error) =>
          Effect.gen(function* () {
            const now = yield* monotonicMillis
            failingSince ??= startedAt
            if (now - failingSince < Duration.toMillis(timeout)) return yield* error
            askAgainAt = now + askAgainMillis
            yield* Effect.logError("Records with schemas that are not known yet become dead letters. " + error.message)
            return withoutRegistry(codecs)
          })
      )
    )
  })
}

/** Codecs that report an unknown schema as one that could not be fetched. */
const withoutRegistry = (codecs: Codecs["Service"]): Codecs["Service"] => ({
  ...codecs,
  decode: (schema, value) => {
    const decoded = codecs.decode(schema, value)
    return decoded._tag === "Undecodable" && decoded.reason === "unknown_schema_id" ? unavailable : decoded
  }
})

const unavailable: Undecodable = {
  _tag: "Undecodable",
  reason: "schema_unavailable",
  message: "The record's schema is not known here, and the schema registry did not answer."
}

const askAgainMillis = 30_000

/** Counts what was decided, and warns of a value that was left out once for each label of its metric. */
const makeReport = () => {
  const warned = new Set<string>()
  return Effect.fnUntraced(function* ({ normalized, erased, deadLettered, dropped }: Decision) {
    yield* Metric.update(normalizedEvents, normalized)
    if (erased > 0) yield* Metric.update(erasedEvents, erased)
    for (const [reason, count] of deadLettered) {
      yield* Metric.update(Metric.withAttributes(deadLetters, { reason }), count)
    }
    for (const [key, count] of dropped) {
      const [field = "", reason = ""] = key.split(" ")
      yield* Metric.update(Metric.withAttributes(droppedFields, { field, reason }), count)
      const warning = warnings.get(reason)
      if (warning === undefined || warned.has(key)) continue
      warned.add(key)
      yield* Effect.annotateLogs(Effect.logWarning(warning), { field })
    }
  })
}

const warnings: ReadonlyMap<string, string> = new Map([
  [
    "unknown_field",
    "Events have a field that is not known, so that its data goes nowhere; the nearest known one is named."
  ],
  [
    "unclear_consent",
    "Events give consent under a name that is not known: it counts as unknown, and as nothing to assume."
  ]
])

const normalizedEvents = Metric.counter("capi_normalizer_events_total", {
  incremental: true,
  description: "Events normalized."
})
const erasedEvents = Metric.counter("capi_normalizer_erased_events_total", {
  incremental: true,
  description: "Records of erased persons that were skipped."
})
const deadLetters = Metric.counter("capi_normalizer_dead_letters_total", {
  incremental: true,
  description: "Raw records that could not become events, by reason."
})
const droppedFields = Metric.counter("capi_normalizer_dropped_fields_total", {
  incremental: true,
  description: "Values left out of events that went on, by field and reason."
})
