/** An event near its platform's age limit must neither be sent after it nor reach it behind fresher ones. */
import { assert, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as TestClock from "effect/testing/TestClock"
import { Codecs } from "../../../shared/codec/codecs.ts"
import type { Connector } from "../../../shared/connectors/connector.ts"
import { openPartition } from "../../../shared/testing/run-batches.ts"
import { deliveryDefaults } from "./settings.ts"
import {
  connection,
  connectorWith,
  down,
  type FakePlatform,
  fakePlatform,
  limits,
  mappedEvent,
  ok,
  processorOver,
  readStep,
  recordsOfEvents,
  respond,
  strictCodecs,
  unauthorized
} from "./testing.ts"

const minutes = (count: number) => Duration.toMillis(Duration.minutes(count))
const mapped = "mapped-events.meta"
const retry = "delivery-retry.meta"

const opener = (platform: FakePlatform, connector: Connector = connectorWith()) =>
  Effect.map(
    processorOver({ connector, connection, settings: deliveryDefaults, services: platform }),
    (processor) => (topic: string, partition: number) => openPartition(processor, { topic, partition })
  ).pipe(Effect.provide(Layer.sync(Codecs, strictCodecs)))

const sentIds = (platform: FakePlatform) => platform.asked.filter(({ path }) => path === "events").map(({ ids }) => ids)

it.effect("does not send what expired while the connection was paused", () =>
  Effect.gen(function* () {
    let token = "old"
    const platform = fakePlatform(
      (asked) => Effect.succeed(asked.token === "new" ? respond(ok) : respond(unauthorized, 401)),
      () => token
    )
    const task = yield* (yield* opener(platform))(mapped, 0)
    const events = [mappedEvent("short", { deadline: minutes(10) }), mappedEvent("long", { deadline: minutes(60) })]
    const step = yield* Effect.forkChild(task.step({ topic: mapped, partition: 0, records: recordsOfEvents(events) }))
    yield* TestClock.adjust("15 minutes")
    token = "new"
    yield* TestClock.adjust("10 minutes")
    const done = readStep(yield* Fiber.join(step))
    assert.deepStrictEqual(done.outcomes, { short: "expired:expired", long: "delivered" })
    assert.deepStrictEqual(done.deadLetters, { short: "expired" })
    assert.deepStrictEqual(sentIds(platform), [["short", "long"], ["long"]])
  })
)

it.effect("makes no request where all of it expired while it waited, and the next one goes on", () =>
  Effect.gen(function* () {
    let token = "old"
    const platform = fakePlatform(
      (asked) => Effect.succeed(asked.token === "new" ? respond(ok) : respond(unauthorized, 401)),
      () => token
    )
    const task = yield* (yield* opener(platform))(mapped, 0)
    const batch = (id: string, deadline: number) => ({
      topic: mapped,
      partition: 0,
      records: recordsOfEvents([mappedEvent(id, { deadline })])
    })
    const step = yield* Effect.forkChild(task.step(batch("short", minutes(10))))
    yield* TestClock.adjust("15 minutes")
    token = "new"
    yield* TestClock.adjust("10 minutes")
    assert.deepStrictEqual(readStep(yield* Fiber.join(step)).outcomes, { short: "expired:expired" })
    assert.deepStrictEqual(readStep(yield* task.step(batch("next", minutes(60)))).outcomes, { next: "delivered" })
    assert.deepStrictEqual(sentIds(platform), [["short"], ["next"]])
  })
)

it.effect("among the partitions of a connection the batch with the earliest deadline goes next", () =>
  Effect.gen(function* () {
    const one = { ...limits, eventsPerRequest: 1, concurrency: 1 }
    const platform = fakePlatform(() => Effect.as(Effect.sleep("1 second"), respond(ok)))
    const open = yield* opener(platform, connectorWith({ limits: { documented: one, specification: one } }))
    const batches = [
      [mapped, 0, "first", 50],
      [mapped, 1, "fresh", 60],
      [mapped, 2, "without", null],
      [retry, 0, "urgent", 20],
      [mapped, 3, "older", 40]
    ] as const
    const steps = yield* Effect.forEach(batches, ([topic, partition, id, deadline]) =>
      Effect.gen(function* () {
        const task = yield* open(topic, partition)
        const event = mappedEvent(id, { deadline: deadline === null ? null : minutes(deadline) })
        const step = yield* Effect.forkChild(task.step({ topic, partition, records: recordsOfEvents([event], topic) }))
        yield* TestClock.adjust("1 millis")
        return step
      })
    )
    yield* TestClock.adjust("10 seconds")
    yield* Fiber.joinAll(steps)
    assert.deepStrictEqual(sentIds(platform).flat(), ["first", "urgent", "older", "fresh", "without"])
  })
)

it.effect("delayed retries that lay for long are not held again, since others behind them may be due", () =>
  Effect.gen(function* () {
    const task = yield* (yield* opener(fakePlatform(() => Effect.succeed(respond(ok)))))(retry, 0)
    yield* TestClock.adjust("1 hour")
    const now = yield* Clock.currentTimeMillis
    const far = mappedEvent("far", { attempts: 4, not_before: now + minutes(60) })
    const writtenAt = (timestamp: number) => ({
      topic: retry,
      partition: 0,
      records: recordsOfEvents([far], retry).map((record) => ({ ...record, timestamp }))
    })
    const held = yield* Effect.forkChild(task.step(writtenAt(now - minutes(1))))
    yield* TestClock.adjust("10 seconds")
    assert.isUndefined(held.pollUnsafe())
    yield* TestClock.adjust("5 seconds")
    assert.deepStrictEqual(Object.keys(readStep(yield* Fiber.join(held)).retries), ["far"])
    // Nothing to wait for: it would hang here if it were held.
    assert.deepStrictEqual(Object.keys(readStep(yield* task.step(writtenAt(now - minutes(6)))).retries), ["far"])
  })
)

it.effect.each([
  // The next delay is a minute, later five, and so on to six hours.
  { round: "0", left: 60, waits: 1 },
  { round: "5", left: 600, waits: 360 },
  // Well before the end, since it may take minutes until it is looked at.
  { round: "5", left: 60, waits: 45 },
  { round: "5", left: 10, waits: 5 },
  { round: "5", left: 0.8, waits: null }
])("round $round with $left minutes left waits $waits minutes", ({ round, left, waits }) =>
  Effect.gen(function* () {
    const platform = fakePlatform((asked) =>
      Effect.succeed(asked.ids.includes("bad") ? respond(down, 500) : respond(ok))
    )
    const one = { ...limits, eventsPerRequest: 1 }
    const open = yield* opener(platform, connectorWith({ limits: { documented: one, specification: one } }))
    const task = yield* open(retry, 0)
    const headers = { connection: "shop", round }
    const events = [mappedEvent("bad", { attempts: 4, deadline: minutes(left) + 7_000 }), mappedEvent("good")]
    const step = yield* Effect.forkChild(
      task.step({ topic: retry, partition: 0, records: recordsOfEvents(events, retry, headers) })
    )
    yield* TestClock.adjust("20 seconds")
    const done = readStep(yield* Fiber.join(step))
    const notBefore = done.retries["bad"]?.not_before
    if (waits === null) {
      assert.strictEqual(done.outcomes["bad"], "expired:expired")
      return
    }
    assert.closeTo((notBefore ?? 0) / 60_000, waits, 0.2)
  })
)
