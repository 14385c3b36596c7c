import { assert, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import * as TestClock from "effect/testing/TestClock"
import { everyWhile, untilNext, untilTick } from "./timers.ts"

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
