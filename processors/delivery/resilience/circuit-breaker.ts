/**
 * A circuit breaker by the specification: 5 failures in a row open it, after 60 s it lets 3 calls try, and when these
 * have succeeded it closes. Effect's own (experimental) breaker admits one probe and rejects instead of waiting, while
 * a delivery has to wait for its platform, so this one is ours.
 */
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Stream from "effect/Stream"
import * as SubscriptionRef from "effect/SubscriptionRef"

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
  /** The state now and every later one. */
  readonly changes: Stream.Stream<CircuitState>
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

interface Circuit {
  state: CircuitState
  /** Grows with each change of state: outcomes of calls admitted before it change nothing. */
  generation: number
  failures: number
  reopensAt: number
  inFlight: number
  successes: number
  succeeded: number
  signal: Deferred.Deferred<void>
}

export const makeCircuitBreaker = (
  settings: CircuitBreakerSettings = circuitBreakerDefaults
): Effect.Effect<CircuitBreaker> =>
  Effect.map(SubscriptionRef.make<CircuitState>("CLOSED"), (observed) => {
    const circuit: Circuit = {
      state: "CLOSED",
      generation: 0,
      failures: 0,
      reopensAt: 0,
      inFlight: 0,
      successes: 0,
      succeeded: 0,
      signal: Deferred.makeUnsafe<void>()
    }
    const publish = Effect.suspend(() => SubscriptionRef.set(observed, circuit.state))
    const acquire = admit(circuit, settings, publish)
    const book = <A, E>(generation: number, exit: Exit.Exit<readonly [CallOutcome, A], E>) =>
      Effect.flatMap(Clock.currentTimeMillis, (now) => {
        const before = circuit.state
        settle(circuit, settings, generation, Exit.isSuccess(exit) ? exit.value[0] : "ignored", now)
        return circuit.state === before ? Effect.void : publish
      })
    /** Of a call that was admitted while it was closed: most succeed, which changes no state. */
    const bookClosed = <A, E>(generation: number, exit: Exit.Exit<readonly [CallOutcome, A], E>) => {
      if (circuit.state !== "CLOSED" || Exit.isFailure(exit) || exit.value[0] !== "success")
        return book(generation, exit)
      settle(circuit, settings, generation, "success", 0)
      return undefined
    }
    return {
      state: Effect.sync(() => circuit.state),
      changes: SubscriptionRef.changes(observed),
      call: (use) =>
        Effect.suspend(() => {
          const { generation } = circuit
          return circuit.state === "CLOSED"
            ? // It holds no place.
              Effect.onExitPrimitive(use(false), (exit) => bookClosed(generation, exit))
            : Effect.acquireUseRelease(
                acquire,
                (permit) => use(permit.probing),
                (permit, exit) => book(permit.generation, exit)
              )
        }).pipe(Effect.map(([, value]) => value)),
      succeeded: Effect.sync(() => circuit.succeeded)
    }
  })

interface Permit {
  readonly probing: boolean
  readonly generation: number
}

const admit = (circuit: Circuit, settings: CircuitBreakerSettings, publish: Effect.Effect<void>) =>
  Effect.gen(function* () {
    while (true) {
      const now = yield* Clock.currentTimeMillis
      if (circuit.state === "OPEN" && now >= circuit.reopensAt) {
        change(circuit, "HALF_OPEN")
        yield* publish
      }
      if (circuit.state === "CLOSED") return { probing: false, generation: circuit.generation } satisfies Permit
      if (circuit.state === "HALF_OPEN" && circuit.inFlight + circuit.successes < settings.halfOpenCalls) {
        circuit.inFlight += 1
        return { probing: true, generation: circuit.generation } satisfies Permit
      }
      const changed = Deferred.await(circuit.signal)
      yield* circuit.state === "OPEN"
        ? Effect.raceFirst(Effect.sleep(Duration.millis(Math.ceil(circuit.reopensAt - now))), changed)
        : changed
    }
  }).pipe(Effect.interruptible)

/** Books the end of a call that was admitted in `generation`. */
const settle = (
  circuit: Circuit,
  settings: CircuitBreakerSettings,
  generation: number,
  outcome: CallOutcome,
  now: number
): void => {
  if (outcome === "success") circuit.succeeded += 1
  if (generation !== circuit.generation) return
  if (circuit.state === "HALF_OPEN") circuit.inFlight -= 1
  if (outcome === "failure") fail(circuit, settings, now)
  else if (outcome === "success") succeed(circuit, settings)
  // A closed one has no calls that wait.
  if (circuit.state !== "CLOSED") wake(circuit)
}

const fail = (circuit: Circuit, settings: CircuitBreakerSettings, now: number): void => {
  circuit.failures += 1
  if (circuit.state === "CLOSED" && circuit.failures < settings.failures) return
  circuit.reopensAt = now + Duration.toMillis(settings.recovery)
  change(circuit, "OPEN")
}

const succeed = (circuit: Circuit, settings: CircuitBreakerSettings): void => {
  circuit.failures = 0
  if (circuit.state !== "HALF_OPEN") return
  circuit.successes += 1
  if (circuit.successes >= settings.halfOpenCalls) change(circuit, "CLOSED")
}

const change = (circuit: Circuit, state: CircuitState): void => {
  circuit.state = state
  circuit.generation += 1
  circuit.inFlight = 0
  circuit.successes = 0
  if (state === "CLOSED") circuit.failures = 0
  wake(circuit)
}

const wake = (circuit: Circuit): void => {
  const { signal } = circuit
  circuit.signal = Deferred.makeUnsafe<void>()
  Deferred.doneUnsafe(signal, Effect.void)
}
