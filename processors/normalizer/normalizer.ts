/** The normalizer: raw-events in; normalized-events and dead-letters out. */

import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Metric from "effect/Metric"
import type { Codecs, RegistryError } from "../../shared/codec/codecs.ts"
import { topicNames } from "../../shared/model/topics.ts"
import type { Batch, Processor } from "../../shared/runtime/contract.ts"
import { type Decision, decide, type NormalizerConfig } from "./decide.ts"
import { type LoadSchemas, makeLoadSchemas } from "./writer-schemas.ts"

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
