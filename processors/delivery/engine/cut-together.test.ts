/** Batches of several partitions that were cut together are one request, though one of their steps begins later. */
import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as TestClock from "effect/testing/TestClock"
import type { MappedEvent } from "../../../schemas/types.gen.ts"
import { Codecs } from "../../../shared/codec/codecs.ts"
import { cutTogether } from "../../../shared/runtime/cut-together.ts"
import { openPartition } from "../../../shared/testing/run-batches.ts"
import { deliveryDefaults } from "./settings.ts"
import {
  connection,
  connectorWith,
  fakePlatform,
  mappedEvent,
  ok,
  processorOver,
  readStep,
  recordsOfEvents,
  respond,
  strictCodecs
} from "./testing.ts"

const [mapped, retries] = ["mapped-events.meta", "delivery-retry.meta"]

/** Two partitions of one connection whose next batches are cut together. */
const harness = Effect.gen(function* () {
  const platform = fakePlatform(() => Effect.succeed(respond(ok)))
  const processor = yield* processorOver({
    connector: connectorWith(),
    connection,
    settings: deliveryDefaults,
    services: platform
  })
  const [first, second] = [
    yield* openPartition(processor, { topic: mapped, partition: 0 }),
    yield* openPartition(processor, { topic: retries, partition: 0 })
  ]
  const places = [...cutTogether(2)]
  const batchOf = (topic: string, events: ReadonlyArray<MappedEvent>) => ({
    topic,
    partition: 0,
    records: recordsOfEvents(events, topic),
    together: places.pop()!
  })
  const requests = () => platform.asked.filter(({ path }) => path === "events").map(({ ids }) => [...ids].sort())
  const begin = (step: ReturnType<typeof first.step>) => Effect.forkChild(step, { startImmediately: true })
  return {
    requests,
    mapped: (...events: ReadonlyArray<MappedEvent>) => begin(first.step(batchOf(mapped, events))),
    retries: (...events: ReadonlyArray<MappedEvent>) => begin(second.step(batchOf(retries, events)))
  }
}).pipe(Effect.provide(Layer.sync(Codecs, strictCodecs)))

it.effect("waits for a step that begins a little later, and sends the events of both in one request", () =>
  Effect.gen(function* () {
    const { mapped, retries, requests } = yield* harness
    const first = yield* mapped(mappedEvent("a"))
    yield* TestClock.adjust("150 millis")
    assert.deepStrictEqual(requests(), [])
    const second = yield* retries(mappedEvent("b"))
    const done = yield* Fiber.joinAll([first, second])
    assert.deepStrictEqual(requests(), [["a", "b"]])
    assert.deepStrictEqual(
      done.map((step) => readStep(step).outcomes),
      [{ a: "delivered" }, { b: "delivered" }]
    )
  })
)

it.effect("sends without a step that does not begin", () =>
  Effect.gen(function* () {
    const { mapped, requests } = yield* harness
    const first = yield* mapped(mappedEvent("a"))
    yield* TestClock.adjust("200 millis")
    yield* Fiber.join(first)
    assert.deepStrictEqual(requests(), [["a"]])
  })
)

it.effect("does not wait for delayed retries that are not due", () =>
  Effect.gen(function* () {
    const held = yield* harness
    yield* held.retries(mappedEvent("later", { not_before: 60_000 }))
    yield* Fiber.join(yield* held.mapped(mappedEvent("a")))
    assert.deepStrictEqual(held.requests(), [["a"]])
  })
)
