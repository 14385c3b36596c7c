/** Metrics of a partition's memory of event ids, and the warning of conflicts. */
import * as Effect from "effect/Effect"
import * as Metric from "effect/Metric"
import type * as Scope from "effect/Scope"
import type { DeduplicatorStatistics } from "../../../shared/dedup/deduplicator.ts"
import type { DuplicateFilter } from "./duplicate-filter.ts"

/** Reports what changed since it was called last; the partition's gauges go when the scope closes. */
export const duplicateReport = (
  duplicates: DuplicateFilter,
  partition: number
): Effect.Effect<Effect.Effect<void>, never, Scope.Scope> =>
  Effect.gen(function* () {
    const at = { partition: String(partition) }
    const gauges = [ids, bytes].map((gauge) => Metric.withAttributes(gauge, at))
    yield* Effect.addFinalizer(() => Effect.forEach(gauges, Metric.remove, { discard: true }))
    let before: DeduplicatorStatistics | null = null
    return Effect.gen(function* () {
      const now = duplicates.statistics
      const since = before ?? { ...now, ...nothingCounted }
      before = now
      yield* Metric.update(Metric.withAttributes(ids, at), now.ids)
      yield* Metric.update(Metric.withAttributes(bytes, at), now.bytes)
      yield* Metric.update(repeats, now.duplicates - since.duplicates)
      yield* Metric.update(conflicts, now.conflicts - since.conflicts)
      yield* Metric.update(Metric.withAttributes(evictions, { cause: "age" }), now.evictedByAge - since.evictedByAge)
      yield* Metric.update(Metric.withAttributes(evictions, { cause: "size" }), now.evictedBySize - since.evictedBySize)
      if (now.conflicts > since.conflicts)
        yield* Effect.logWarning(
          "Event ids came again with other content; only their first occurrence was taken."
        ).pipe(Effect.annotateLogs({ conflicts: now.conflicts - since.conflicts, partition }))
    })
  })

const nothingCounted = { duplicates: 0, conflicts: 0 }

const counter = (name: string, description: string) => Metric.counter(name, { description, incremental: true })

const ids = Metric.gauge("capi_dedup_ids", { description: "Event ids remembered." })
const bytes = Metric.gauge("capi_dedup_bytes", { description: "Memory that the remembered ids take." })
const repeats = counter("capi_dedup_duplicates_total", "Events whose id was known from another raw record.")
const conflicts = counter("capi_dedup_conflicts_total", "Duplicates whose content was not that of the first.")
const evictions = counter("capi_dedup_evictions_total", "Ids forgotten: past the window, or to stay within the limit.")
