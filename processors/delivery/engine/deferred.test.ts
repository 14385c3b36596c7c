/** An event that went to the delayed retries is theirs, where a repeated request is not idempotent. */
import { assert, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as TestClock from "effect/testing/TestClock"
import { Codecs } from "../../../shared/codec/codecs.ts"
import type { BatchVerdict } from "../../../shared/connectors/connector.ts"
import { uniformVerdict, verdictMeta } from "../../../shared/connectors/verdicts.ts"
import { openPartition } from "../../../shared/testing/run-batches.ts"
import { deliveryDefaults } from "./settings.ts"
import {
  connection,
  type FakePlatform,
  fakePlatform,
  makeLog,
  mappedEvent,
  ok,
  processorOver,
  readStep,
  recordsOfEvents,
  respond,
  strictCodecs,
  unrepeatable,
  verdict
} from "./testing.ts"

const open = (platform: FakePlatform, { log, write }: ReturnType<typeof makeLog>, topic = "mapped-events.meta") =>
  Effect.flatMap(
    processorOver({ connector: unrepeatable, connection, settings: deliveryDefaults, services: platform }),
    (processor) =>
      openPartition(processor, { topic, partition: 0, append: (records) => Effect.sync(() => write(records)) }, log)
  ).pipe(Effect.provide(Layer.sync(Codecs, strictCodecs)))

const batchOf = (topic: string) => ({ topic, partition: 0, records: recordsOfEvents([mappedEvent("a")], topic) })

it.effect("leaves an event that went to the delayed retries to them when it comes again", () =>
  Effect.gen(function* () {
    const kafka = makeLog()
    let isBusy = true
    const busy = uniformVerdict(verdictMeta, { ...verdict("transient", "131056"), retryAfter: Duration.seconds(6) })
    const platform = fakePlatform(() => Effect.sync(() => (isBusy ? respond(busy, 400) : respond(ok))))
    const mapped = yield* open(platform, kafka)
    const retries = yield* open(platform, kafka, "delivery-retry.meta")
    const first = yield* mapped.step(batchOf("mapped-events.meta"))
    assert.deepStrictEqual(Object.keys(readStep(first).retries), ["a"])
    kafka.write(first.outputs)
    isBusy = false
    const asked = platform.asked.length
    yield* retries.step(batchOf("delivery-retry.meta"))
    assert.strictEqual(platform.asked.length, asked + 1)
    // The partition of the mapped topic knows nothing of that; nor does it after it is opened again, as the retry may run on.
    for (const task of [mapped, yield* open(platform, kafka)]) {
      const again = readStep(yield* task.step(batchOf("mapped-events.meta")))
      assert.deepStrictEqual([again.outcomes, Object.keys(again.retries)], [{}, ["a"]])
    }
    const back = yield* retries.step(batchOf("delivery-retry.meta"))
    assert.deepStrictEqual(readStep(back).outcomes, { a: "skipped:duplicate" })
    assert.strictEqual(platform.asked.length, asked + 1)
  })
)

it.effect("sends a message again that the platform put off, whatever the HTTP status: nothing was sent", () =>
  Effect.gen(function* () {
    const putOff = uniformVerdict(verdictMeta, verdict("throttled", "130429"))
    const wait = uniformVerdict(verdictMeta, { ...verdict("transient", "131056"), retryAfter: Duration.seconds(6) })
    const failed = uniformVerdict(verdictMeta, verdict("transient", "131000"))
    const outcomesAfter = Effect.fnUntraced(function* (first: BatchVerdict) {
      let asked = 0
      const platform = fakePlatform(() =>
        Effect.sync(() => respond(asked++ === 0 ? first : ok, asked === 1 ? 503 : 200))
      )
      const task = yield* open(platform, makeLog())
      const step = yield* Effect.forkChild(task.step(batchOf("mapped-events.meta")))
      for (let second = 0; second < 60; second++) yield* TestClock.adjust("1 second")
      return readStep(yield* Fiber.join(step)).outcomes
    })
    assert.deepStrictEqual(yield* outcomesAfter(putOff), { a: "delivered" })
    assert.deepStrictEqual(yield* outcomesAfter(wait), { a: "retry_scheduled:131056" })
    assert.deepStrictEqual(yield* outcomesAfter(failed), { a: "unknown:131000" })
  })
)
