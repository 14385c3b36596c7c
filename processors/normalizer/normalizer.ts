/** The normalizer: raw-events in; normalized-events and dead-letters out. */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Metric from "effect/Metric"
import { Codecs, type RegistryError, type Undecodable } from "../../shared/codec/codecs.ts"
import { topicNames } from "../../shared/model/topics.ts"
import type { Batch, Processor } from "../../shared/runtime/contract.ts"
import { type Decision, decide, type NormalizerConfig } from "./decide.ts"

export const normalizer = (config: NormalizerConfig): Processor<RegistryError, Codecs> => {
  const loadSchemas = makeLoadSchemas(config.schemaTimeout)
  return {
    name: "normalizer",
    topics: [topicNames.raw],
    batch: { recordsMax: 2_000, bytesMax: 4_000_000, linger: Duration.millis(5) },
    concurrency: 1,
    stepDeadline: Duration.minutes(2),
    releasesInputBuffers: true,
    open: () => Effect.succeed({ step: normalizeBatch(config, loadSchemas) })
  }
}

/** The stages of a batch, in order: load, decide (read, normalize, hash, encode: event by event), report, step. */
const normalizeBatch = (config: NormalizerConfig, loadSchemas: LoadSchemas) => {
  const report = makeReport()
  return Effect.fn("normalizer.normalizeBatch")(function* (batch: Batch) {
    const codecs = yield* loadSchemas(batch)
    const now = yield* Clock.currentTimeMillis
    const { value: decision, release } = codecs.encodePooled(() => decide(batch, config, codecs, now))
    yield* report(decision)
    return { ...decision.step, release }
  })
}

/** The codecs that decode a batch's Avro records, with the schemas that these were written with. */
type LoadSchemas = (batch: Pick<Batch, "records">) => Effect.Effect<Codecs["Service"], RegistryError, Codecs>

/**
 * Fails, so that the partition is retried, until the registry has not answered for `timeout`. From then on it gives codecs without
 * a registry, and asks again every 30 seconds. All partitions of a process share it, since they share the registry.
 */
export const makeLoadSchemas = (timeout: Duration.Duration): LoadSchemas => {
  let failingSince: number | null = null
  let askAgainAt = 0
  return Effect.fnUntraced(function* ({ records }) {
    const codecs = yield* Codecs
    const startedAt = yield* Clock.currentTimeMillis
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
            const now = yield* Clock.currentTimeMillis
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
  return Effect.fnUntraced(function* ({ normalized, deadLettered, dropped }: Decision) {
    yield* Metric.update(normalizedEvents, normalized)
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
const deadLetters = Metric.counter("capi_normalizer_dead_letters_total", {
  incremental: true,
  description: "Raw records that could not become events, by reason."
})
const droppedFields = Metric.counter("capi_normalizer_dropped_fields_total", {
  incremental: true,
  description: "Values left out of events that went on, by field and reason."
})
