/**
 * Requests that are not idempotent, on a connection that may be down. A request that is cut off there leaves an event
 * `unknown` for a person to decide. So after a request without a clear answer, and while the circuit is half open, the
 * platform's probe goes first, which carries no event, and one event at a time follows it, until one is answered again.
 */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import * as Semaphore from "effect/Semaphore"
import type { EventVerdict } from "../../../shared/connectors/connector.ts"
import type { CallOutcome } from "../resilience/circuit-breaker.ts"
import { isHealthy } from "../resilience/connection-pause.ts"
import { retryDelay } from "../resilience/retry-policy.ts"
import type { DeliveryContext } from "./delivery-context.ts"

export interface ProbeMode {
  /** Whether requests with events must wait for a probe now. */
  readonly isNeeded: () => boolean
  /** One event at a time while it is needed. */
  readonly one: Semaphore.Semaphore
  /** Takes note of how a request with events ended. */
  readonly note: (outcome: CallOutcome, ambiguous: boolean) => void
  /** Probes that failed since an event was last answered. */
  probesFailed: number
}

export const makeProbeMode = (): ProbeMode => {
  let needed = false
  const caution: ProbeMode = {
    isNeeded: () => needed,
    one: Semaphore.makeUnsafe(1),
    note: (outcome, ambiguous) => {
      if (ambiguous || outcome === "failure") needed = true
      else if (outcome === "success") {
        needed = false
        caution.probesFailed = 0
      }
    },
    probesFailed: 0
  }
  return caution
}

/** Asks the platform without an event; null where it works, else how the call counts for the circuit. */
export const probeFirst = (delivery: DeliveryContext): Effect.Effect<CallOutcome | null> =>
  Effect.gen(function* () {
    yield* delivery.limiter.acquire({ requests: 1, events: 0 })
    const verdict = yield* delivery.probe
    if (isHealthy(verdict) || isUndocumented(verdict)) return null
    delivery.probeMode.probesFailed += 1
    return yield* afterProbe(delivery, verdict)
  })

/** An answer in the platform's form by a code that its documentation does not list: the platform is there. */
const isUndocumented = (verdict: EventVerdict): boolean =>
  verdict.errorClass === "unknown" && verdict.unreadable !== true

const afterProbe = (delivery: DeliveryContext, verdict: EventVerdict): Effect.Effect<CallOutcome> => {
  if (verdict.errorClass === "auth" || verdict.errorClass === "configuration")
    return Effect.as(delivery.pause.pause(verdict), "ignored")
  if (verdict.errorClass !== "throttled") return Effect.succeed("failure")
  return Effect.as(Effect.flatMap(delayOf(delivery, verdict.retryAfter ?? null), delivery.limiter.throttle), "ignored")
}

/** Before the next probe, as before any retry; an open circuit waits by itself. */
export const waitForNextProbe = (delivery: DeliveryContext): Effect.Effect<void> =>
  Effect.flatMap(delivery.breaker.state, (state) =>
    state === "OPEN" ? Effect.void : Effect.flatMap(delayOf(delivery, null), Effect.sleep)
  )

const delayOf = (
  { settings, probeMode: caution }: DeliveryContext,
  retryAfter: Duration.Duration | null
): Effect.Effect<Duration.Duration> =>
  Effect.map(Random.next, (random) => retryDelay(settings.retry, Math.max(1, caution.probesFailed), retryAfter, random))
