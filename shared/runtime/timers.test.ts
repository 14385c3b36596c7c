import { assert, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Latch from "effect/Latch"
import * as TestClock from "effect/testing/TestClock"
import { everyWhile, TimedLatch, untilNext, untilTick } from "./timers.ts"

it.effect("acts from when something is due until nothing is left, and sets no timer else", () =>
  Effect.gen(function* () {
    const due = Latch.makeUnsafe(false)
    let left = 0
    let acts = 0
    const acting = everyWhile(Duration.seconds(1), due, () => {
      acts++
      return --left > 0
    })
    yield* Effect.forkChild(acting, { startImmediately: true })
    yield* TestClock.adjust("1 minute")
    assert.strictEqual(acts, 0)
    left = 3
    due.openUnsafe()
    yield* TestClock.adjust("1 minute")
    assert.strictEqual(acts, 3)
  })
)

it.effect("does at the same time what is done equally often", () =>
  Effect.gen(function* () {
    const times: Array<number> = []
    const note = Effect.map(Clock.currentTimeMillis, (now) => void times.push(now))
    yield* TestClock.adjust("3 seconds")
    yield* Effect.forkChild(Effect.andThen(untilNext(Duration.seconds(15)), note), { startImmediately: true })
    yield* TestClock.adjust("4 seconds")
    yield* Effect.forkChild(Effect.andThen(untilNext(Duration.seconds(15)), note), { startImmediately: true })
    yield* TestClock.adjust("1 minute")
    assert.deepStrictEqual(times, [15_000, 15_000])
  })
)

it.effect("lets a tick that has nothing to do wait until it has", () =>
  Effect.gen(function* () {
    const due = Latch.makeUnsafe(false)
    const tick = { every: Duration.seconds(5), due, step: Effect.succeed({ outputs: [] }) }
    const waiting = yield* Effect.forkChild(untilTick(tick), { startImmediately: true })
    yield* TestClock.adjust("1 minute")
    assert.isUndefined(waiting.pollUnsafe())
    due.openUnsafe()
    yield* TestClock.adjust("4 seconds")
    assert.isUndefined(waiting.pollUnsafe())
    yield* TestClock.adjust("1 seconds")
    assert.isDefined(waiting.pollUnsafe())
  })
)

const waitOf = (latch: TimedLatch, millis: number) =>
  Effect.forkChild(Effect.andThen(latch.await(millis), Clock.currentTimeMillis), { startImmediately: true })

it.effect(
  "wakes all latches that wait until the same time by one timer, and none that was opened or given up before",
  () =>
    Effect.gen(function* () {
      const testClock = yield* Clock.Clock
      let sleeps = 0
      const sleep: Clock.Clock["sleep"] = (duration) => {
        sleeps++
        return testClock.sleep(duration)
      }
      const clock = Object.create(testClock, { sleep: { value: sleep } }) as Clock.Clock
      const latches = Array.from({ length: 5 }, () => new TimedLatch(clock))
      const [first, second, third, opened, givenUp] = latches as [
        TimedLatch,
        TimedLatch,
        TimedLatch,
        TimedLatch,
        TimedLatch
      ]
      const waits = [
        yield* waitOf(first, 50),
        yield* waitOf(second, 50),
        yield* waitOf(opened, 50),
        yield* waitOf(givenUp, 50)
      ] as const
      yield* TestClock.adjust("20 millis")
      const later = yield* waitOf(third, 30)
      opened.open()
      assert.strictEqual(yield* Fiber.join(waits[2]), 20)
      yield* Fiber.interrupt(waits[3])
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(
        yield* Effect.forEach([waits[0], waits[1], later], (fiber) => Fiber.join(fiber)),
        [50, 50, 50]
      )
      assert.strictEqual(sleeps, 1)
    })
)

it.effect("waits again, for the same time and another, after it was woken", () =>
  Effect.gen(function* () {
    const clock = yield* Clock.Clock
    const latch = new TimedLatch(clock)
    const times: Array<number> = []
    const waiting = Effect.forEach([50, 50, 7], (millis) =>
      Effect.andThen(
        latch.await(millis),
        Effect.map(Clock.currentTimeMillis, (now) => void times.push(now))
      )
    )
    yield* Effect.forkChild(waiting, { startImmediately: true })
    yield* TestClock.adjust("1 second")
    assert.deepStrictEqual(times, [50, 100, 107])
  })
)

it.effect("sets no timer for a latch without a time, or one that is open", () =>
  Effect.gen(function* () {
    const latch = new TimedLatch(yield* Clock.Clock)
    const waiting = yield* waitOf(latch, Number.POSITIVE_INFINITY)
    yield* TestClock.adjust("1 hour")
    assert.isUndefined(waiting.pollUnsafe())
    latch.open()
    assert.strictEqual(yield* Fiber.join(waiting), 3_600_000)
    yield* latch.await(50)
    assert.strictEqual(yield* Clock.currentTimeMillis, 3_600_000)
  })
)
