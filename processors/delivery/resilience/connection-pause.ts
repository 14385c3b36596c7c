/**
 * When a connection sends nothing but probes: while the platform refuses its credential or configuration, and, where requests are not
 * idempotent, while it may be down.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import * as Semaphore from "effect/Semaphore"
import type { EventVerdict } from "../../../shared/connectors/connector.ts"
import type { CallOutcome, CircuitBreaker } from "./circuit-breaker.ts"
import type { RateLimiter } from "./rate-limiter.ts"
import { type RetryPolicy, retryDelay } from "./retry-policy.ts"

/**
 * Pauses a connection whose credential or configuration the platform refuses. Whoever waits for its end probes, one at a
 * time, with growing delays; when the probe succeeds all go on. There is no fiber in the background that could die unseen,
 * and a partition that is revoked while it waits leaves the probing to the next one.
 */
export interface ConnectionPause {
  /** Goes on at once if the connection is not paused; else probes until the platform works. */
  readonly await: Effect.Effect<void>
  /** Pauses the connection for the platform's reason. */
  readonly pause: (reason: EventVerdict) => Effect.Effect<void>
  /** A request was not refused: the next pause starts with short delays again. */
  readonly resetDelay: Effect.Effect<void>
  readonly paused: Effect.Effect<EventVerdict | null>
}

export interface ConnectionPauseOptions {
  /** Asks the platform whether host, account and credential work, with the credential read again. */
  readonly probe: Effect.Effect<EventVerdict>
  readonly settings: {
    /** Probes: after this, doubling up to the maximum. */
    readonly recoveryFirst: Duration.Duration
    readonly recoveryMax: Duration.Duration
  }
  /** Whether a first probe may help at once: a token can be exchanged again. */
  readonly refreshable: boolean
  /** Called on each change; null means not paused any more. */
  readonly onChange: (reason: EventVerdict | null) => Effect.Effect<void>
  /** Called after each probe that does not end the pause, whose reason may be another one by now. */
  readonly onRefused: Effect.Effect<void>
}

export const makeConnectionPause = (options: ConnectionPauseOptions): ConnectionPause => new Pause(options)

class Pause implements ConnectionPause {
  private readonly options: ConnectionPauseOptions
  private reason: EventVerdict | null = null
  private probes = 0
  /** Of those who wait; null before one did. */
  private one: Semaphore.Semaphore | null = null

  constructor(options: ConnectionPauseOptions) {
    this.options = options
  }

  get await(): Effect.Effect<void> {
    return Effect.suspend(() => {
      if (this.reason === null) return Effect.void
      this.one ??= Semaphore.makeUnsafe(1)
      return this.one.withPermits(1)(this.recover())
    })
  }

  pause(verdict: EventVerdict): Effect.Effect<void> {
    return Effect.suspend(() => {
      if (this.reason !== null) return Effect.void
      this.reason = verdict
      return this.options.onChange(verdict)
    })
  }

  get resetDelay(): Effect.Effect<void> {
    return Effect.sync(() => {
      this.probes = 0
    })
  }

  get paused(): Effect.Effect<EventVerdict | null> {
    return Effect.sync(() => this.reason)
  }

  private recover(): Effect.Effect<void> {
    return Effect.gen({ self: this }, function* () {
      while (this.reason !== null) {
        yield* Effect.sleep(delayBefore(this.probes, this.options))
        this.probes += 1
        const verdict = yield* this.options.probe
        if (isHealthy(verdict)) {
          this.reason = null
          yield* this.options.onChange(null)
        } else {
          if (verdict.errorClass === "auth" || verdict.errorClass === "configuration") this.reason = verdict
          yield* this.options.onRefused
        }
      }
    })
  }
}

/** Whether a verdict of the probe means that the platform takes the credential. */
export const isHealthy = (verdict: EventVerdict): boolean =>
  verdict.errorClass === "delivered" || verdict.errorClass === "accepted" || verdict.errorClass === "duplicate"

const delayBefore = (probes: number, { settings, refreshable }: ConnectionPauseOptions): Duration.Duration => {
  const doublings = refreshable ? probes - 1 : probes
  if (doublings < 0) return Duration.zero
  return Duration.min(Duration.times(settings.recoveryFirst, 2 ** Math.min(doublings, 20)), settings.recoveryMax)
}

/**
 * Requests that are not idempotent, on a connection that may be down. A request that is cut off there leaves an event
 * `unknown` for a person to decide. So after a request without a clear response, and while the circuit is half open, the
 * platform's probe goes first, which carries no event, and one event at a time follows it, until one gets a response again.
 */
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

export const makeProbeMode = (options: ProbeModeOptions): ProbeMode => new Probing(options)

class Probing implements ProbeMode {
  private readonly options: ProbeModeOptions
  private needed = false
  /** Since an event last got a response. */
  private probesFailed = 0
  /** Of those who send one at a time; null before that was needed. */
  private one: Semaphore.Semaphore | null = null

  constructor(options: ProbeModeOptions) {
    this.options = options
  }

  isNeeded(): boolean {
    return this.needed
  }

  note(outcome: CallOutcome, ambiguous: boolean): void {
    if (ambiguous || outcome === "failure") this.needed = true
    else if (outcome === "success") {
      this.needed = false
      this.probesFailed = 0
    }
  }

  get probe(): Effect.Effect<CallOutcome | null> {
    return Effect.gen({ self: this }, function* () {
      yield* this.options.limiter.acquire({ requests: 1, events: 0 })
      const verdict = yield* this.options.probe
      return isHealthy(verdict) || isUndocumented(verdict) ? null : yield* this.afterFailure(verdict)
    })
  }

  oneAtATime<A, E>(send: Effect.Effect<A, E>, isSent: (result: A) => boolean): Effect.Effect<A, E> {
    return Effect.suspend(() => {
      if (!this.needed) return send
      this.one ??= Semaphore.makeUnsafe(1)
      return this.one.withPermits(1)(
        Effect.tap(send, (result) => (isSent(result) ? Effect.void : this.waitForNextProbe()))
      )
    })
  }

  private afterFailure(verdict: EventVerdict): Effect.Effect<CallOutcome> {
    const { limiter, pause } = this.options
    this.probesFailed += 1
    if (verdict.errorClass === "auth" || verdict.errorClass === "configuration")
      return Effect.as(pause.pause(verdict), "ignored")
    if (verdict.errorClass !== "throttled") return Effect.succeed("failure")
    return Effect.as(
      Effect.flatMap(this.delay(verdict.retryAfter ?? null), (wait) => limiter.throttle(wait)),
      "ignored"
    )
  }

  private delay(retryAfter: Duration.Duration | null): Effect.Effect<Duration.Duration> {
    return Effect.map(Random.next, (random) =>
      retryDelay(this.options.retry, Math.max(1, this.probesFailed), retryAfter, random)
    )
  }

  // As before any retry; an open circuit waits by itself.
  private waitForNextProbe(): Effect.Effect<void> {
    return Effect.flatMap(this.options.breaker.state, (state) =>
      state === "OPEN" ? Effect.void : Effect.flatMap(this.delay(null), Effect.sleep)
    )
  }
}

/** A response in the platform's form by a code that its documentation does not list: the platform is there. */
const isUndocumented = (verdict: EventVerdict): boolean =>
  verdict.errorClass === "unknown" && verdict.unreadable !== true
