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
const inFlight = gauge("capi_in_flight_bytes", "Bytes fetched whose outputs the broker does not have yet.")
const paused = gauge("capi_partition_paused", "1 while fetching pauses for lack of room.")
const restoreSeconds = gauge("capi_partition_open_seconds", "Time from assignment to the first batch, state restored.")

/** Counts the events into the current metric registry: one call per batch or commit, never per record. */
export const runtimeMetrics: Effect.Effect<Observe> = Effect.map(Effect.context<never>(), (context) => {
  const update = (metric: Metric.Metric<number, unknown>, value: number) => metric.updateUnsafe(value, context)
  // One metric for each series: Effect remembers the key of one series for each metric, and makes that of any other again.
  const processors = new Map<string, ProcessorSeries>()
  const seriesOf = (processor: string): ProcessorSeries => {
    const known = processors.get(processor)
    if (known !== undefined) return known
    const made = new ProcessorSeries(processor)
    processors.set(processor, made)
    return made
  }
  const partitions = new Map<string, ReadonlyArray<Metric.Metric<number, unknown>>>()
  const updateProgress = (event: AtPartition & Progress) => {
    const attributes = partitionOf(event)
    const key = nameOf(event)
    const known = partitions.get(key) ?? progressGauges.map((series) => series(attributes))
    partitions.set(key, known)
    for (const [index, value] of valuesOf(event).entries()) update(known[index]!, value)
  }
  const close = (event: AtPartition) => {
    partitions.delete(nameOf(event))
    const attributes = partitionOf(event)
    for (const series of [...progressGauges, restoreSeconds]) Metric.removeUnsafe(series(attributes), context)
  }
  /** Of processors that share their input, by processor and topic. */
  const shared = new Map<string, Map<string, SharedProgress>>()
  const updateShared = (event: AtPartition & Progress) => {
    const topics = shared.get(event.processor) ?? new Map<string, SharedProgress>()
    shared.set(event.processor, topics)
    const known = topics.get(event.topic) ?? new SharedProgress(event, context)
    topics.set(event.topic, known)
    known.partitions.set(event.partition, event)
  }
  const closeShared = (event: AtPartition): boolean => {
    const topics = shared.get(event.processor)
    const known = topics?.get(event.topic)
    known?.partitions.delete(event.partition)
    if (known?.partitions.size === 0) {
      known.remove()
      topics?.delete(event.topic)
    }
    return known !== undefined
  }
  return (event) => {
    const { processor } = event
    switch (event.type) {
      case "assigned":
        update(seriesOf(processor).of(owned), event.partitions.length)
        break
      case "left":
        update(seriesOf(processor).of(owned), 0)
        break
      case "opened":
        if (event.isShared !== true) update(restoreSeconds(partitionOf(event)), event.millis / 1_000)
        break
      case "closed":
        if (!closeShared(event)) close(event)
        break
      case "reopening":
        update(reopenings({ processor }), 1)
        break
      case "lost":
        update(lost(partitionOf(event)), Math.max(0, event.to - event.from))
        break
      case "poison":
        update(poison({ processor }), 1)
        break
      case "batch": {
        const series = seriesOf(processor)
        update(series.of(batches), 1)
        update(series.of(bytes), event.bytes)
        update(series.recordsOf(event.topic), event.records)
        break
      }
      case "committed": {
        const series = seriesOf(processor)
        update(series.of(commits), 1)
        update(series.of(commitSeconds), event.millis / 1_000)
        update(series.of(outputs), event.outputs)
        break
      }
      case "progress":
        if (event.isShared === true) updateShared(event)
        else updateProgress(event)
        break
    }
  }
})

/** Of one processor; each is known to the registry from its first value on. */
class ProcessorSeries {
  private readonly processor: string
  private readonly known = new Map<Series | string, Metric.Metric<number, unknown>>()

  constructor(processor: string) {
    this.processor = processor
  }

  of(series: Series): Metric.Metric<number, unknown> {
    const known = this.known.get(series) ?? series({ processor: this.processor })
    this.known.set(series, known)
    return known
  }

  recordsOf(topic: string): Metric.Metric<number, unknown> {
    const known = this.known.get(topic) ?? records({ processor: this.processor, topic })
    this.known.set(topic, known)
    return known
  }
}

/** What a processor that shares its input reports of the partitions of a topic: its gauges are computed when they are read. */
class SharedProgress {
  readonly partitions = new Map<number, Progress>()
  readonly remove: () => void

  constructor({ processor, topic }: AtPartition, context: Context.Context<never>) {
    const registrations = progressGauges.map((series, index) =>
      Metric.registerUnsafe(series({ processor, topic }), context, {
        get: () => ({ value: valuesOf(together(this.partitions.values()))[index]! }),
        update: () => undefined,
        modify: () => undefined
      })
    )
    this.remove = () => {
      for (const registration of registrations) registration.remove()
    }
  }
}

/** The gauges of `Progress`, and their values in that order. */
const progressGauges = [lag, inFlight, paused]
const valuesOf = (progress: Progress): ReadonlyArray<number> => [
  progress.lag,
  progress.bytesInFlight,
  progress.paused ? 1 : 0
]

const nameOf = ({ processor, topic, partition }: AtPartition): string => `${processor} ${topic} ${partition}`

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
