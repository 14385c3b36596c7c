import { assert, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as TestClock from "effect/testing/TestClock"
import { clocksSet, withWallClock } from "../testing/wall-clock.ts"
import { cachedFor, monotonicMillis } from "./monotonic.ts"

it.effect.each(clocksSet)("says how long something lasts though the wall clock is set %s meanwhile", ([, millis]) =>
  withWallClock((wall) =>
    Effect.gen(function* () {
      const [begun, wallBegun] = [yield* monotonicMillis, yield* Clock.currentTimeMillis]
      yield* TestClock.adjust("1 second")
      wall.aheadMillis = millis
      yield* TestClock.adjust("500 millis")
      assert.strictEqual((yield* monotonicMillis) - begun, 1_500)
      assert.strictEqual((yield* Clock.currentTimeMillis) - wallBegun, 1_500 + millis)
    })
  )
)

it.effect.each(clocksSet)("keeps a result for its time though the wall clock is set %s meanwhile", ([, millis]) =>
  withWallClock((wall) =>
    Effect.gen(function* () {
      let asked = 0
      const cached = yield* cachedFor(
        Effect.sync(() => ++asked),
        "5 seconds"
      )
      assert.deepStrictEqual([yield* cached, yield* cached], [1, 1])
      wall.aheadMillis = millis
      yield* TestClock.adjust("4999 millis")
      assert.strictEqual(yield* cached, 1)
      yield* TestClock.adjust("1 millis")
      assert.deepStrictEqual([yield* cached, yield* cached], [2, 2])
    })
  )
)

it.effect("asks once for all that ask at the same time", () =>
  Effect.gen(function* () {
    let asked = 0
    const slow = Effect.delay(
      Effect.sync(() => ++asked),
      "1 second"
    )
    const cached = yield* cachedFor(slow, "5 seconds")
    const both = yield* Effect.forkChild(Effect.all([cached, cached], { concurrency: "unbounded" }))
    yield* TestClock.adjust("1 second")
    assert.deepStrictEqual(both.pollUnsafe()?._tag, "Success")
    assert.strictEqual(asked, 1)
  })
)
