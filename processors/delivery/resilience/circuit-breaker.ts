/**
 * A circuit breaker by the specification: 5 failures in a row open it, after 60 s it lets 3 calls try, and when these
 * have succeeded it closes. Effect's own (experimental) breaker admits one probe and rejects instead of waiting, while
 * a delivery has to wait for its platform, so this one is ours.
 */
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { monotonicMillis } from "../../../shared/model/monotonic.ts"

export type CircuitState = "CLOSED" | "OPEN" | "HALF_OPEN"

export interface CircuitBreakerSettings {
  /** So many failures in a row open the circuit. */
  readonly failures: number
  /** How long it stays open before calls may try again. */
  readonly recovery: Duration.Duration
  /** Calls that must succeed in HALF_OPEN to close it; no more are in flight or done before that. */
  readonly halfOpenCalls: number
}

export const circuitBreakerDefaults: CircuitBreakerSettings = {
  failures: 5,
  recovery: Duration.seconds(60),
  halfOpenCalls: 3
}

/** How a call ended, for the breaker: `ignored` says nothing about the platform's health (throttled, wrong token). */
export type CallOutcome = "success" | "failure" | "ignored"

export interface CircuitBreaker {
  readonly state: Effect.Effect<CircuitState>
  /** Calls one with every later state, at once. */
  readonly observe: (observer: (state: CircuitState) => void) => void
  /**
   * Waits until the circuit admits a call and makes it. `probing` means that the circuit is half open, so that the call
   * should be a small one. A call that fails, dies or is interrupted counts as ignored and gives its place back.
   */
  readonly call: <A, E, R>(
    use: (probing: boolean) => Effect.Effect<readonly [CallOutcome, A], E, R>
  ) => Effect.Effect<A, E, R>
  /** Calls that succeeded so far: it grows while anything gets through. */
  readonly succeeded: Effect.Effect<number>
}

export const makeCircuitBreaker = (
  settings: CircuitBreakerSettings = circuitBreakerDefaults
): Effect.Effect<CircuitBreaker> => Effect.sync(() => new Circuit(settings))

interface Permit {
  readonly probing: boolean
  readonly generation: number
}

class Circuit implements CircuitBreaker {
  private readonly settings: CircuitBreakerSettings
  private now: CircuitState = "CLOSED"
  /** Grows with each change of state: outcomes of calls admitted before it change nothing. */
  private generation = 0
  private failures = 0
  private reopensAt = 0
  private inFlight = 0
  private successes = 0
  private succeededCalls = 0
  /** Done at the next change; null where none waits. */
  private signal: Deferred.Deferred<void> | null = null
  private observer: ((state: CircuitState) => void) | null = null

  constructor(settings: CircuitBreakerSettings) {
    this.settings = settings
  }

  get state(): Effect.Effect<CircuitState> {
    return Effect.sync(() => this.now)
  }

  get succeeded(): Effect.Effect<number> {
    return Effect.sync(() => this.succeededCalls)
  }

  observe(observer: (state: CircuitState) => void): void {
    this.observer = observer
  }

  call<A, E, R>(use: (probing: boolean) => Effect.Effect<readonly [CallOutcome, A], E, R>): Effect.Effect<A, E, R> {
    return Effect.suspend(() => {
      const { generation } = this
      return this.now === "CLOSED"
        ? // It holds no place.
          Effect.onExitPrimitive(use(false), (exit) => this.bookClosed(generation, exit))
        : Effect.acquireUseRelease(
            Effect.interruptible(this.admit()),
            (permit) => use(permit.probing),
            (permit, exit) => this.book(permit.generation, exit)
          )
    }).pipe(Effect.map(([, value]) => value))
  }

  private admit(): Effect.Effect<Permit> {
    return Effect.gen({ self: this }, function* () {
      while (true) {
        const now = yield* monotonicMillis
        if (this.now === "OPEN" && now >= this.reopensAt) this.change("HALF_OPEN")
        if (this.now === "CLOSED") return { probing: false, generation: this.generation }
        if (this.now === "HALF_OPEN" && this.inFlight + this.successes < this.settings.halfOpenCalls) {
          this.inFlight += 1
          return { probing: true, generation: this.generation }
        }
        this.signal ??= Deferred.makeUnsafe<void>()
        const changed = Deferred.await(this.signal)
        yield* this.now === "OPEN"
          ? Effect.raceFirst(Effect.sleep(Duration.millis(Math.ceil(this.reopensAt - now))), changed)
          : changed
      }
    })
  }

  private book<A, E>(generation: number, exit: Exit.Exit<readonly [CallOutcome, A], E>): Effect.Effect<void> {
    return Effect.map(monotonicMillis, (now) =>
      this.settle(generation, Exit.isSuccess(exit) ? exit.value[0] : "ignored", now)
    )
  }

  /** Of a call that was admitted while it was closed: most succeed, which changes no state. */
  private bookClosed<A, E>(generation: number, exit: Exit.Exit<readonly [CallOutcome, A], E>) {
    if (this.now !== "CLOSED" || Exit.isFailure(exit) || exit.value[0] !== "success") return this.book(generation, exit)
    this.settle(generation, "success", 0)
    return undefined
  }

  /** Books the end of a call that was admitted in `generation`. */
  private settle(generation: number, outcome: CallOutcome, now: number): void {
    if (outcome === "success") this.succeededCalls += 1
    if (generation !== this.generation) return
    if (this.now === "HALF_OPEN") this.inFlight -= 1
    if (outcome === "failure") this.fail(now)
    else if (outcome === "success") this.succeed()
    // A closed one has no calls that wait.
    if (this.now !== "CLOSED") this.wake()
  }

  private fail(now: number): void {
    this.failures += 1
    if (this.now === "CLOSED" && this.failures < this.settings.failures) return
    this.reopensAt = now + Duration.toMillis(this.settings.recovery)
    this.change("OPEN")
  }

  private succeed(): void {
    this.failures = 0
    if (this.now !== "HALF_OPEN") return
    this.successes += 1
    if (this.successes >= this.settings.halfOpenCalls) this.change("CLOSED")
  }

  private change(state: CircuitState): void {
    this.now = state
    this.generation += 1
    this.inFlight = 0
    this.successes = 0
    if (state === "CLOSED") this.failures = 0
    this.observer?.(state)
    this.wake()
  }

  private wake(): void {
    const { signal } = this
    this.signal = null
    if (signal !== null) Deferred.doneUnsafe(signal, Effect.void)
  }
}
