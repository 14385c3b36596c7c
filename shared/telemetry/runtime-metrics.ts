/** The runtime's events as metrics and readiness: one call per batch or commit, never per record. */
import * as Effect from "effect/Effect"
import * as Metric from "effect/Metric"
import { type Observe, observeAll, type RuntimeEvent } from "../runtime/observer.ts"
import { makeReadiness } from "../runtime/readiness.ts"
import type { DependencyState } from "./readiness.ts"

const counter = (name: string, description: string) => Metric.counter(name, { description, incremental: true })

const records = counter("capi_records_read_total", "Records taken into batches.")
const bytes = counter("capi_read_bytes_total", "Bytes of the records taken into batches.")
const batches = counter("capi_batches_total", "Batches formed.")
const outputs = counter("capi_records_written_total", "Records written in committed transactions.")
const commits = counter("capi_commits_total", "Committed transactions.")
const commitSeconds = Metric.histogram("capi_commit_seconds", {
  description: "Time of a transaction, from its first record to its commit.",
  boundaries: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30]
})
const reopenings = counter("capi_partition_reopenings_total", "Partitions closed by a failure and opened again.")
const lost = counter("capi_records_lost_total", "Records that retention removed before they were processed.")
const owned = Metric.gauge("capi_partitions_owned", { description: "Partitions assigned to this process." })
const lag = Metric.gauge("capi_lag_records", { description: "Records behind the end of the partition." })
const inFlight = Metric.gauge("capi_in_flight_bytes", { description: "Bytes fetched and not yet committed." })
const paused = Metric.gauge("capi_partition_paused", { description: "1 while fetching pauses for lack of room." })
const restoreSeconds = Metric.gauge("capi_partition_open_seconds", {
  description: "Time from assignment to the first batch, state restored."
})

/** What the runtime is observed with, and what it makes of it for /readyz. */
export interface RuntimeTelemetry {
  readonly observe: Observe
  /** One entry for each processor that was heard of. */
  readonly dependencies: () => Readonly<Record<string, DependencyState>>
}

/** Counts into the current metric registry. */
export const runtimeTelemetry: Effect.Effect<RuntimeTelemetry> = Effect.map(Effect.context<never>(), (context) => {
  const readiness = makeReadiness()
  const update = <Input, State>(
    metric: Metric.Metric<Input, State>,
    attributes: Record<string, string>,
    value: Input
  ) => Metric.withAttributes(metric, attributes).updateUnsafe(value, context)
  const forget = (event: { readonly processor: string; readonly topic: string; readonly partition: number }) => {
    for (const gauge of [lag, inFlight, paused, restoreSeconds])
      Metric.removeUnsafe(Metric.withAttributes(gauge, partitionOf(event)), context)
  }
  const count = (event: RuntimeEvent): void => {
    const processor = { processor: event.processor }
    switch (event.type) {
      case "assigned":
        update(owned, processor, event.partitions.length)
        break
      case "left":
        update(owned, processor, 0)
        break
      case "opened":
        update(restoreSeconds, partitionOf(event), event.millis / 1_000)
        break
      case "closed":
        forget(event)
        break
      case "reopening":
        update(reopenings, processor, 1)
        break
      case "lost":
        update(lost, partitionOf(event), Math.max(0, event.to - event.from))
        break
      case "batch":
        update(batches, processor, 1)
        update(bytes, processor, event.bytes)
        update(records, { ...processor, topic: event.topic }, event.records)
        break
      case "committed":
        update(commits, processor, 1)
        update(commitSeconds, processor, event.millis / 1_000)
        update(outputs, processor, event.outputs)
        break
      case "progress":
        update(lag, partitionOf(event), event.lag)
        update(inFlight, partitionOf(event), event.bytesInFlight)
        update(paused, partitionOf(event), event.paused ? 1 : 0)
        break
    }
  }
  return {
    observe: observeAll(count, readiness.observe),
    dependencies: () =>
      Object.fromEntries(readiness.status().map((status) => [`partitions:${status.processor}`, stateOf(status)]))
  }
})

const partitionOf = (event: { readonly processor: string; readonly topic: string; readonly partition: number }) => ({
  processor: event.processor,
  topic: event.topic,
  partition: String(event.partition)
})

const stateOf = (status: {
  readonly joined: boolean
  readonly assigned: number
  readonly open: number
}): DependencyState => {
  if (!status.joined) return { healthy: false, reason: "Not a member of its consumer group yet." }
  return status.open === status.assigned
    ? { healthy: true, reason: null }
    : { healthy: false, reason: `${status.open} of ${status.assigned} partitions are open.` }
}
