import { assert, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as TestClock from "effect/testing/TestClock"
import { Intake } from "./intake.ts"

const record = {
  topic: "in",
  partition: 0,
  offset: 0,
  timestamp: 0,
  key: null,
  value: Buffer.from("a"),
  headers: {}
}

it.effect("cuts a batch that lingers though the wall clock is set back meanwhile", () =>
  Effect.gen(function* () {
    let aheadMillis = 7_200_000
    const clock = yield* Clock.Clock
    const intake = new Intake({
      position: 0,
      topic: "in",
      limits: { recordsMax: 10, bytesMax: 100_000, linger: Duration.seconds(1) },
      accept: undefined,
      bytesInFlightMax: 100_000,
      clock: { ...clock, currentTimeMillisUnsafe: () => clock.currentTimeMillisUnsafe() + aheadMillis },
      pause: () => undefined,
      resume: () => undefined,
      onReceived: () => undefined
    })
    intake.push([record], 1, 1)
    aheadMillis = 0
    const taking = yield* Effect.forkChild(intake.take)
    yield* TestClock.adjust("1 second")
    assert.isDefined(taking.pollUnsafe())
  })
)
