/**
 * Requests that are not idempotent, on a connection that may be down. A request that is cut off there leaves an event
 * `unknown` for a person to decide. So after a request without a clear response, and while the circuit is half open, the
 * platform's probe goes first, which carries no event, and one event at a time follows it, until one gets a response again.
 */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import * as Semaphore from "effect/Semaphore"
import type { EventVerdict } from "../../../shared/connectors/connector.ts"
import type { CallOutcome, CircuitBreaker } from "./circuit-breaker.ts"
import { type ConnectionPause, isHealthy } from "./connection-pause.ts"
import type { RateLimiter } from "./rate-limiter.ts"
import { type RetryPolicy, retryDelay } from "./retry-policy.ts"

export interface ProbeMode {
  /** Whether requests with events must wait for a probe now. */
  readonly isNeeded: () => boolean
  /** Takes note of how a request with events ended. */
  readonly note: (outcome: CallOutcome, ambiguous: boolean) => void
  /** Asks the platform without an event; null where it works, else how the call counts for the circuit. */
  readonly probe: Effect.Effect<CallOutcome | null>
  /** While it is needed, one at a time; waits before the next probe where `send` gives false: nothing was sent. */
  readonly oneAtATime: <A, E>(send: Effect.Effect<A, E>, isSent: (result: A) => boolean) => Effect.Effect<A, E>
}

export interface ProbeModeOptions {
  /** Asks the platform whether it works, with the credential read again. */
  readonly probe: Effect.Effect<EventVerdict>
  readonly breaker: Pick<CircuitBreaker, "state">
  readonly limiter: Pick<RateLimiter, "acquire" | "throttle">
  readonly pause: Pick<ConnectionPause, "pause">
  readonly retry: RetryPolicy
}

export const makeProbeMode = ({ probe, breaker, limiter, pause, retry }: ProbeModeOptions): ProbeMode => {
  const one = Semaphore.makeUnsafe(1)
  let needed = false
  /** Since an event last got a response. */
  let probesFailed = 0

  const delay = (retryAfter: Duration.Duration | null): Effect.Effect<Duration.Duration> =>
    Effect.map(Random.next, (random) => retryDelay(retry, Math.max(1, probesFailed), retryAfter, random))

  const afterFailure = (verdict: EventVerdict): Effect.Effect<CallOutcome> => {
    probesFailed += 1
    if (verdict.errorClass === "auth" || verdict.errorClass === "configuration")
      return Effect.as(pause.pause(verdict), "ignored")
    if (verdict.errorClass !== "throttled") return Effect.succeed("failure")
    return Effect.as(Effect.flatMap(delay(verdict.retryAfter ?? null), limiter.throttle), "ignored")
  }

  // As before any retry; an open circuit waits by itself.
  const waitForNextProbe = Effect.flatMap(breaker.state, (state) =>
    state === "OPEN" ? Effect.void : Effect.flatMap(delay(null), Effect.sleep)
  )

  return {
    isNeeded: () => needed,
    note: (outcome, ambiguous) => {
      if (ambiguous || outcome === "failure") needed = true
      else if (outcome === "success") {
        needed = false
        probesFailed = 0
      }
    },
    probe: Effect.gen(function* () {
      yield* limiter.acquire({ requests: 1, events: 0 })
      const verdict = yield* probe
      return isHealthy(verdict) || isUndocumented(verdict) ? null : yield* afterFailure(verdict)
    }),
    oneAtATime: (send, isSent) =>
      Effect.suspend(() =>
        needed
          ? one.withPermits(1)(Effect.tap(send, (result) => (isSent(result) ? Effect.void : waitForNextProbe)))
          : send
      )
  }
}

/** A response in the platform's form by a code that its documentation does not list: the platform is there. */
const isUndocumented = (verdict: EventVerdict): boolean =>
  verdict.errorClass === "unknown" && verdict.unreadable !== true
