/** Every figure of the delivery engine, with the specification's value where it gives one. */
import * as Duration from "effect/Duration"
import type { Connection } from "../../../shared/connections/connection.ts"
import type { Connector, Limits } from "../../../shared/connectors/connector.ts"
import type { HttpTransportOptions } from "../../../shared/connectors/http/http-client.ts"
import { type BatchOptimizerSettings, batchOptimizerDefaults } from "../resilience/batch-optimizer.ts"
import { type CircuitBreakerSettings, circuitBreakerDefaults } from "../resilience/circuit-breaker.ts"
import { type RateLimit, type RateLimiterSettings, rateLimiterDefaults } from "../resilience/rate-limiter.ts"
import { type RetryPolicy, retryDefaults } from "../resilience/retry-policy.ts"

export interface DeliverySettings {
  readonly breaker: CircuitBreakerSettings
  readonly retry: RetryPolicy
  /** Requests of a connection whose platform documents no rate. */
  readonly requestsWhereUndocumented: RateLimit
  /** How the platform's report of its usage slows the limiter. */
  readonly usage: Pick<RateLimiterSettings, "usageSlowsFrom" | "usageFloor" | "usageHolds">
  /** Without `sizeMax`, which is the connection's largest request. */
  readonly optimizer: Omit<BatchOptimizerSettings, "sizeMax">
  /** Events in a request while the circuit is half open. */
  readonly probeEvents: number
  /** Failures beyond the retries after which the platform's probe is asked whether only these events fail. */
  readonly failuresBeforeProbe: number
  /** Delays of the delayed retry topic, round by round; the last one repeats. */
  readonly delayedRetries: ReadonlyArray<Duration.Duration>
  /** Rounds for an event without an age limit before it is dead-lettered. */
  readonly delayedRoundsMax: number
  /** Rounds for an event that the platform answers by an undocumented code, whatever its age limit. */
  readonly delayedUnknownRoundsMax: number
  /** A batch of delayed retries that are not due is held at most this long, then written back. */
  readonly delayedHold: Duration.Duration
  /** Delayed retries that have lain longer since they were looked at are held no more, so that none waits for long behind others. */
  readonly delayedRound: Duration.Duration
  /** The last delayed retry is due so long before the age limit; well above `delayedRound`. */
  readonly delayedLastTry: Duration.Duration
  /** Probes of a paused connection: after this, doubling up to the maximum. */
  readonly recoveryFirst: Duration.Duration
  readonly recoveryMax: Duration.Duration
  /** After an outage the rate starts at this part and grows to the whole over this time. */
  readonly catchUpFrom: number
  readonly catchUpOver: Duration.Duration
  /** A resolved credential is used so long before it is read again. */
  readonly secretLife: Duration.Duration
  /** An access token is renewed so long before it ends. */
  readonly tokenMargin: Duration.Duration
  /** Events sent are remembered so long, where a repeated request is not idempotent. */
  readonly deduplicationWindow: Duration.Duration
  /** Events remembered a partition; the oldest are forgotten first. */
  readonly deduplicationEntriesMax: number
  /** Final outcomes of accepted requests: first question, doubling up to the maximum, given up after `laterLife`. */
  readonly pollFirst: Duration.Duration
  readonly pollMax: Duration.Duration
  readonly asyncOutcomeLife: Duration.Duration
  /** Questions a tick. */
  readonly pollBatch: number
  /** How long a batch waits to fill, where the connection does not say. */
  readonly linger: Duration.Duration
}

export const deliveryDefaults: DeliverySettings = {
  breaker: circuitBreakerDefaults,
  retry: retryDefaults,
  requestsWhereUndocumented: rateLimiterDefaults.requests,
  usage: rateLimiterDefaults,
  optimizer: { ...batchOptimizerDefaults, sizeMin: 10 },
  probeEvents: 10,
  failuresBeforeProbe: 4,
  delayedRetries: [
    Duration.minutes(1),
    Duration.minutes(5),
    Duration.minutes(15),
    Duration.hours(1),
    Duration.hours(3),
    Duration.hours(6)
  ],
  delayedRoundsMax: 30,
  delayedUnknownRoundsMax: 3,
  delayedHold: Duration.seconds(15),
  delayedRound: Duration.minutes(5),
  delayedLastTry: Duration.minutes(15),
  recoveryFirst: Duration.seconds(5),
  recoveryMax: Duration.minutes(5),
  catchUpFrom: 0.25,
  catchUpOver: Duration.seconds(60),
  secretLife: Duration.minutes(1),
  tokenMargin: Duration.seconds(60),
  deduplicationWindow: Duration.hours(24),
  deduplicationEntriesMax: 1_000_000,
  pollFirst: Duration.seconds(5),
  pollMax: Duration.minutes(10),
  asyncOutcomeLife: Duration.days(3),
  pollBatch: 20,
  linger: Duration.millis(500)
}

/** The engine's figures for one connection: the specification's, with what `resilience` of its file says. */
export const settingsOf = ({ resilience }: Pick<Connection, "resilience">): DeliverySettings => {
  if (resilience === undefined) return deliveryDefaults
  const { circuitBreaker, retry, delayedRetry, pause, catchUp, rateLimiter, batchOptimizer, deduplication, later } =
    resilience
  const defaults = deliveryDefaults
  return {
    ...defaults,
    breaker: {
      failures: circuitBreaker.failures ?? defaults.breaker.failures,
      recovery: circuitBreaker.recovery ?? defaults.breaker.recovery,
      halfOpenCalls: circuitBreaker.halfOpenCalls ?? defaults.breaker.halfOpenCalls
    },
    probeEvents: circuitBreaker.probeEvents ?? defaults.probeEvents,
    retry: {
      delays: retry.delays ?? defaults.retry.delays,
      jitter: partOf(retry.jitterPercent) ?? defaults.retry.jitter,
      retryAfterMax: retry.retryAfterMax ?? defaults.retry.retryAfterMax
    },
    delayedRetries: delayedRetry.delays ?? defaults.delayedRetries,
    delayedRoundsMax: delayedRetry.roundsMax ?? defaults.delayedRoundsMax,
    delayedUnknownRoundsMax: delayedRetry.unknownRoundsMax ?? defaults.delayedUnknownRoundsMax,
    recoveryFirst: pause.firstProbe ?? defaults.recoveryFirst,
    recoveryMax: pause.probeMax ?? defaults.recoveryMax,
    catchUpFrom: partOf(catchUp.fromPercent) ?? defaults.catchUpFrom,
    catchUpOver: catchUp.over ?? defaults.catchUpOver,
    requestsWhereUndocumented: {
      tokens: rateLimiter.tokens ?? defaults.requestsWhereUndocumented.tokens,
      perSecond: rateLimiter.perSecond ?? defaults.requestsWhereUndocumented.perSecond
    },
    usage: {
      ...defaults.usage,
      usageSlowsFrom: rateLimiter.usageSlowsFromPercent ?? defaults.usage.usageSlowsFrom,
      usageHolds: rateLimiter.usageHolds ?? defaults.usage.usageHolds
    },
    optimizer: {
      ...defaults.optimizer,
      sizeMin: batchOptimizer.sizeMin ?? defaults.optimizer.sizeMin,
      samples: batchOptimizer.samples ?? defaults.optimizer.samples,
      margin: partOf(batchOptimizer.marginPercent) ?? defaults.optimizer.margin
    },
    pollFirst: later.firstQuestion ?? defaults.pollFirst,
    pollMax: later.questionMax ?? defaults.pollMax,
    asyncOutcomeLife: later.life ?? defaults.asyncOutcomeLife,
    deduplicationWindow: deduplication.window ?? defaults.deduplicationWindow,
    deduplicationEntriesMax: deduplication.entriesMax ?? defaults.deduplicationEntriesMax
  }
}

/** The limits of a connection: its profile's, with its own overrides. */
export const limitsOf = (connector: Connector, connection: Connection): Limits => {
  const profile = connector.limits[connection.limits.profile]
  const limits = connection.limits
  return {
    eventsPerRequest: Math.max(1, limits.eventsPerRequest ?? profile.eventsPerRequest),
    bytesPerRequest: limits.bytesPerRequest ?? profile.bytesPerRequest,
    requestsPerWindow: limits.requestsPerWindow ?? profile.requestsPerWindow,
    eventsPerWindow: limits.eventsPerWindow ?? profile.eventsPerWindow,
    window: limits.window ?? profile.window,
    concurrency: Math.max(1, limits.concurrency ?? profile.concurrency)
  }
}

/** The buckets of a connection: a window's worth of burst, refilled at the window's rate. */
export const rateOf = (limits: Limits, settings: DeliverySettings): RateLimiterSettings => {
  const seconds = Duration.toSeconds(limits.window)
  const bucket = (perWindow: number) => ({ tokens: perWindow, perSecond: perWindow / seconds })
  return {
    ...settings.usage,
    requests: limits.requestsPerWindow === null ? settings.requestsWhereUndocumented : bucket(limits.requestsPerWindow),
    events: limits.eventsPerWindow === null ? null : bucket(limits.eventsPerWindow)
  }
}

/**
 * What a connection says of its pool; the rest is the transport's default. A host may close a connection that was idle just when
 * a request is written to it: where a repeated request is not idempotent, only connections that were used just before are used again.
 */
export const poolOptionsOf = (
  { resilience }: Pick<Connection, "resilience">,
  { idempotent }: Pick<Connector, "idempotent">
): Partial<HttpTransportOptions> => {
  const usual = idempotent ? {} : { idleMillis: unrepeatableIdleMillis }
  if (resilience === undefined) return usual
  const { connections, timeout, connectTimeout, idle } = resilience.pool
  return {
    ...usual,
    ...(connections === null ? {} : { connections }),
    ...(timeout === null ? {} : { timeoutMillis: Duration.toMillis(timeout) }),
    ...(connectTimeout === null ? {} : { connectTimeoutMillis: Duration.toMillis(connectTimeout) }),
    ...(idle === null ? {} : { idleMillis: Duration.toMillis(idle) })
  }
}

/** Below any idle time that a server is known to allow (Node's: 5 s). */
const unrepeatableIdleMillis = 2_000

const partOf = (percent: number | null): number | null => (percent === null ? null : percent / 100)
