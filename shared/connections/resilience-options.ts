/** `resilience` of a connection: every setting of the resilience layer, each with the range that makes sense. */
import type * as Schema from "effect/Schema"
import { camelGroup, duration, integer, list, optional, orEmpty } from "./fields.ts"

const integerOf = (minimum: number, maximum: number) => optional(integer(minimum, maximum), null)
const durationOf = optional(duration, null)
const durationsOf = optional(list(duration), null)

const part = <const F extends Schema.Struct.Fields>(fields: F) => orEmpty(camelGroup(fields))

export const resilience = camelGroup({
  circuit_breaker: part({
    /** So many failures in a row open the circuit. */
    failures: integerOf(1, 1_000),
    recovery: durationOf,
    half_open_calls: integerOf(1, 100),
    /** Events in a request while the circuit is half open. */
    probe_events: integerOf(1, 10_000)
  }),
  retry: part({
    /** Before each retry; their number is the number of retries. */
    delays: durationsOf,
    /** In percent of the delay. */
    jitter_percent: integerOf(0, 100),
    /** A platform's Retry-After is honoured up to this. */
    retry_after_max: durationOf
  }),
  delayed_retry: part({
    /** Round by round; the last one repeats. */
    delays: durationsOf,
    /** Rounds of an event without an age limit. */
    rounds_max: integerOf(1, 10_000),
    /** Rounds of an event that the platform answers by an undocumented code. */
    unknown_rounds_max: integerOf(1, 10_000)
  }),
  /** Probes of a connection whose credential is refused. */
  pause: part({ first_probe: durationOf, probe_max: durationOf }),
  catch_up: part({
    /** Percent of the rate with which a backlog begins. */
    from_percent: integerOf(1, 100),
    over: durationOf
  }),
  rate_limiter: part({
    /** Requests, where the platform documents no rate and `limits` gives none. */
    tokens: integerOf(1, 1_000_000),
    per_second: integerOf(1, 1_000_000),
    /** Reported usage, in percent, from which the rate falls. */
    usage_slows_from_percent: integerOf(1, 99),
    usage_holds: durationOf
  }),
  pool: part({
    connections: integerOf(1, 1_000),
    timeout: durationOf,
    connect_timeout: durationOf,
    idle: durationOf
  }),
  batch_optimizer: part({
    size_min: integerOf(1, 10_000),
    /** Batches measured at a size before it is judged. */
    samples: integerOf(1, 1_000),
    /** A size must be better by so many percent to be chosen. */
    margin_percent: integerOf(0, 100)
  }),
  /** Polling for the outcome of requests that the platform accepted and answers later. */
  later: part({ first_question: durationOf, question_max: durationOf, life: durationOf }),
  /** What is remembered of sent events, where the platform does not recognize a repeat. */
  deduplication: part({ window: durationOf, entries_max: integerOf(1, 100_000_000) })
})

/**
 * How a connection reacts to its platform's failures, where `connections.yaml` says it; null leaves the specification's
 * value, which stands in `deliveryDefaults`, `httpTransportDefaults` and the parts of `processors/delivery/resilience`.
 */
export type ResilienceOptions = Schema.Schema.Type<typeof resilience>
