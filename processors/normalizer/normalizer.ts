/** The normalizer: raw-events in; normalized-events and dead-letters out. */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Metric from "effect/Metric"
import { Codecs, type RegistryError } from "../../shared/codec/codecs.ts"
import type { Batch, Processor } from "../../shared/runtime/contract.ts"
import { decide, type NormalizerConfig } from "./decide.ts"
import { type FetchSchemas, makeFetchSchemas, withoutRegistry } from "./writer-schemas.ts"

export const normalizer = (config: NormalizerConfig): Processor<RegistryError, Codecs> => {
  const fetchSchemas = makeFetchSchemas(config.schemaTimeout)
  return {
    name: "normalizer",
    topics: ["raw-events"],
    batch: { recordsMax: 2_000, bytesMax: 4_000_000, linger: Duration.millis(5) },
    concurrency: 1,
    stepDeadline: Duration.minutes(2),
    releasesInputBuffers: true,
    open: () => Effect.succeed({ step: normalizeBatch(config, fetchSchemas) })
  }
}

const normalizeBatch = (config: NormalizerConfig, fetchSchemas: FetchSchemas) => {
  const warned = new Set<string>()
  return Effect.fn("normalizer.normalizeBatch")(function* (batch: Batch) {
    const codecs = yield* Codecs
    const values = batch.records.map(({ value }) => (value?.[0] === 0 ? value : null))
    const hasSchemas = yield* fetchSchemas(codecs, values)
    const now = yield* Clock.currentTimeMillis
    const { value: decision, release: giveBack } = codecs.encodePooled(() =>
      decide(batch, config, hasSchemas ? codecs : withoutRegistry(codecs), now)
    )
    yield* Metric.update(normalizedEvents, decision.normalized)
    for (const [reason, count] of decision.refused) {
      yield* Metric.update(Metric.withAttributes(deadLetters, { reason }), count)
    }
    for (const [key, count] of decision.dropped) {
      const [field = "", reason = ""] = key.split(" ")
      yield* Metric.update(Metric.withAttributes(droppedFields, { field, reason }), count)
      const warning = warnings.get(reason)
      if (warning === undefined || warned.has(key)) continue
      // Once for each label of the metric, which goes on counting.
      warned.add(key)
      yield* Effect.annotateLogs(Effect.logWarning(warning), { field })
    }
    return { ...decision.step, release: giveBack }
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
