/**
 * What a connection reports: metrics, each with the connection and platform as attributes, updated once a request or a batch;
 * and the log of a platform's warnings.
 */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Metric from "effect/Metric"
import type { CircuitState } from "../resilience/circuit-breaker.ts"
import type { Outcome } from "./outcome.ts"

/** The series of a metric by its attributes. */
type Series<M> = (attributes: Readonly<Record<string, string>>) => M

const counter =
  (name: string, description: string): Series<Metric.Counter<number>> =>
  (attributes) =>
    Metric.counter(name, { incremental: true, description, attributes })
const gauge =
  (name: string, description: string): Series<Metric.Gauge<number>> =>
  (attributes) =>
    Metric.gauge(name, { description, attributes })
const histogram =
  (name: string, description: string, boundaries: ReadonlyArray<number>): Series<Metric.Histogram<number>> =>
  (attributes) =>
    Metric.histogram(name, { description, boundaries, attributes })
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
}

export const makeDeliveryMetrics = (connection: string, platform: string): DeliveryMetrics => {
  const attributes = { connection, platform }
  const reasonsSeen = new Set<string>()
  // One metric for each series: Effect remembers the key of one series for each metric, and makes that of any other again.
  const of = {
    latency: latency(attributes),
    fill: fill(attributes),
    sent: sent(attributes),
    received: received(attributes),
    waits: waits(attributes),
    retries: retries(attributes),
    circuit: circuit(attributes),
    expiry: expiry(attributes),
    paused: paused(attributes),
    batchSize: batchSize(attributes),
    improvement: improvement(attributes)
  }
  /** The series of a counter by the value of its further attribute, of which there are few. */
  const seriesBy = (series: Series<Metric.Counter<number>>, name: string) => {
    const known = new Map<string, Metric.Counter<number>>()
    return (value: string): Metric.Counter<number> => {
      const found = known.get(value) ?? series({ ...attributes, [name]: value })
      known.set(value, found)
      return found
    }
  }
  const by = {
    requests: seriesBy(requests, "class"),
    finals: seriesBy(finals, "outcome"),
    outcomes: seriesBy(events, "outcome"),
    rejections: seriesBy(rejections, "reason")
  }
  /** What the gauges of the optimizer show, which seldom change. */
  const shown = { batchSize: Number.NaN, improvement: Number.NaN }
  const show = (gauge: keyof typeof shown, value: number, update: Update) => {
    if (shown[gauge] === value) return
    shown[gauge] = value
    update(of[gauge], value)
  }
  // One effect for all series of a call: a request of few events costs little else.
  const updating = (act: (update: Update) => void): Effect.Effect<void> =>
    Effect.map(Effect.context<never>(), (context) => act((metric, value) => metric.updateUnsafe(value, context)))
  const each = (
    series: (value: string) => Metric.Counter<number>,
    counts: ReadonlyMap<string, number>
  ): Effect.Effect<void> =>
    counts.size === 0
      ? Effect.void
      : updating((update) => {
          for (const [value, count] of counts) update(series(value), count)
        })
  return {
    request: (seen) =>
      updating((update) => {
        update(by.requests(seen.errorClass), 1)
        update(of.latency, seen.latencyMillis / 1000)
        update(of.fill, seen.events / seen.eventsMax)
        update(of.waits, Duration.toSeconds(seen.waited))
        show("batchSize", seen.batchSize, update)
        show("improvement", seen.improvementPercent, update)
        if (seen.eventsReceived === null) return
        update(of.sent, seen.eventsTaken)
        update(of.received, seen.eventsReceived)
      }),
    limiterWait: (wait) => updating((update) => update(of.waits, Duration.toSeconds(wait))),
    retry: Metric.update(of.retries, 1),
    finals: (counts) => each(by.finals, counts),
    outcomes: (counts) => each(by.outcomes, counts),
    rejected: (reasons) => (reasons.size === 0 ? Effect.void : each(by.rejections, bounded(reasons, reasonsSeen))),
    circuit: (state) => Metric.update(of.circuit, circuitValue[state]),
    credentialExpiry: (at) => Metric.update(of.expiry, at === null ? 0 : at / 1000),
    paused: (value) => Metric.update(of.paused, value ? 1 : 0)
  }
}

type Update = (metric: Metric.Metric<number, unknown>, value: number) => void

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
  const logged = new Map<string, number>()
  const isNews = (warning: string, now: number): boolean => {
    for (const [text, at] of logged) {
      if (now - at < repeatMillis) break
      logged.delete(text)
    }
    if (logged.has(warning) || logged.size >= textsMax) return false
    logged.set(warning, now)
    return true
  }
  return (warnings, requestId) =>
    warnings.length === 0
      ? Effect.void
      : Effect.flatMap(Clock.currentTimeMillis, (now) => {
          const news = warnings.filter((warning) => isNews(warning, now))
          return news.length === 0
            ? Effect.void
            : Effect.logWarning("The platform warns.").pipe(
                Effect.annotateLogs({ connection, warnings: news, request_id: requestId })
              )
        })
}

const repeatMillis = 3_600_000
/** A platform's warnings are few, but one may hold a number that differs each time. */
const textsMax = 50
