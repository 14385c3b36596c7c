/** A process that lives on after a failed commit knows what its requests led to: nothing is in doubt, nothing goes twice. */
import { assert, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import { Codecs } from "../../../shared/codec/codecs.ts"
import { httpFailure } from "../../../shared/connectors/http/http-failure.ts"
import { uniformVerdict, verdictMeta } from "../../../shared/connectors/verdicts.ts"
import { KafkaError } from "../../../shared/kafka/client.ts"
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
import { UncommittedResponses } from "./uncommitted-responses.ts"

const at = { topic: "mapped-events.meta", partition: 0 }
const batchOf = (ids: ReadonlyArray<string>) => ({ ...at, records: recordsOfEvents(ids.map((id) => mappedEvent(id))) })
const accepted = { ...uniformVerdict(verdictMeta, verdict("accepted")), trackingId: "wamid", requestId: "wamid" }

/** One process: its partition can be opened again and again over the same log. */
const processOver = (platform: FakePlatform, kafka: ReturnType<typeof makeLog>, appends = () => true) =>
  Effect.gen(function* () {
    const processor = yield* processorOver({
      connector: unrepeatable,
      connection,
      settings: deliveryDefaults,
      services: platform
    })
    return Effect.gen(function* () {
      const task = yield* processor.open({
        ...at,
        append: (records) =>
          Effect.suspend(() => {
            kafka.write(records)
            return appends() ? Effect.void : Effect.fail(timedOut)
          })
      })
      for (const restore of task.restore ?? [])
        yield* restore.apply(kafka.log.filter((record) => record.topic === restore.topic))
      return task
    })
  }).pipe(Effect.provide(Layer.sync(Codecs, strictCodecs)))

const timedOut = new KafkaError({ code: "timeout", operation: "append", message: "", nextStep: "", cause: null })

it.effect("every answer is known when the partition is opened again, whatever it was", () =>
  Effect.gen(function* () {
    const platform = fakePlatform(({ ids }) =>
      ids[0] === "cut"
        ? Effect.fail(httpFailure("reset", "platform.example"))
        : Effect.succeed(
            respond(ids[0] === "bad" ? uniformVerdict(verdictMeta, verdict("invalid_event", "131026")) : accepted)
          )
    )
    const kafka = makeLog()
    const open = yield* processOver(platform, kafka)
    const ids = ["a", "bad", "b", "cut", "c"]
    const expected = {
      a: "accepted",
      bad: "rejected:131026",
      b: "accepted",
      cut: "unknown:http_reset",
      c: "accepted"
    }
    const first = yield* (yield* open).step(batchOf(ids))
    assert.deepStrictEqual(readStep(first).outcomes, expected)
    // Its commit fails, twice.
    yield* (yield* open).step(batchOf(ids))
    const again = yield* (yield* open).step(batchOf(ids))
    assert.deepStrictEqual(readStep(again).outcomes, expected)
    assert.strictEqual(readStep(again).deadLetters["bad"], "131026")
    assert.isTrue(again.outputs.some(({ topic }) => topic === "pending-outcomes"))
    const events = platform.asked.filter(({ path }) => path === "events").map((asked) => asked.ids[0])
    assert.deepStrictEqual([...events].sort(), [...ids].sort())
    // Committed at last: from now on it is in the log.
    kafka.write(again.outputs)
    again.release?.()
    assert.strictEqual(readStep(yield* (yield* open).step(batchOf(["a"]))).outcomes["a"], "skipped:duplicate")
  })
)

it.effect("a request that was under way when its partition closed is not cut off, and its answer is waited for", () =>
  Effect.gen(function* () {
    const answer = yield* Deferred.make<void>()
    const platform = fakePlatform(() => Effect.as(Deferred.await(answer), respond(accepted)))
    const kafka = makeLog()
    const open = yield* processOver(platform, kafka)
    const closing = yield* Effect.forkChild((yield* open).step(batchOf(["a"])))
    while (platform.asked.length === 0) yield* Effect.yieldNow
    yield* Fiber.interrupt(closing)
    const next = yield* open
    const waiting = yield* Effect.forkChild(next.step(batchOf(["a", "b"])))
    yield* Effect.yieldNow
    assert.strictEqual(platform.asked.length, 1)
    yield* Deferred.succeed(answer, undefined)
    assert.deepStrictEqual(readStep(yield* Fiber.join(waiting)).outcomes, { a: "accepted", b: "accepted" })
    assert.deepStrictEqual(
      platform.asked.map(({ ids }) => ids[0]),
      ["a", "b"]
    )
  })
)

it.effect("an event whose intent was written and whose request never left is sent", () =>
  Effect.gen(function* () {
    let appends = false
    const platform = fakePlatform(() => Effect.succeed(respond(accepted)))
    const kafka = makeLog()
    const open = yield* processOver(platform, kafka, () => appends)
    // The broker has the intent, though the transaction's answer was late.
    yield* Effect.flip((yield* open).step(batchOf(["a"])))
    appends = true
    assert.deepStrictEqual(readStep(yield* (yield* open).step(batchOf(["a"]))).outcomes, { a: "accepted" })
    assert.strictEqual(platform.asked.length, 1)
  })
)

it.effect("a refused connection is no doubt either", () =>
  Effect.gen(function* () {
    let refusing = true
    const platform = fakePlatform(() =>
      refusing ? Effect.fail(httpFailure("refused", "platform.example")) : Effect.succeed(respond(ok))
    )
    const kafka = makeLog()
    const open = yield* processOver(platform, kafka)
    const closing = yield* Effect.forkChild((yield* open).step(batchOf(["a"])))
    while (platform.asked.length === 0) yield* Effect.yieldNow
    yield* Fiber.interrupt(closing)
    refusing = false
    assert.deepStrictEqual(readStep(yield* (yield* open).step(batchOf(["a"]))).outcomes, { a: "delivered" })
  })
)

it.effect("another process knows only what the log says", () =>
  Effect.gen(function* () {
    const platform = fakePlatform(() => Effect.succeed(respond(accepted)))
    const kafka = makeLog()
    yield* (yield* yield* processOver(platform, kafka)).step(batchOf(["a"]))
    const other = yield* yield* processOver(platform, kafka)
    assert.deepStrictEqual(readStep(yield* other.step(batchOf(["a"]))).outcomes, { a: "unknown:sent_before_crash" })
    assert.strictEqual(platform.asked.length, 1)
  })
)

it("the memory forgets what is committed, keeps requests under way, and the newest of too many", () => {
  const memory = new UncommittedResponses(3)
  for (const [index, key] of ["under way", "a", "b", "c", "d"].entries()) {
    memory.declare(key, index)
    if (key === "under way") memory.begin(key)
    else memory.end(key, "not_sent")
  }
  assert.strictEqual(memory.size, 3)
  assert.isNull(memory.recall("under way", 0))
  assert.isNull(memory.recall("a", 1))
  assert.strictEqual(memory.recall("d", 4), "not_sent")
  // The intent is another one: of another process, or for another sending.
  assert.isNull(memory.recall("d", 5))
  memory.forget("d")
  assert.isNull(memory.recall("d", 4))
})
