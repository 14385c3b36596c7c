/** What the runtime reports of its work as events, and the metrics made from them. Topics are logical names (no prefix). */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Metric from "effect/Metric"
import {
  ComputedGauge,
  type CounterSeries,
  counter,
  type GaugeSeries,
  gauge,
  type HistogramSeries,
  histogram,
  type SeriesOf,
  type SeriesRegistry
} from "../telemetry/series.ts"

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
  /** Stopped in order, and not about to join again: it may not exist any more, as a connection that was removed. */
  | { readonly type: "stopped"; readonly processor: string }
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

const records = counter("capi_records_read_total", "Records taken into batches.")
const bytes = counter("capi_read_bytes_total", "Bytes of the records taken into batches.")
const batches = counter("capi_batches_total", "Batches formed.")
const outputs = counter("capi_records_written_total", "Records written in committed transactions.")
const commits = counter("capi_commits_total", "Committed transactions.")
const commitSeconds = histogram(
  "capi_commit_seconds",
  "Time of a transaction, from its first record to its commit.",
  [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30]
)
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
export const runtimeMetrics: Effect.Effect<Observe> = Effect.map(Metric.MetricRegistry, (registry) => {
  const processors = new Map<string, ProcessorSeries>()
  const seriesOf = (processor: string): ProcessorSeries => {
    const known = processors.get(processor)
    if (known !== undefined) return known
    const made = new ProcessorSeries(processor, registry)
    processors.set(processor, made)
    return made
  }
  const partitions = new Map<string, ReadonlyArray<GaugeSeries>>()
  const updateProgress = (event: AtPartition & Progress) => {
    const attributes = partitionOf(event)
    const key = nameOf(event)
    const known = partitions.get(key) ?? progressGauges.map(({ gauge }) => gauge.in(registry, attributes))
    partitions.set(key, known)
    for (const [index, { of }] of progressGauges.entries()) known[index]!.update(of(event))
  }
  const close = (event: AtPartition) => {
    partitions.delete(nameOf(event))
    const attributes = partitionOf(event)
    for (const { gauge } of progressGauges) gauge.remove(registry, attributes)
    restoreSeconds.remove(registry, attributes)
  }
  /** Of processors that share their input, by topic and processor. */
  const shared = new Map<string, Map<string, SharedProgress>>()
  const updateShared = (event: AtPartition & Progress) => {
    const processors = shared.get(event.topic) ?? new Map<string, SharedProgress>()
    shared.set(event.topic, processors)
    const known = processors.get(event.processor) ?? new SharedProgress(event, registry)
    processors.set(event.processor, known)
    known.partitions.set(event.partition, event)
  }
  const closeShared = (event: AtPartition): boolean => {
    const processors = shared.get(event.topic)
    const known = processors?.get(event.processor)
    known?.partitions.delete(event.partition)
    if (known?.partitions.size === 0) {
      known.remove(registry)
      processors?.delete(event.processor)
    }
    return known !== undefined
  }
  return (event) => {
    const { processor } = event
    switch (event.type) {
      case "assigned":
        seriesOf(processor).owned.update(event.partitions.length)
        break
      case "left":
        seriesOf(processor).owned.update(0)
        break
      case "stopped":
        processors.delete(processor)
        owned.remove(registry, { processor })
        break
      case "opened":
        if (event.isShared !== true) restoreSeconds.in(registry, partitionOf(event)).update(event.millis / 1_000)
        break
      case "closed":
        if (!closeShared(event)) close(event)
        break
      case "reopening":
        reopenings.in(registry, { processor }).update(1)
        break
      case "lost":
        lost.in(registry, partitionOf(event)).update(Math.max(0, event.to - event.from))
        break
      case "poison":
        poison.in(registry, { processor }).update(1)
        break
      case "batch":
        seriesOf(processor).batch(event.topic, event.records, event.bytes)
        break
      case "committed":
        seriesOf(processor).committed(event.outputs, event.millis)
        break
      case "progress":
        if (event.isShared === true) updateShared(event)
        else updateProgress(event)
        break
    }
  }
})

/** Of one processor; each is known to the registry from its first value on. */
class ProcessorSeries {
  private readonly registry: SeriesRegistry
  private readonly attributes: { readonly processor: string }
  private ownedPartitions: GaugeSeries | null = null
  private read: { readonly batches: CounterSeries; readonly bytes: CounterSeries } | null = null
  /** By topic: few. */
  private readonly records: Array<{ readonly topic: string; readonly series: CounterSeries }> = []
  private commits: { readonly count: CounterSeries; readonly outputs: CounterSeries } | null = null
  private seconds: HistogramSeries | null = null

  constructor(processor: string, registry: SeriesRegistry) {
    this.attributes = { processor }
    this.registry = registry
  }

  get owned(): GaugeSeries {
    this.ownedPartitions ??= owned.in(this.registry, this.attributes)
    return this.ownedPartitions
  }

  batch(topic: string, count: number, size: number): void {
    const { registry, attributes } = this
    this.read ??= { batches: batches.in(registry, attributes), bytes: bytes.in(registry, attributes) }
    this.read.batches.update(1)
    this.read.bytes.update(size)
    this.recordsOf(topic).update(count)
  }

  committed(written: number, millis: number): void {
    const { registry, attributes } = this
    this.commits ??= { count: commits.in(registry, attributes), outputs: outputs.in(registry, attributes) }
    this.seconds ??= commitSeconds.in(registry, attributes)
    this.commits.count.update(1)
    this.seconds.update(millis / 1_000)
    this.commits.outputs.update(written)
  }

  private recordsOf(topic: string): CounterSeries {
    const known = this.records.find((one) => one.topic === topic)
    if (known !== undefined) return known.series
    const series = records.in(this.registry, { ...this.attributes, topic })
    this.records.push({ topic, series })
    return series
  }
}

/** What a processor that shares its input reports of the partitions of a topic: its gauges are computed when they are read. */
class SharedProgress {
  readonly partitions = new Map<number, Progress>()
  private readonly attributes: { readonly processor: string; readonly topic: string }

  constructor({ processor, topic }: AtPartition, registry: SeriesRegistry) {
    this.attributes = { processor, topic }
    for (const { gauge, ofAll } of progressGauges)
      gauge.set(registry, this.attributes, new ComputedGauge(this.partitions, ofAll))
  }

  remove(registry: SeriesRegistry): void {
    for (const { gauge } of progressGauges) gauge.remove(registry, this.attributes)
  }
}

/** A gauge with its value, of one partition, and of all partitions of a processor's topic together. */
const progressGauge = (gauge: SeriesOf<GaugeSeries>, of: (progress: Progress) => number) => ({
  gauge,
  of,
  ofAll: (partitions: ReadonlyMap<number, Progress>) => of(together(partitions.values()))
})

const progressGauges = [
  progressGauge(lag, (progress) => progress.lag),
  progressGauge(inFlight, (progress) => progress.bytesInFlight),
  progressGauge(paused, (progress) => (progress.paused ? 1 : 0))
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
