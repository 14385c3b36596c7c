/** What several instances say of a connection's state, of which the last that was said counts. */
import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Metric from "effect/Metric"
import * as TestClock from "effect/testing/TestClock"
import { Codecs } from "../../../shared/codec/codecs.ts"
import { uniformVerdict, verdictMeta } from "../../../shared/connectors/verdicts.ts"
import { openPartition, withPartition } from "../../../shared/testing/run-batches.ts"
import { settle } from "../../../shared/testing/runtime-harness.ts"
import { deliveryDefaults } from "./settings.ts"
import {
  codecs,
  connection,
  connectorWith,
  down,
  type FakePlatform,
  fakePlatform,
  mappedEvent,
  ok,
  processorOver,
  recordsOfEvents,
  respond,
  statesOf,
  strictCodecs,
  unauthorized,
  verdict
} from "./testing.ts"

const at = { topic: "mapped-events.meta", partition: 0 }
const batch = { ...at, records: recordsOfEvents([mappedEvent("a")]) }

/** A platform that two instances send to, and what both say. */
const twoInstances = (play: Parameters<typeof fakePlatform>[0]) =>
  Effect.gen(function* () {
    const platform = fakePlatform(play)
    const instance = (services: FakePlatform) =>
      processorOver({ connector: connectorWith(), connection, settings: deliveryDefaults, services })
    const first = yield* instance(platform)
    const second = yield* instance(platform)
    // What they say at their start.
    yield* settle
    return { platform, first, second }
  }).pipe(Effect.provide(Layer.sync(Codecs, strictCodecs)))

it.effect("an instance that sends what another one could not says that the trouble is over", () =>
  Effect.gen(function* () {
    let answer = respond(unauthorized, 401)
    const { platform, first, second } = yield* twoInstances(() => Effect.succeed(answer))
    const stuck = yield* Effect.forkChild(withPartition(first, at, (task) => task.step(batch)))
    yield* TestClock.adjust("4 seconds")
    assert.strictEqual(statesOf(platform).at(-1), "CLOSED paused")
    yield* Fiber.interrupt(stuck)
    answer = respond(ok)
    const task = yield* openPartition(second, at)
    yield* task.step(batch)
    yield* settle
    assert.strictEqual(statesOf(platform).at(-1), "CLOSED")
    const said = platform.published.length
    yield* task.step(batch)
    yield* settle
    assert.lengthOf(platform.published, said, "once")
  })
)

it.effect(
  "an instance that starts does not end what is said of a pause that goes on, whose reason may be another one",
  () =>
    Effect.gen(function* () {
      let answer = respond(unauthorized, 401)
      const { platform, first } = yield* twoInstances(() => Effect.succeed(answer))
      const task = yield* openPartition(first, at)
      yield* Effect.forkChild(task.step(batch))
      yield* TestClock.adjust("4 seconds")
      const other = yield* twoInstances(() => Effect.succeed(answer))
      yield* settle
      yield* platform.publish(other.platform.published)
      assert.strictEqual(statesOf(platform).at(-1), "CLOSED")
      answer = respond(uniformVerdict(verdictMeta, verdict("configuration", "no_dataset")), 400)
      yield* TestClock.adjust(deliveryDefaults.recoveryMax)
      const last = codecs.decode("connector-state", platform.published.at(-1)!.value)
      assert.deepInclude(last._tag === "Decoded" ? last.value : null, { paused: true, cause: "configuration" })
    })
)

it.effect("an instance that has lost its partitions shows no trouble any more", () =>
  Effect.gen(function* () {
    const shown = Effect.map(Metric.snapshot, (all) =>
      Object.fromEntries(
        all.flatMap(({ id, state }) =>
          id === "capi_delivery_circuit_state" || id === "capi_delivery_paused"
            ? [[id, (state as { value: number }).value]]
            : []
        )
      )
    )
    let answer = respond(unauthorized, 401)
    const { first } = yield* twoInstances(() => Effect.succeed(answer))
    const paused = yield* Effect.forkChild(withPartition(first, at, (task) => task.step(batch)))
    yield* TestClock.adjust("4 seconds")
    assert.deepInclude(yield* shown, { capi_delivery_paused: 1 })
    yield* Fiber.interrupt(paused)
    assert.deepInclude(yield* shown, { capi_delivery_paused: 0 })
    answer = respond(ok)
    yield* withPartition(first, at, () =>
      Effect.flatMap(shown, (now) => Effect.sync(() => assert.deepInclude(now, { capi_delivery_paused: 1 })))
    )
    yield* withPartition(first, at, (task) =>
      Effect.forkChild(task.step(batch)).pipe(Effect.andThen(TestClock.adjust("10 minutes")))
    )
    answer = respond(down, 500)
    const open = yield* Effect.forkChild(withPartition(first, at, (task) => task.step(batch)))
    yield* TestClock.adjust("30 seconds")
    assert.deepInclude(yield* shown, { capi_delivery_circuit_state: 2, capi_delivery_paused: 0 })
    yield* Fiber.interrupt(open)
    assert.deepInclude(yield* shown, { capi_delivery_circuit_state: 0 })
  }).pipe(Effect.provideService(Metric.MetricRegistry, new Map()))
)
