import { assert, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/testing/TestClock"
import fc from "fast-check"
import { clocksSet, withWallClock } from "../../../shared/testing/wall-clock.ts"
import { type CallOutcome, type CircuitBreaker, type CircuitState, makeCircuitBreaker } from "./circuit-breaker.ts"

const call = (breaker: CircuitBreaker, outcome: CallOutcome) =>
  breaker.call((probing) => Effect.succeed([outcome, probing] as const))
const times = (breaker: CircuitBreaker, outcome: CallOutcome, count: number) =>
  Effect.forEach(Array.from({ length: count }), () => call(breaker, outcome), { discard: true })

it.effect("opens at the fifth failure in a row, not before, and a success starts the count again", () =>
  Effect.gen(function* () {
    const breaker = yield* makeCircuitBreaker()
    yield* times(breaker, "failure", 4)
    yield* call(breaker, "success")
    yield* times(breaker, "failure", 4)
    assert.strictEqual(yield* breaker.state, "CLOSED")
    yield* call(breaker, "failure")
    assert.strictEqual(yield* breaker.state, "OPEN")
  })
)

it.effect("admits nothing for 60 s, then probes, and closes after three successes", () =>
  Effect.gen(function* () {
    const breaker = yield* makeCircuitBreaker()
    yield* times(breaker, "failure", 5)
    const probe = yield* Effect.forkChild(call(breaker, "success"))
    yield* TestClock.adjust("59 seconds")
    assert.isUndefined(probe.pollUnsafe())
    yield* TestClock.adjust("1 second")
    assert.isTrue(yield* Fiber.join(probe))
    assert.strictEqual(yield* breaker.state, "HALF_OPEN")
    yield* times(breaker, "success", 2)
    assert.strictEqual(yield* breaker.state, "CLOSED")
    assert.isFalse(yield* call(breaker, "success"))
  })
)

it.effect.each(clocksSet)("probes after 60 s, not before, though the wall clock is set %s meanwhile", ([, millis]) =>
  withWallClock((wall) =>
    Effect.gen(function* () {
      const breaker = yield* makeCircuitBreaker()
      yield* times(breaker, "failure", 5)
      wall.aheadMillis = millis
      const probe = yield* Effect.forkChild(call(breaker, "success"))
      yield* TestClock.adjust("59 seconds")
      assert.isUndefined(probe.pollUnsafe())
      yield* TestClock.adjust("1 second")
      assert.isTrue(yield* Fiber.join(probe))
    })
  )
)

it.effect("has at most three calls in flight while half open; an interrupted one gives its place back", () =>
  Effect.gen(function* () {
    const breaker = yield* makeCircuitBreaker()
    yield* times(breaker, "failure", 5)
    yield* TestClock.adjust("60 seconds")
    let running = 0
    const hanging = breaker.call(() =>
      Effect.suspend(() => {
        running += 1
        return Effect.never
      })
    )
    const fibers = yield* Effect.forEach([1, 2, 3, 4], () => Effect.forkChild(hanging, { startImmediately: true }))
    yield* TestClock.adjust("1 second")
    assert.strictEqual(running, 3)
    yield* Fiber.interrupt(fibers[0]!)
    yield* TestClock.adjust("1 second")
    assert.strictEqual(running, 4)
    assert.strictEqual(yield* breaker.state, "HALF_OPEN")
    yield* Fiber.interruptAll(fibers)
  })
)

it.effect("opens again for 60 s when a probe fails", () =>
  Effect.gen(function* () {
    const breaker = yield* makeCircuitBreaker()
    yield* times(breaker, "failure", 5)
    yield* TestClock.adjust("60 seconds")
    yield* call(breaker, "success")
    yield* call(breaker, "failure")
    assert.strictEqual(yield* breaker.state, "OPEN")
    const waiting = yield* Effect.forkChild(call(breaker, "success"))
    yield* TestClock.adjust("59 seconds")
    assert.isUndefined(waiting.pollUnsafe())
    yield* TestClock.adjust("1 second")
    yield* Fiber.join(waiting)
  })
)

it.effect("publishes every change of its state", () =>
  Effect.gen(function* () {
    const breaker = yield* makeCircuitBreaker()
    const seen: Array<CircuitState> = []
    breaker.observe((state) => seen.push(state))
    yield* times(breaker, "failure", 5)
    yield* TestClock.adjust("60 seconds")
    yield* times(breaker, "success", 3)
    yield* TestClock.adjust("1 second")
    assert.deepStrictEqual(seen, ["OPEN", "HALF_OPEN", "CLOSED"])
  })
)

it("never admits a call while open and never closes without three successes, whatever happens", () =>
  fc.assert(
    fc.asyncProperty(
      fc.array(
        fc.oneof(fc.constantFrom<CallOutcome>("success", "failure", "ignored"), fc.integer({ min: 1, max: 90 })),
        {
          maxLength: 60
        }
      ),
      (actions) =>
        Effect.runPromise(
          Effect.gen(function* () {
            const breaker = yield* makeCircuitBreaker()
            let model = { state: "CLOSED" as CircuitState, failures: 0, successes: 0, until: 0 }
            for (const action of actions) {
              if (typeof action === "number") {
                yield* TestClock.adjust(action * 1000)
                continue
              }
              const now = yield* Clock.currentTimeMillis
              if (model.state === "OPEN" && now < model.until) continue
              if (model.state === "OPEN") model = { ...model, state: "HALF_OPEN", successes: 0 }
              assert.strictEqual(yield* call(breaker, action), model.state === "HALF_OPEN")
              if (action === "failure") {
                model.failures += 1
                if (model.state === "HALF_OPEN" || model.failures === 5)
                  model = { state: "OPEN", failures: 0, successes: 0, until: now + 60_000 }
              }
              if (action === "success") {
                model.failures = 0
                model.successes += 1
                if (model.state === "HALF_OPEN" && model.successes === 3) model.state = "CLOSED"
              }
              assert.strictEqual(yield* breaker.state, model.state)
            }
          }).pipe(Effect.provide(TestClock.layer()))
        )
    ),
    { numRuns: 100 }
  ))
