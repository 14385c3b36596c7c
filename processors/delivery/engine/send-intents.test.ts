import { assert, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as TestClock from "effect/testing/TestClock"
import { Codecs } from "../../../shared/codec/codecs.ts"
import type { AsyncOutcomeReading, Connector } from "../../../shared/connectors/connector.ts"
import { httpFailure } from "../../../shared/connectors/http/http-failure.ts"
import { uniformVerdict, verdictMeta } from "../../../shared/connectors/verdicts.ts"
import { KafkaError } from "../../../shared/kafka/client.ts"
import type { PartitionTask } from "../../../shared/runtime/contract.ts"
import { overwritingInput } from "../../../shared/testing/run-batches.ts"
import type { DeliveryError } from "./processor.ts"
import { deliveryDefaults } from "./settings.ts"
import {
  connection,
  connectorWith,
  type FakePlatform,
  fakePlatform,
  makeLog,
  mappedEvent,
  ok,
  processorOver,
  readStep,
  recordsOfEvents,
  requestTo,
  respond,
  single,
  strictCodecs,
  unrepeatable,
  verdict
} from "./testing.ts"

const at = { topic: "mapped-events.meta", partition: 0 }
const resend = { connection: "shop", resend: "true" }
const batchOf = (names: ReadonlyArray<string>, headers?: Readonly<Record<string, string>>) => ({
  ...at,
  records: recordsOfEvents(
    names.map((id) => mappedEvent(id)),
    at.topic,
    headers
  )
})

const open = (
  platform: FakePlatform,
  kafka: ReturnType<typeof makeLog>,
  connector: Connector = unrepeatable,
  fenced = () => false,
  topic = at.topic
) =>
  Effect.gen(function* () {
    const processor = yield* processorOver({ connector, connection, settings: deliveryDefaults, services: platform })
    const opened: PartitionTask<DeliveryError, never> = yield* processor.open({
      ...at,
      topic,
      append: (records) => (fenced() ? Effect.fail(fencedOut) : Effect.sync(() => kafka.write(records)))
    })
    const task = overwritingInput(processor, opened)
    for (const restore of task.restore ?? [])
      yield* restore.apply(kafka.log.filter((record) => record.topic === restore.topic))
    return task
  }).pipe(Effect.provide(Layer.sync(Codecs, strictCodecs)))

const fencedOut = new KafkaError({ code: "fenced", operation: "append", message: "", nextStep: "", cause: null })

it.effect("after a crash between sending and committing, the event is unknown and is not sent again", () =>
  Effect.gen(function* () {
    const kafka = makeLog()
    const platform = fakePlatform(() => Effect.succeed(respond(ok)))
    const before = yield* open(platform, kafka)
    // The step is done but its outputs are never committed.
    yield* before.step(batchOf(["a"]))
    assert.strictEqual(platform.asked.length, 1)
    const after = yield* open(platform, kafka)
    const done = yield* after.step(batchOf(["a", "b"]))
    assert.deepStrictEqual(readStep(done).outcomes, { a: "unknown:sent_before_crash", b: "delivered" })
    assert.deepStrictEqual(
      platform.asked.map((asked) => asked.ids),
      [["a"], ["b"]]
    )
    kafka.write(done.outputs)
    const third = yield* open(platform, kafka)
    assert.deepStrictEqual(readStep(yield* third.step(batchOf(["a", "b"]))).outcomes, {
      a: "skipped:duplicate",
      b: "skipped:duplicate"
    })
  })
)

it.effect("knows after a crash the answers that a later intent took along: only the last are in doubt", () =>
  Effect.gen(function* () {
    const kafka = makeLog()
    const oneByOne = { ...single, concurrency: 1 }
    const connector = { ...unrepeatable, limits: { documented: oneByOne, specification: oneByOne } }
    const platform = fakePlatform((asked) =>
      Effect.succeed(
        respond(asked.ids[0] === "bad" ? uniformVerdict(verdictMeta, verdict("invalid_event", "131026")) : ok)
      )
    )
    yield* (yield* open(platform, kafka, connector)).step(batchOf(["a", "bad", "last"]))
    const done = readStep(yield* (yield* open(platform, kafka, connector)).step(batchOf(["a", "bad", "last"])))
    assert.deepStrictEqual(done.outcomes, {
      a: "delivered",
      bad: "rejected:131026",
      last: "unknown:sent_before_crash"
    })
    assert.strictEqual(platform.asked.length, 3)
  })
)

it.effect("sends an unknown event again only by a person's command", () =>
  Effect.gen(function* () {
    const kafka = makeLog()
    const platform = fakePlatform(() => Effect.succeed(respond(ok)))
    yield* (yield* open(platform, kafka)).step(batchOf(["a"]))
    const task = yield* open(platform, kafka)
    kafka.write((yield* task.step(batchOf(["a"]))).outputs)
    const done = readStep(yield* task.step(batchOf(["a"], resend)))
    assert.deepStrictEqual(done.outcomes, { a: "delivered" })
    assert.strictEqual(platform.asked.length, 2)
  })
)

it.effect("a resend that a crash cut off is unknown again, and two of one event send it once", () =>
  Effect.gen(function* () {
    const kafka = makeLog()
    const platform = fakePlatform(() => Effect.succeed(respond(ok)))
    yield* (yield* open(platform, kafka)).step(batchOf(["a"]))
    const task = yield* open(platform, kafka)
    kafka.write((yield* task.step(batchOf(["a"]))).outputs)
    yield* task.step(batchOf(["a"], resend))
    assert.strictEqual(platform.asked.length, 2)
    const after = yield* open(platform, kafka)
    const cut = yield* after.step(batchOf(["a"], resend))
    assert.deepStrictEqual(readStep(cut).outcomes, { a: "unknown:sent_before_crash" })
    kafka.write(cut.outputs)
    yield* after.step(batchOf(["a", "a"], resend))
    assert.strictEqual(platform.asked.length, 3)
  })
)

it.effect("the intent is durable before the request, and an owner that was fenced sends nothing", () =>
  Effect.gen(function* () {
    const kafka = makeLog()
    const intentsAtRequest: Array<number> = []
    const platform = fakePlatform(() =>
      Effect.sync(() => {
        intentsAtRequest.push(kafka.log.filter((record) => record.topic === "send-intents").length)
        return respond(ok)
      })
    )
    yield* (yield* open(platform, kafka)).step(batchOf(["a"]))
    assert.deepStrictEqual(intentsAtRequest, [1])
    const zombie = yield* open(platform, kafka, unrepeatable, () => true)
    assert.isTrue(Exit.isFailure(yield* Effect.exit(zombie.step(batchOf(["b"])))))
    assert.strictEqual(platform.asked.length, 1)
  })
)

it.effect("never repeats a request without an answer, but one that never arrived", () =>
  Effect.gen(function* () {
    let refusals = 1
    const platform = fakePlatform((asked) =>
      asked.ids[0] === "timeout"
        ? Effect.fail(httpFailure("timeout", "platform.example"))
        : asked.ids[0] === "refused" && refusals-- > 0
          ? Effect.fail(httpFailure("refused", "platform.example"))
          : Effect.succeed(respond(ok))
    )
    const task = yield* open(
      platform,
      makeLog(),
      connectorWith({
        idempotent: false,
        limits: { documented: { ...single, concurrency: 1 }, specification: single }
      })
    )
    const step = yield* Effect.forkChild(task.step(batchOf(["timeout", "refused"])))
    while (step.pollUnsafe() === undefined) yield* TestClock.adjust("1 second")
    assert.deepStrictEqual(readStep(yield* Fiber.join(step)).outcomes, {
      timeout: "unknown:http_timeout",
      refused: "delivered"
    })
    assert.deepStrictEqual(
      platform.asked.filter(({ path }) => path === "events").map((asked) => asked.ids[0]),
      ["timeout", "refused", "refused"]
    )
  })
)

it.effect("does not repeat a request that may have succeeded in an answer that can't be read", () =>
  Effect.gen(function* () {
    const platform = fakePlatform(() => Effect.succeed({ status: 200, headers: {}, body: "<html>", receivedAt: 0 }))
    const done = readStep(yield* (yield* open(platform, makeLog())).step(batchOf(["a"])))
    assert.deepStrictEqual(done.outcomes, { a: "unknown:hostile" })
    assert.strictEqual(platform.asked.length, 1)
  })
)

it.effect("sends an event once in 24 hours, also where it comes twice in a batch", () =>
  Effect.gen(function* () {
    const kafka = makeLog()
    const platform = fakePlatform(() => Effect.succeed(respond(ok)))
    const task = yield* open(platform, kafka)
    const twice = yield* task.step(batchOf(["a", "a"]))
    assert.strictEqual(platform.asked.length, 1)
    kafka.write(twice.outputs)
    yield* TestClock.adjust("23 hours")
    yield* task.step(batchOf(["a"]))
    yield* (yield* open(platform, kafka)).step(batchOf(["a"]))
    assert.strictEqual(platform.asked.length, 1)
    yield* TestClock.adjust("61 minutes")
    yield* task.step(batchOf(["a"]))
    assert.strictEqual(platform.asked.length, 2)
  })
)

it.effect("is in no doubt about what another owner is just sending, which may be retried later", () =>
  Effect.gen(function* () {
    const kafka = makeLog()
    const platform = fakePlatform(() => Effect.succeed(respond(ok)))
    const mapped = yield* open(platform, kafka)
    yield* mapped.step(batchOf(["a"]))
    const retries = yield* open(platform, kafka, unrepeatable, () => false, "delivery-retry.meta")
    const step = yield* retries.step(batchOf(["a"]))
    assert.deepStrictEqual(readStep(step).outcomes, { a: "delivered" })
  })
)

const acceptedBy = (readings: Array<AsyncOutcomeReading>) =>
  connectorWith({
    asyncOutcome: {
      request: (trackingId, { secret }) => requestTo(`later-${trackingId}`, secret["access_token"], []),
      read: () => readings.shift() ?? { _tag: "Pending", retryAfter: null }
    }
  })
const accepted = { ...uniformVerdict(verdictMeta, verdict("accepted")), trackingId: "r1", requestId: "r1" }
const final = (
  rejected: number,
  reason = "TOO_OLD",
  errorClass: "invalid_event" | "duplicate" = "invalid_event"
): AsyncOutcomeReading => ({
  _tag: "Final",
  processed: null,
  rejected: rejected === 0 ? [] : [{ verdict: verdict(errorClass, reason), count: rejected }],
  warnings: []
})

it.effect("asks for an accepted request's outcome until it is final, also after a restart", () =>
  Effect.gen(function* () {
    const kafka = makeLog()
    const platform = fakePlatform(() => Effect.succeed(respond(accepted)))
    const connector = acceptedBy([{ _tag: "Pending", retryAfter: Duration.seconds(20) }, final(0)])
    const task = yield* open(platform, kafka, connector)
    const first = yield* task.step(batchOf(["a", "b"]))
    kafka.write(first.outputs)
    assert.deepStrictEqual(readStep(first).outcomes, { a: "accepted", b: "accepted" })
    yield* TestClock.adjust("5 seconds")
    assert.deepStrictEqual((yield* task.tick!.step).outputs, [])
    yield* TestClock.adjust("19 seconds")
    assert.deepStrictEqual((yield* task.tick!.step).outputs, [])
    assert.strictEqual(platform.asked.length, 2)
    const next = yield* open(platform, kafka, connector)
    const ticked = yield* next.tick!.step
    assert.deepStrictEqual(readStep(ticked).outcomes, { a: "delivered", b: "delivered" })
    kafka.write(ticked.outputs)
    assert.deepStrictEqual((yield* (yield* open(platform, kafka, connector)).tick!.step).outputs, [])
  })
)

it.effect("concludes from counts only what they say", () =>
  Effect.gen(function* () {
    const outcomesOf = (reading: AsyncOutcomeReading) =>
      Effect.gen(function* () {
        const platform = fakePlatform(() => Effect.succeed(respond(accepted)))
        const task = yield* open(platform, makeLog(), acceptedBy([reading]))
        yield* task.step(batchOf(["a", "b"]))
        yield* TestClock.adjust("5 seconds")
        return readStep(yield* task.tick!.step).outcomes
      })
    assert.deepStrictEqual(yield* outcomesOf(final(2)), { a: "rejected:TOO_OLD", b: "rejected:TOO_OLD" })
    assert.deepStrictEqual(yield* outcomesOf(final(1)), {
      a: "accepted:partial_success",
      b: "accepted:partial_success"
    })
    assert.deepStrictEqual(yield* outcomesOf(final(1, "DUP", "duplicate")), { a: "delivered", b: "delivered" })
    assert.deepStrictEqual(yield* outcomesOf(final(2, "DUP", "duplicate")), { a: "delivered:DUP", b: "delivered:DUP" })
  })
)
