import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Metric from "effect/Metric"
import * as TestClock from "effect/testing/TestClock"
import { Codecs } from "../../../shared/codec/codecs.ts"
import { openPartition } from "../../../shared/testing/run-batches.ts"
import type { CallOutcome } from "../resilience/circuit-breaker.ts"
import { makeDeliveryContext } from "./delivery-context.ts"
import { DeliveryServices } from "./delivery-services.ts"
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

it.effect("shows the circuit as long as the connection is there, and not that of one that was disabled", () =>
  Effect.gen(function* () {
    const options = { connector: connectorWith(), connection, settings: deliveryDefaults }
    const shown = Effect.map(Metric.snapshot, (all) =>
      all.flatMap(({ id, state }) => (id === "capi_delivery_circuit_state" ? [state] : []))
    )
    yield* Effect.scoped(
      Effect.gen(function* () {
        const { breaker } = yield* makeDeliveryContext(options)
        const fails = breaker.call(() => Effect.succeed(["failure", undefined] as const))
        yield* Effect.repeat(fails, { times: deliveryDefaults.breaker.failures - 1 })
        yield* Effect.yieldNow
        assert.deepStrictEqual(yield* shown, [{ value: 2 }])
      })
    )
    assert.deepStrictEqual(yield* shown, [])
  }).pipe(
    Effect.provideService(
      DeliveryServices,
      fakePlatform(() => Effect.succeed(respond(ok)))
    ),
    Effect.provide(Layer.sync(Codecs, strictCodecs)),
    Effect.provideService(Metric.MetricRegistry, new Map())
  )
)

it.effect("catches up slowly from when the circuit closes, however long its states take to be published", () =>
  Effect.gen(function* () {
    const platform = fakePlatform(() => Effect.succeed(respond(ok)))
    const services: FakePlatform = { ...platform, publish: () => Effect.sleep("1 hour") }
    const options = { connector: connectorWith(), connection, settings: deliveryDefaults }
    const { breaker, limiter } = yield* makeDeliveryContext(options).pipe(
      Effect.provideService(DeliveryServices, services),
      Effect.provide(Layer.sync(Codecs, strictCodecs))
    )
    const call = (outcome: CallOutcome) => breaker.call(() => Effect.succeed([outcome, undefined] as const))
    yield* Effect.repeat(call("failure"), { times: deliveryDefaults.breaker.failures - 1 })
    yield* TestClock.adjust(deliveryDefaults.breaker.recovery)
    yield* Effect.repeat(call("success"), { times: deliveryDefaults.breaker.halfOpenCalls - 1 })
    assert.strictEqual(yield* breaker.state, "CLOSED")
    yield* TestClock.adjust(1)
    assert.approximately(yield* limiter.factor, deliveryDefaults.catchUpFrom, 0.001)
  })
)
