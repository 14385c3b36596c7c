/** What the runtime reports of its work as events, and the metrics made from them. Topics are logical names (no prefix). */
import process from "node:process"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Metric from "effect/Metric"

interface AtPartition {
  readonly processor: string
  readonly topic: string
  readonly partition: number
  /** One of many processors that share their input: its gauges are those of all of its partitions together. */
  readonly isShared?: boolean
}

export type RuntimeEvent =
  /** A new generation of the group: exactly these partitions are ours. A standby has none, and is healthy. */
  | {
      readonly type: "assigned"
      readonly processor: string
      readonly partitions: ReadonlyArray<{ readonly topic: string; readonly partition: number }>
    }
  /** Not a member any more: stopped, or lost and about to join again. */
  | { readonly type: "left"; readonly processor: string; readonly reason: string }
  /** State is restored and records flow from `position`. */
  | (AtPartition & { readonly type: "opened"; readonly position: number; readonly millis: number })
  | (AtPartition & { readonly type: "closed" })
  /** The partition failed and is opened again after the delay. */
  | (AtPartition & {
      readonly type: "reopening"
      readonly reason: string
      readonly failures: number
      readonly delayMillis: number
    })
  /**
   * Records `from` to `to` (exclusive) are not in the log any more and were never processed: retention was too short. Where
   * `to` is less, the topic was created again and is read from there.
   */
  | (AtPartition & { readonly type: "lost"; readonly from: number; readonly to: number })
  /** The record at this offset ended its process again and again, and becomes a dead letter. */
  | (AtPartition & { readonly type: "poison"; readonly offset: number })
  | (AtPartition & { readonly type: "batch"; readonly records: number; readonly bytes: number })
  /** A transaction is committed. `next` is the offset committed; null if the output had no input (a tick). */
  | (AtPartition & {
      readonly type: "committed"
      readonly next: number | null
      readonly steps: number
      readonly outputs: number
      readonly millis: number
    })
  /** After each fetch and commit. `lag` in records, control records included, behind the end that the broker last reported. */
  | (AtPartition & {
      readonly type: "progress"
      readonly lag: number
      readonly bytesInFlight: number
      readonly paused: boolean
    })

/** Called synchronously by the partition's fiber: it must be cheap and must not throw. */
export type Observe = (event: RuntimeEvent) => void

export const RuntimeObserver = Context.Reference<Observe>("shared/runtime/RuntimeObserver", {
  defaultValue: () => () => undefined
})

export const observeAll =
  (...observers: ReadonlyArray<Observe>): Observe =>
  (event) => {
    for (const observe of observers) observe(event)
  }

/** The series of a metric by its attributes. */
type Series = (attributes: Readonly<Record<string, string>>) => Metric.Metric<number, unknown>

const counter =
  (name: string, description: string): Series =>
  (attributes) =>
    Metric.counter(name, { description, incremental: true, attributes })
const gauge =
  (name: string, description: string): Series =>
  (attributes) =>
    Metric.gauge(name, { description, attributes })

const records = counter("capi_records_read_total", "Records taken into batches.")
const bytes = counter("capi_read_bytes_total", "Bytes of the records taken into batches.")
const batches = counter("capi_batches_total", "Batches formed.")
const outputs = counter("capi_records_written_total", "Records written in committed transactions.")
const commits = counter("capi_commits_total", "Committed transactions.")
const commitSeconds: Series = (attributes) =>
  Metric.histogram("capi_commit_seconds", {
    description: "Time of a transaction, from its first record to its commit.",
    boundaries: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
    attributes
  })
const reopenings = counter("capi_partition_reopenings_total", "Partitions closed by a failure and opened again.")
const lost = counter("capi_records_lost_total", "Records that retention removed before they were processed.")
const poison = counter(
  "capi_poison_records_total",
  "Records that ended their process each time and became dead letters."
)
const owned = gauge("capi_partitions_owned", "Partitions assigned to this process.")
const lag = gauge(
  "capi_lag_records",
  "Records behind the end of the partition; a connection's are of all partitions of a topic together."
)
const inFlight = gauge("capi_in_flight_bytes", "Bytes fetched and not yet committed.")
const paused = gauge("capi_partition_paused", "1 while fetching pauses for lack of room.")
const restoreSeconds = gauge("capi_partition_open_seconds", "Time from assignment to the first batch, state restored.")

/** Counts the events into the current metric registry: one call per batch or commit, never per record. */
export const runtimeMetrics: Effect.Effect<Observe> = Effect.map(Effect.context<never>(), (context) => {
  // One metric for each series: Effect remembers the key of one series for each metric, and makes that of any other again.
  const known = new Map<Series, Map<string, Metric.Metric<number, unknown>>>()
  const update = (series: Series, attributes: Readonly<Record<string, string>>, value: number) => {
    const ofMetric = known.get(series) ?? new Map<string, Metric.Metric<number, unknown>>()
    known.set(series, ofMetric)
    const key = Object.values(attributes).join(" ")
    const found = ofMetric.get(key) ?? series(attributes)
    ofMetric.set(key, found)
    found.updateUnsafe(value, context)
  }
  const remove = (attributes: Readonly<Record<string, string>>) => {
    for (const one of [lag, inFlight, paused, restoreSeconds]) {
      Metric.removeUnsafe(one(attributes), context)
      known.get(one)?.delete(Object.values(attributes).join(" "))
    }
  }
  const updateProgress = (attributes: Readonly<Record<string, string>>, progress: Progress) => {
    update(lag, attributes, progress.lag)
    update(inFlight, attributes, progress.bytesInFlight)
    update(paused, attributes, progress.paused ? 1 : 0)
  }
  /** Of processors that share their input, by processor and topic, then by partition. */
  const shared = new Map<string, Map<number, Progress>>()
  const updateShared = (event: AtPartition, progress: Progress | null) => {
    const attributes = { processor: event.processor, topic: event.topic }
    const key = `${event.processor} ${event.topic}`
    const partitions = shared.get(key) ?? new Map<number, Progress>()
    shared.set(key, partitions)
    if (progress === null) partitions.delete(event.partition)
    else partitions.set(event.partition, progress)
    if (partitions.size > 0) return updateProgress(attributes, together(partitions.values()))
    shared.delete(key)
    return remove(attributes)
  }
  return (event) => {
    const processor = { processor: event.processor }
    switch (event.type) {
      case "assigned":
        update(owned, processor, event.partitions.length)
        break
      case "left":
        update(owned, processor, 0)
        break
      case "opened":
        if (event.isShared !== true) update(restoreSeconds, partitionOf(event), event.millis / 1_000)
        break
      case "closed":
        if (shared.has(`${event.processor} ${event.topic}`)) updateShared(event, null)
        else remove(partitionOf(event))
        break
      case "reopening":
        update(reopenings, processor, 1)
        break
      case "lost":
        update(lost, partitionOf(event), Math.max(0, event.to - event.from))
        break
      case "poison":
        update(poison, processor, 1)
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
        if (event.isShared === true) updateShared(event, event)
        else updateProgress(partitionOf(event), event)
        break
    }
  }
})

interface Progress {
  readonly lag: number
  readonly bytesInFlight: number
  readonly paused: boolean
}

const together = (partitions: Iterable<Progress>): Progress => {
  let [lag, bytesInFlight, paused] = [0, 0, false]
  for (const one of partitions) {
    lag += one.lag
    bytesInFlight += one.bytesInFlight
    paused ||= one.paused
  }
  return { lag, bytesInFlight, paused }
}

const partitionOf = (event: AtPartition) => ({
  processor: event.processor,
  topic: event.topic,
  partition: String(event.partition)
})

const cpuSeconds = gauge("capi_process_cpu_seconds", "CPU time used, user and system.")({})
const residentBytes = gauge("capi_process_resident_memory_bytes", "Resident memory.")({})
const heapBytes = gauge("capi_process_heap_used_bytes", "JavaScript heap in use.")({})
const externalBytes = gauge("capi_process_external_memory_bytes", "Memory of buffers outside the heap.")({})
const uptimeSeconds = gauge("capi_process_uptime_seconds", "Time since the start.")({})

/** Updates the gauges of the process itself, at a scrape. */
export const processMetrics: Effect.Effect<void> = Effect.suspend(() => {
  const memory = process.memoryUsage()
  const cpu = process.cpuUsage()
  return Effect.all(
    [
      Metric.update(cpuSeconds, (cpu.user + cpu.system) / 1_000_000),
      Metric.update(residentBytes, memory.rss),
      Metric.update(heapBytes, memory.heapUsed),
      Metric.update(externalBytes, memory.external),
      Metric.update(uptimeSeconds, Math.round(process.uptime()))
    ],
    { discard: true }
  )
})
