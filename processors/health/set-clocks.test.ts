/** The health processor while the wall clock is set. */
import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as TestClock from "effect/testing/TestClock"
import { recordTime } from "../../shared/testing/event-fixture.ts"
import { memoryCodecs } from "../../shared/testing/memory-codecs.ts"
import { clocksSet, withWallClock } from "../../shared/testing/wall-clock.ts"
import { republishMillis } from "./published.ts"
import { alerts, opened, result, state, statuses } from "./testing.ts"

const now = recordTime

it.effect.each(clocksSet)("holds an alert back for an hour though the wall clock is set %s meanwhile", ([, millis]) =>
  withWallClock((wall) =>
    Effect.gen(function* () {
      const { feed, check } = yield* opened()
      const fail = Effect.suspend(() => {
        const timestamp = now + wall.aheadMillis
        return feed("delivery-results", [result({ timestamp, success: false, outcome: "rejected" })])
      })
      yield* fail
      assert.deepStrictEqual(alerts(yield* check), [])
      wall.aheadMillis = millis
      yield* fail
      assert.deepStrictEqual(alerts(yield* check), [])
      yield* TestClock.adjust("59 minutes")
      assert.deepStrictEqual(alerts(yield* check), [])
      yield* TestClock.adjust("1 minute")
      wall.aheadMillis -= 60_000
      assert.deepStrictEqual(
        alerts(yield* check).map(({ cause }) => cause),
        ["success_rate"]
      )
    }).pipe(Effect.provide(memoryCodecs))
  )
)

it.effect("publishes on where the clock was set back, and a problem does not begin in the time to come", () =>
  withWallClock((wall) =>
    Effect.gen(function* () {
      const { feed, check } = yield* opened()
      yield* feed("connector-state", [state({ circuit_state: "OPEN", timestamp: now })])
      assert.deepStrictEqual(
        statuses(yield* check).map(({ since }) => since),
        [now]
      )
      wall.aheadMillis = -7_200_000
      assert.deepStrictEqual(
        statuses(yield* check).map(({ since }) => since),
        [now - 7_200_000]
      )
      yield* TestClock.adjust(republishMillis)
      assert.deepStrictEqual(
        statuses(yield* check).map(({ since }) => since),
        [now - 7_200_000]
      )
    }).pipe(Effect.provide(memoryCodecs))
  )
)
