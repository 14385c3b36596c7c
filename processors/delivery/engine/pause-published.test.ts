import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as TestClock from "effect/testing/TestClock"
import { Codecs } from "../../../shared/codec/codecs.ts"
import { openPartition } from "../../../shared/testing/run-batches.ts"
import { deliveryDefaults } from "./settings.ts"
import {
  connection,
  connectorWith,
  type FakePlatform,
  fakePlatform,
  mappedEvent,
  ok,
  processorOver,
  recordsOfEvents,
  respond,
  statesOf,
  strictCodecs,
  unauthorized
} from "./testing.ts"

const at = { topic: "mapped-events.meta", partition: 0 }

it.effect("publishes the end of a pause also where the step that noticed it is ended meanwhile", () =>
  Effect.gen(function* () {
    let token = "old"
    let publishMillis = 0
    const platform = fakePlatform(
      (asked) => Effect.succeed(asked.token === "new" ? respond(ok) : respond(unauthorized, 401)),
      () => token
    )
    const services: FakePlatform = {
      ...platform,
      publish: (records) => Effect.andThen(Effect.sleep(publishMillis), platform.publish(records))
    }
    const task = yield* processorOver({
      connector: connectorWith(),
      connection,
      settings: deliveryDefaults,
      services
    }).pipe(
      Effect.flatMap((processor) => openPartition(processor, at)),
      Effect.provide(Layer.sync(Codecs, strictCodecs))
    )
    const step = yield* Effect.forkChild(task.step({ ...at, records: recordsOfEvents([mappedEvent("a")]) }))
    yield* TestClock.adjust("4 seconds")
    token = "new"
    publishMillis = 3_600_000
    yield* TestClock.adjust("6 minutes")
    yield* Fiber.interrupt(step)
    yield* TestClock.adjust("1 hour")
    assert.deepStrictEqual(statesOf(platform), ["CLOSED", "CLOSED paused", "CLOSED"])
  })
)
