/** Metrics of the indexer. */
import * as Effect from "effect/Effect"
import * as Metric from "effect/Metric"

const records = Metric.counter("capi_indexer_records_total", {
  description: "Records that the indexer read, by topic.",
  incremental: true
})
const lag = Metric.gauge("capi_indexer_lag_records", { description: "Records of events that are not indexed yet." })
const entries = Metric.gauge("capi_indexer_entries", {
  description: "Entries in the index: a record and what finds it."
})
const bytes = Metric.gauge("capi_indexer_file_bytes", { description: "Size of the file of the index." })
const lookups = Metric.histogram("capi_indexer_lookup_seconds", {
  description: "How long lookups in the index take.",
  boundaries: [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1]
})

export const countRecords = (topic: string, count: number): Effect.Effect<void> =>
  Metric.update(Metric.withAttributes(records, { topic }), count)
export const updateLag = (count: number): Effect.Effect<void> => Metric.update(lag, count)
export const updateStore = (size: { readonly entries: number; readonly bytes: number }): Effect.Effect<void> =>
  Effect.andThen(Metric.update(entries, size.entries), Metric.update(bytes, size.bytes))
export const observeLookup = (millis: number): Effect.Effect<void> => Metric.update(lookups, millis / 1_000)
