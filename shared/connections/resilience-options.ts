import type * as Duration from "effect/Duration"

/**
 * How a connection bears its platform's trouble, where `connections.yaml` says it; null leaves the specification's figure,
 * which stands in `deliveryDefaults`, `httpTransportDefaults` and the parts of `processors/delivery/resilience`.
 */
export interface ResilienceOptions {
  readonly circuitBreaker: {
    /** So many failures in a row open the circuit. */
    readonly failures: number | null
    readonly recovery: Duration.Duration | null
    readonly halfOpenCalls: number | null
    /** Events in a request while the circuit is half open. */
    readonly probeEvents: number | null
  }
  readonly retry: {
    /** Before each retry; their number is the number of retries. */
    readonly delays: ReadonlyArray<Duration.Duration> | null
    /** In percent of the delay. */
    readonly jitterPercent: number | null
    /** A platform's Retry-After is honoured up to this. */
    readonly retryAfterMax: Duration.Duration | null
  }
  readonly delayedRetry: {
    /** Round by round; the last one repeats. */
    readonly delays: ReadonlyArray<Duration.Duration> | null
    /** Rounds of an event without an age limit. */
    readonly roundsMax: number | null
    /** Rounds of an event that the platform answers by an undocumented code. */
    readonly unknownRoundsMax: number | null
  }
  /** Probes of a connection whose credential is refused. */
  readonly pause: {
    readonly firstProbe: Duration.Duration | null
    readonly probeMax: Duration.Duration | null
  }
  readonly catchUp: {
    /** Percent of the rate with which a backlog begins. */
    readonly fromPercent: number | null
    readonly over: Duration.Duration | null
  }
  readonly rateLimiter: {
    /** Requests, where the platform documents no rate and `limits` gives none. */
    readonly tokens: number | null
    readonly perSecond: number | null
    /** Reported usage, in percent, from which the rate falls. */
    readonly usageSlowsFromPercent: number | null
    readonly usageHolds: Duration.Duration | null
  }
  readonly pool: {
    readonly connections: number | null
    readonly timeout: Duration.Duration | null
    readonly connectTimeout: Duration.Duration | null
    readonly idle: Duration.Duration | null
  }
  readonly batchOptimizer: {
    readonly sizeMin: number | null
    /** Batches measured at a size before it is judged. */
    readonly samples: number | null
    /** A size must be better by so many percent to be chosen. */
    readonly marginPercent: number | null
  }
  /** Asking for the outcome of requests that were accepted for later. */
  readonly later: {
    readonly firstQuestion: Duration.Duration | null
    readonly questionMax: Duration.Duration | null
    readonly life: Duration.Duration | null
  }
  /** What is remembered of events sent, where a repeat is not harmless. */
  readonly deduplication: {
    readonly window: Duration.Duration | null
    readonly entriesMax: number | null
  }
}
