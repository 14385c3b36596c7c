/** What a delivery finishes before its partition may move to another instance, and what it leaves to that one. */
import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as TestClock from "effect/testing/TestClock"
import { Codecs } from "../../../shared/codec/codecs.ts"
import type { Connector, Limits } from "../../../shared/connectors/connector.ts"
import { PartitionRequests } from "../../../shared/runtime/requests.ts"
import { settle } from "../../../shared/testing/runtime-harness.ts"
import { deliveryDefaults } from "./settings.ts"
import {
  connection,
  connectorWith,
  down,
  fakePlatform,
  limits,
  mappedEvent,
  ok,
  processorOver,
  readStep,
  recordsOfEvents,
  respond,
  strictCodecs,
  unrepeatable
} from "./testing.ts"

/** Open partitions of a connection whose requests each wait for `answered`. */
const openPartitions = (connector: Connector, count: number) =>
  Effect.gen(function* () {
    const answered = yield* Deferred.make<void>()
    const platform = fakePlatform((_, index) =>
      index === 0 && connector === failingFirst
        ? Effect.succeed(respond(down, 500))
        : Effect.as(Deferred.await(answered), respond(ok))
    )
    const processor = yield* processorOver({ connector, connection, settings: deliveryDefaults, services: platform })
    const partitions = yield* Effect.forEach(
      Array.from({ length: count }, (_, index) => index),
      (partition) =>
        Effect.map(processor.open({ topic: "mapped-events.meta", partition, append: () => Effect.void }), (task) => {
          const requests = new PartitionRequests()
          const batch = (...ids: ReadonlyArray<string>) => {
            const tracker = requests.step()
            const records = recordsOfEvents(ids.map((id) => mappedEvent(id)))
            return { topic: "mapped-events.meta", partition, records, requests: tracker }
          }
          const step = (...ids: ReadonlyArray<string>) =>
            Effect.suspend(() => {
              const one = batch(...ids)
              return Effect.map(task.step(one), (done) => ({ done, commit: () => one.requests.settle() }))
            })
          return { batch, requests, step }
        })
    )
    return { answered, platform, partitions, stepTogether: processor.stepTogether! }
  }).pipe(Effect.provide(Layer.sync(Codecs, strictCodecs)))

const failingFirst = connectorWith()

const isOver = (promise: Promise<void>) =>
  Effect.promise(() => Promise.race([promise.then(() => true), new Promise<boolean>((no) => setImmediate(no, false))]))

describe("before its partition moves, a delivery", () => {
  for (const [kind, connector] of Object.entries({ repeatable: connectorWith(), unrepeatable }))
    it.effect(`finishes and commits a request in flight (${kind})`, () =>
      Effect.gen(function* () {
        const { answered, platform, partitions } = yield* openPartitions(connector, 1)
        const [{ requests, step }] = partitions as [(typeof partitions)[number]]
        const running = yield* Effect.forkChild(step("a"))
        yield* settle
        assert.lengthOf(platform.asked, 1)
        const held = requests.hold()
        assert.isFalse(yield* isOver(held))
        yield* Deferred.succeed(answered, undefined)
        const { done, commit } = yield* Fiber.join(running)
        assert.deepStrictEqual(readStep(done).outcomes, { a: "delivered" })
        assert.isFalse(yield* isOver(held), "the results are not committed yet")
        commit()
        assert.isTrue(yield* isOver(held))
      })
    )

  it.effect("begins no request, and goes on where the partition stays", () =>
    Effect.gen(function* () {
      const { answered, platform, partitions } = yield* openPartitions(connectorWith(), 1)
      const [{ requests, step }] = partitions as [(typeof partitions)[number]]
      assert.isTrue(yield* isOver(requests.hold()))
      const running = yield* Effect.forkChild(step("a"))
      yield* settle
      assert.lengthOf(platform.asked, 0)
      requests.release()
      yield* Deferred.succeed(answered, undefined)
      const { done } = yield* Fiber.join(running)
      assert.deepStrictEqual(readStep(done).outcomes, { a: "delivered" })
    })
  )

  it.effect("does not wait for the retry of what failed as a whole", () =>
    Effect.gen(function* () {
      const { platform, partitions } = yield* openPartitions(failingFirst, 1)
      const [{ requests, step }] = partitions as [(typeof partitions)[number]]
      const running = yield* Effect.forkChild(step("a"))
      yield* settle
      assert.isTrue(yield* isOver(requests.hold()))
      yield* TestClock.adjust("1 hour")
      yield* settle
      assert.lengthOf(platform.asked, 1)
      yield* Fiber.interrupt(running)
    })
  )

  it.effect("lets no step that waits keep the permit that one needs which has to be finished", () =>
    Effect.gen(function* () {
      const slow: Limits = {
        ...limits,
        ...{ eventsPerRequest: 1, concurrency: 1, requestsPerWindow: 1, window: Duration.seconds(1) }
      }
      const connector = connectorWith({ idempotent: false, limits: { documented: slow, specification: slow } })
      const { answered, platform, partitions } = yield* openPartitions(connector, 2)
      const first = yield* Effect.forkChild(partitions[0]!.step("a1", "a2"))
      yield* settle
      const other = yield* Effect.forkChild(partitions[1]!.step("b"))
      yield* settle
      yield* Deferred.succeed(answered, undefined)
      yield* settle
      const held = partitions.map(({ requests }) => requests.hold())
      for (let second = 0; second < 5; second++) yield* Effect.andThen(TestClock.adjust("1 second"), settle)
      assert.deepStrictEqual(
        platform.asked.map(({ ids }) => ids),
        [["a1"], ["a2"]]
      )
      const { done, commit } = yield* Fiber.join(first)
      assert.deepStrictEqual(readStep(done).outcomes, { a1: "delivered", a2: "delivered" })
      commit()
      for (const one of held) assert.isTrue(yield* isOver(one))
      yield* Fiber.interrupt(other)
    })
  )

  it.effect("finishes a request that several partitions share for each of them", () =>
    Effect.gen(function* () {
      const { answered, platform, partitions, stepTogether } = yield* openPartitions(connectorWith(), 2)
      const batches = [partitions[0]!.batch("a"), partitions[1]!.batch("b")]
      const running = yield* Effect.forkChild(stepTogether(batches))
      yield* settle
      assert.deepStrictEqual(
        platform.asked.map(({ ids }) => ids),
        [["a", "b"]]
      )
      const held = partitions.map(({ requests }) => requests.hold())
      for (const one of held) assert.isFalse(yield* isOver(one))
      yield* Deferred.succeed(answered, undefined)
      yield* Fiber.join(running)
      for (const one of held) assert.isFalse(yield* isOver(one), "the results are not committed yet")
      for (const { requests } of batches) requests.settle()
      for (const one of held) assert.isTrue(yield* isOver(one))
      assert.lengthOf(platform.asked, 1)
    })
  )
})
