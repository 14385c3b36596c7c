/**
 * What a connection reports: metrics, each with the connection and platform as attributes, updated once a request or a batch;
 * and the log of a platform's warnings.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Metric from "effect/Metric"
import { monotonicMillis } from "../../../shared/model/monotonic.ts"
import {
  type Attributes,
  type CounterSeries,
  counter,
  gauge,
  type HistogramSeries,
  histogram,
  type SeriesOf,
  type SeriesRegistry
} from "../../../shared/telemetry/series.ts"
import type { CircuitState } from "../resilience/circuit-breaker.ts"
import type { Outcome } from "./outcome.ts"

const seconds = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30]

const requests = counter("capi_delivery_requests_total", "Requests to the platform, by the class of their answer.")
const latency = histogram("capi_delivery_request_seconds", "Time of a request to the platform.", seconds)
const fill = histogram(
  "capi_delivery_batch_fill_ratio",
  "Events of a request, as a part of the largest request allowed.",
  [0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 1]
)
const events = counter("capi_delivery_events_total", "Events by outcome.")
const finals = counter(
  "capi_delivery_final_outcomes_total",
  "Final outcomes of events that the platform accepted first, by outcome; they were counted as accepted before."
)
const retries = counter("capi_delivery_retries_total", "Requests that were sent again.")
const rejections = counter("capi_delivery_rejections_total", "Events that the platform or a rule refused, by reason.")
const sent = counter(
  "capi_delivery_events_sent_total",
  "Events that count as taken, of requests that the platform answered with a count."
)
const received = counter("capi_delivery_events_received_total", "Events that the platform says it received.")
const waits = histogram(
  "capi_delivery_limiter_wait_seconds",
  "Time that a request waited for the rate limiter.",
  seconds
)
const circuit = gauge("capi_delivery_circuit_state", "0 CLOSED, 1 HALF_OPEN, 2 OPEN.")
const paused = gauge("capi_delivery_paused", "1 while the platform refuses the credential or the configuration.")
const expiry = gauge(
  "capi_delivery_credential_expires_timestamp_seconds",
  "When the credential expires, in seconds since the epoch; 0 where nothing says so."
)
const batchSize = gauge("capi_delivery_batch_size_events", "Batch size that the optimizer chose.")
const improvement = gauge(
  "capi_delivery_batch_improvement_percent",
  "Estimated gain in events a second of the size that the optimizer chose over the largest."
)
const gauges = [circuit, paused, expiry, batchSize, improvement]

export interface RequestObservation {
  /** For the rate limiter. */
  readonly waited: Duration.Duration
  readonly errorClass: string
  readonly latencyMillis: number
  readonly events: number
  readonly eventsMax: number
  readonly eventsTaken: number
  readonly eventsReceived: number | null
  /** What the optimizer chose, and the gain that it estimates. */
  readonly batchSize: number
  readonly improvementPercent: number
}

export interface DeliveryMetrics {
  readonly request: (observation: RequestObservation) => Effect.Effect<void>
  /** Of a request that was not sent; that of another is part of its observation. */
  readonly limiterWait: (wait: Duration.Duration) => Effect.Effect<void>
  readonly retry: Effect.Effect<void>
  /** Of events that were accepted first. */
  readonly finals: (counts: ReadonlyMap<string, number>) => Effect.Effect<void>
  readonly outcomes: (counts: ReadonlyMap<string, number>) => Effect.Effect<void>
  /** By reason code; beyond `reasonsMax` different ones they are counted together. */
  readonly rejected: (reasons: ReadonlyMap<string, number>) => Effect.Effect<void>
  readonly circuit: (state: CircuitState) => Effect.Effect<void>
  readonly paused: (paused: boolean) => Effect.Effect<void>
  /** Milliseconds since the epoch; null where nothing says so. */
  readonly credentialExpiry: (expiresAt: number | null) => Effect.Effect<void>
  /** Removes the gauges, which say what holds now: of a connection that was disabled, nothing does. */
  readonly removeGauges: Effect.Effect<void>
}

/** Into the metric registry of the caller. */
export const makeDeliveryMetrics = (connection: string, platform: string): Effect.Effect<DeliveryMetrics> =>
  Effect.map(Metric.MetricRegistry, (registry) => new ConnectionMetrics(registry, { connection, platform }))

/** Each series is made with its first value. */
class ConnectionMetrics implements DeliveryMetrics {
  private readonly registry: SeriesRegistry
  private readonly attributes: Attributes
  private ofRequests: {
    readonly latency: HistogramSeries
    readonly fill: HistogramSeries
    readonly waits: HistogramSeries
  } | null = null
  private ofCounts: { readonly sent: CounterSeries; readonly received: CounterSeries } | null = null
  /** What the gauges of the optimizer show, which seldom change. */
  private batchSize = Number.NaN
  private improvement = Number.NaN
  /** By metric and value of its further attribute, of which there are few. */
  private readonly known: Array<{
    readonly metric: SeriesOf<CounterSeries>
    readonly value: string
    readonly series: CounterSeries
  }> = []
  private reasons: Set<string> | null = null

  constructor(registry: SeriesRegistry, attributes: Attributes) {
    this.registry = registry
    this.attributes = attributes
  }

  request(seen: RequestObservation): Effect.Effect<void> {
    return Effect.sync(() => {
      const { registry, attributes } = this
      this.ofRequests ??= {
        latency: latency.in(registry, attributes),
        fill: fill.in(registry, attributes),
        waits: waits.in(registry, attributes)
      }
      this.by(requests, "class", seen.errorClass).update(1)
      this.ofRequests.latency.update(seen.latencyMillis / 1000)
      this.ofRequests.fill.update(seen.events / seen.eventsMax)
      this.ofRequests.waits.update(Duration.toSeconds(seen.waited))
      this.showSize(seen)
      if (seen.eventsReceived === null) return
      this.ofCounts ??= { sent: sent.in(registry, attributes), received: received.in(registry, attributes) }
      this.ofCounts.sent.update(seen.eventsTaken)
      this.ofCounts.received.update(seen.eventsReceived)
    })
  }

  limiterWait(wait: Duration.Duration): Effect.Effect<void> {
    return Effect.sync(() => waits.in(this.registry, this.attributes).update(Duration.toSeconds(wait)))
  }

  get retry(): Effect.Effect<void> {
    return Effect.sync(() => retries.in(this.registry, this.attributes).update(1))
  }

  finals(counts: ReadonlyMap<string, number>): Effect.Effect<void> {
    return this.each(finals, "outcome", counts)
  }

  outcomes(counts: ReadonlyMap<string, number>): Effect.Effect<void> {
    return this.each(events, "outcome", counts)
  }

  rejected(reasons: ReadonlyMap<string, number>): Effect.Effect<void> {
    if (reasons.size === 0) return Effect.void
    this.reasons ??= new Set()
    return this.each(rejections, "reason", bounded(reasons, this.reasons))
  }

  circuit(state: CircuitState): Effect.Effect<void> {
    return Effect.sync(() => circuit.in(this.registry, this.attributes).update(circuitValue[state]))
  }

  paused(value: boolean): Effect.Effect<void> {
    return Effect.sync(() => paused.in(this.registry, this.attributes).update(value ? 1 : 0))
  }

  credentialExpiry(at: number | null): Effect.Effect<void> {
    return Effect.sync(() => expiry.in(this.registry, this.attributes).update(at === null ? 0 : at / 1000))
  }

  get removeGauges(): Effect.Effect<void> {
    return Effect.sync(() => {
      for (const one of gauges) one.remove(this.registry, this.attributes)
    })
  }

  private showSize({ batchSize: size, improvementPercent }: RequestObservation): void {
    if (this.batchSize !== size) batchSize.in(this.registry, this.attributes).update(size)
    if (this.improvement !== improvementPercent)
      improvement.in(this.registry, this.attributes).update(improvementPercent)
    this.batchSize = size
    this.improvement = improvementPercent
  }

  private each(
    metric: SeriesOf<CounterSeries>,
    name: string,
    counts: ReadonlyMap<string, number>
  ): Effect.Effect<void> {
    if (counts.size === 0) return Effect.void
    return Effect.sync(() => {
      for (const [value, count] of counts) this.by(metric, name, value).update(count)
    })
  }

  private by(metric: SeriesOf<CounterSeries>, name: string, value: string): CounterSeries {
    const found = this.known.find((one) => one.value === value && one.metric === metric)
    if (found !== undefined) return found.series
    const series = metric.in(this.registry, { ...this.attributes, [name]: value })
    this.known.push({ metric, value, series })
    return series
  }
}

// A platform's codes are few, but a hostile response may hold any text. The code behind the slash, which says more of one event than
// of a kind of failure (Meta's error_subcode), is for the results alone.
const bounded = (reasons: ReadonlyMap<string, number>, seen: Set<string>): ReadonlyMap<string, number> => {
  const result = new Map<string, number>()
  for (const [whole, count] of reasons) {
    const reason = whole.split("/", 1)[0]!
    if (seen.size < reasonsMax) seen.add(reason)
    const name = seen.has(reason) ? reason : "other"
    result.set(name, (result.get(name) ?? 0) + count)
  }
  return result
}

const reasonsMax = 100
const circuitValue: Readonly<Record<CircuitState, number>> = { CLOSED: 0, HALF_OPEN: 1, OPEN: 2 }

/** Counts a step's outcomes. `unreadable` are records that are not events, which become dead letters. */
export const countOutcomes = (
  metrics: Pick<DeliveryMetrics, "outcomes" | "rejected">,
  outcomes: ReadonlyArray<Outcome>,
  unreadable: number
): Effect.Effect<void> => {
  const counts = new Map<string, number>()
  const reasons = new Map<string, number>()
  for (const { decision } of outcomes) {
    add(counts, decision.outcome, 1)
    if (decision.outcome === "rejected") add(reasons, decision.reasonCode ?? "unknown", 1)
  }
  if (unreadable > 0) add(counts, "dead_lettered", unreadable)
  return Effect.andThen(metrics.outcomes(counts), metrics.rejected(reasons))
}

/** Adds to the count of a name. */
export const add = (counts: Map<string, number>, name: string, by: number): void => {
  counts.set(name, (counts.get(name) ?? 0) + by)
}

/**
 * Logs the warnings that a platform gives beside a success, each once an hour, since every response may repeat them. None cost
 * nothing.
 */
export type LogOnce = (warnings: ReadonlyArray<string>, requestId: string | null) => Effect.Effect<void>

export const makeLogOnce = (connection: string): LogOnce => {
  /** When each was logged; the oldest first. */
  let logged: Map<string, number> | null = null
  return (warnings, requestId) =>
    warnings.length === 0
      ? Effect.void
      : Effect.flatMap(monotonicMillis, (now) => {
          logged ??= new Map()
          const texts = logged
          const news = warnings.filter((warning) => isNews(texts, warning, now))
          return news.length === 0
            ? Effect.void
            : Effect.logWarning("The platform warns.").pipe(
                Effect.annotateLogs({ connection, warnings: news, request_id: requestId })
              )
        })
}

const isNews = (logged: Map<string, number>, warning: string, now: number): boolean => {
  for (const [text, at] of logged) {
    if (now - at < repeatMillis) break
    logged.delete(text)
  }
  if (logged.has(warning) || logged.size >= textsMax) return false
  logged.set(warning, now)
  return true
}

const repeatMillis = 3_600_000
/** A platform's warnings are few, but one may hold a number that differs each time. */
const textsMax = 50
