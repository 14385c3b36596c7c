import { assert, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/testing/TestClock"
import fc from "fast-check"
import { clocksSet, withWallClock } from "../../../shared/testing/wall-clock.ts"
import { makeRateLimiter, rateLimiterDefaults } from "./rate-limiter.ts"

const one = { requests: 1, events: 1 }

it.effect("gives the burst of 100 at once, then 10 a second", () =>
  Effect.gen(function* () {
    const limiter = yield* makeRateLimiter()
    for (let i = 0; i < 100; i++) assert.isTrue(yield* limiter.tryAcquire(one))
    assert.isFalse(yield* limiter.tryAcquire(one))
    yield* TestClock.adjust("99 millis")
    assert.isFalse(yield* limiter.tryAcquire(one))
    yield* TestClock.adjust("1 millis")
    assert.isTrue(yield* limiter.tryAcquire(one))
    assert.isFalse(yield* limiter.tryAcquire(one))
  })
)

it.effect("waits for a token and gives how long", () =>
  Effect.gen(function* () {
    const limiter = yield* makeRateLimiter({ ...rateLimiterDefaults, requests: { tokens: 1, perSecond: 0.5 } })
    yield* limiter.acquire(one)
    const second = yield* Effect.forkChild(limiter.acquire(one))
    yield* TestClock.adjust("1999 millis")
    assert.isUndefined(second.pollUnsafe())
    yield* TestClock.adjust("1 millis")
    assert.strictEqual(Duration.toMillis(yield* Fiber.join(second)), 2000)
  })
)

it.effect("counts events as well: a request above the bucket's size waits for a full one and leaves a debt", () =>
  Effect.gen(function* () {
    const limiter = yield* makeRateLimiter({ ...rateLimiterDefaults, events: { tokens: 1000, perSecond: 100 } })
    yield* limiter.acquire({ requests: 1, events: 1500 })
    const next = yield* Effect.forkChild(limiter.acquire({ requests: 1, events: 10 }))
    yield* TestClock.adjust("5 seconds")
    assert.isUndefined(next.pollUnsafe())
    yield* TestClock.adjust("100 millis")
    yield* Fiber.join(next)
  })
)

it.effect("follows its share at run time", () =>
  Effect.gen(function* () {
    const limiter = yield* makeRateLimiter()
    yield* limiter.setShare(0.25)
    let taken = 0
    while (yield* limiter.tryAcquire(one)) taken += 1
    assert.strictEqual(taken, 25)
    yield* TestClock.adjust("2 seconds")
    taken = 0
    while (yield* limiter.tryAcquire(one)) taken += 1
    assert.strictEqual(taken, 5)
    yield* limiter.setShare(1)
    yield* TestClock.adjust("2 seconds")
    taken = 0
    while (yield* limiter.tryAcquire(one)) taken += 1
    assert.strictEqual(taken, 20)
  })
)

it.effect("lets nothing out until a Retry-After has passed", () =>
  Effect.gen(function* () {
    const limiter = yield* makeRateLimiter()
    yield* limiter.throttle(Duration.seconds(30))
    yield* limiter.throttle(Duration.seconds(5))
    const waiting = yield* Effect.forkChild(limiter.acquire(one))
    yield* TestClock.adjust("29999 millis")
    assert.isUndefined(waiting.pollUnsafe())
    yield* TestClock.adjust("1 millis")
    yield* Fiber.join(waiting)
  })
)

it.effect("slows with the usage that the platform reports, before it refuses, and forgets an old report", () =>
  Effect.gen(function* () {
    const limiter = yield* makeRateLimiter()
    yield* limiter.reportUsage(60)
    assert.strictEqual(yield* limiter.factor, 1)
    yield* limiter.reportUsage(90)
    assert.closeTo(yield* limiter.factor, 0.4, 1e-9)
    yield* limiter.reportUsage(100)
    assert.closeTo(yield* limiter.factor, 0.05, 1e-9)
    yield* TestClock.adjust("5 minutes")
    assert.strictEqual(yield* limiter.factor, 1)
  })
)

it.effect("catches up slowly after an outage", () =>
  Effect.gen(function* () {
    const limiter = yield* makeRateLimiter()
    yield* limiter.rampUp(0.2, Duration.minutes(1))
    assert.closeTo(yield* limiter.factor, 0.2, 1e-9)
    yield* TestClock.adjust("30 seconds")
    assert.closeTo(yield* limiter.factor, 0.6, 1e-9)
    yield* TestClock.adjust("30 seconds")
    assert.strictEqual(yield* limiter.factor, 1)
  })
)

it.effect.each(clocksSet)(
  "waits as long, and grows after an outage, though the wall clock is set %s meanwhile",
  ([, millis]) =>
    withWallClock((wall) =>
      Effect.gen(function* () {
        const limiter = yield* makeRateLimiter()
        yield* limiter.throttle(Duration.seconds(30))
        wall.aheadMillis = millis
        yield* TestClock.adjust("29999 millis")
        assert.isFalse(yield* limiter.tryAcquire(one))
        yield* TestClock.adjust("1 millis")
        assert.isTrue(yield* limiter.tryAcquire(one))

        wall.aheadMillis = 0
        yield* limiter.reportUsage(100)
        yield* limiter.rampUp(0.1, Duration.minutes(10))
        wall.aheadMillis = millis
        assert.isTrue(yield* limiter.tryAcquire(one))
        assert.isFalse(yield* limiter.tryAcquire(one))
        yield* TestClock.adjust("9 minutes")
        assert.closeTo(yield* limiter.factor, 0.91, 1e-9)
        yield* TestClock.adjust("1 minute")
        assert.strictEqual(yield* limiter.factor, 1)
        assert.isTrue(yield* limiter.tryAcquire({ requests: 20, events: 0 }))
      })
    )
)

it("never lets more through than the burst and the rate allow, in any interleaving", () =>
  fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 20 }),
      fc.integer({ min: 1, max: 50 }),
      fc.array(
        fc.oneof(
          fc.record({ wait: fc.integer({ min: 1, max: 3000 }) }),
          fc.record({ share: fc.float({ min: 0.0625, max: 1, noNaN: true }) }),
          fc.constant("take" as const)
        ),
        { maxLength: 80 }
      ),
      (tokens, perSecond, actions) =>
        Effect.runPromise(
          Effect.gen(function* () {
            const limiter = yield* makeRateLimiter({ ...rateLimiterDefaults, requests: { tokens, perSecond } })
            let taken = 0
            for (const action of actions) {
              if (action === "take") {
                if (yield* limiter.tryAcquire(one)) taken += 1
                const seconds = (yield* Clock.currentTimeMillis) / 1000
                assert.isAtMost(taken, tokens + seconds * perSecond + 1e-6)
              } else if ("wait" in action) yield* TestClock.adjust(action.wait)
              else yield* limiter.setShare(action.share)
            }
          }).pipe(Effect.provide(TestClock.layer()))
        )
    ),
    { numRuns: 100 }
  ))
