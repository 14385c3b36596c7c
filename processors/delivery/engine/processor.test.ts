import { assert, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as TestClock from "effect/testing/TestClock"
import { Codecs } from "../../../shared/codec/codecs.ts"
import type { Connector } from "../../../shared/connectors/connector.ts"
import { httpFailure } from "../../../shared/connectors/http/http-failure.ts"
import { uniformVerdict, verdictMeta } from "../../../shared/connectors/verdicts.ts"
import { deadLetterAad } from "../../../shared/credentials/sealer.ts"
import { testSealer } from "../../../shared/testing/event-fixture.ts"
import { openPartition } from "../../../shared/testing/run-batches.ts"
import { deliveryDefaults } from "./settings.ts"
import {
  changesOf,
  codecs,
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
  requestTo,
  respond,
  someInvalid,
  strictCodecs,
  unauthorized,
  verdict
} from "./testing.ts"

const codecsLayer = Layer.sync(Codecs, strictCodecs)
const at = { topic: "mapped-events.meta", partition: 0 }
const ids = (count: number) => Array.from({ length: count }, (_, index) => `e${index}`)
const recordsOf = (names: ReadonlyArray<string>) => recordsOfEvents(names.map((id) => mappedEvent(id)))
const batchOf = (names: ReadonlyArray<string>) => ({ ...at, records: recordsOf(names) })

const openTask = (platform: FakePlatform, connector: Connector = connectorWith()) =>
  processorOver({ connector, connection, settings: deliveryDefaults, services: platform }).pipe(
    Effect.flatMap((processor) => openPartition(processor, at)),
    Effect.provide(codecsLayer)
  )

const sentEvents = (platform: FakePlatform) => platform.asked.filter(({ path }) => path === "events")

it.effect("delivers a batch in one request, with one result an event", () =>
  Effect.gen(function* () {
    const platform = fakePlatform(() => Effect.succeed(respond(ok)))
    const task = yield* openTask(platform)
    const done = readStep(yield* task.step(batchOf(ids(3))))
    assert.deepStrictEqual(done.outcomes, { e0: "delivered", e1: "delivered", e2: "delivered" })
    assert.deepStrictEqual(platform.asked, [{ path: "events", ids: ids(3), token: "token" }])
  })
)

it.effect("isolates a bad event that the platform does not name, and delivers each neighbour once", () =>
  Effect.gen(function* () {
    const taken: Array<string> = []
    const platform = fakePlatform((asked) => {
      if (asked.ids.includes("e37")) return Effect.succeed(respond(someInvalid, 400))
      taken.push(...asked.ids)
      return Effect.succeed(respond(ok))
    })
    const task = yield* openTask(platform)
    const done = readStep(yield* task.step(batchOf(ids(100))))
    assert.strictEqual(done.outcomes["e37"], "rejected:100")
    assert.deepStrictEqual(done.deadLetters, { e37: "100" })
    assert.deepStrictEqual(
      taken.sort(),
      ids(100)
        .filter((id) => id !== "e37")
        .sort()
    )
    assert.isAtMost(platform.asked.length, 2 * Math.log2(100) + 2)
  })
)

it.effect("drops the events that the platform names as invalid and sends the rest again", () =>
  Effect.gen(function* () {
    const platform = fakePlatform((asked) => {
      const index = asked.ids.indexOf("e4")
      const bad = verdict("invalid_event", "BAD")
      return Effect.succeed(
        index < 0
          ? respond(ok)
          : respond({ ...verdictMeta, _tag: "InvalidEvents", invalidEvents: new Map([[index, bad]]) }, 400)
      )
    })
    const done = readStep(yield* (yield* openTask(platform)).step(batchOf(ids(6))))
    assert.strictEqual(done.outcomes["e4"], "rejected:BAD")
    assert.strictEqual(Object.values(done.outcomes).filter((outcome) => outcome === "delivered").length, 5)
    assert.strictEqual(platform.asked.length, 2)
  })
)

it.effect("retries after 1, 2 and 4 s while the platform fails, and waits for Retry-After where it is given", () =>
  Effect.gen(function* () {
    const retryAfter = Duration.seconds(30)
    const throttled = uniformVerdict({ ...verdictMeta, retryAfter }, verdict("throttled", "429"))
    const platform = fakePlatform((_, index) =>
      Effect.succeed(index === 0 ? respond(down, 503) : respond(index === 1 ? throttled : ok))
    )
    const step = yield* Effect.forkChild((yield* openTask(platform)).step(batchOf(["a"])))
    yield* TestClock.adjust("1300 millis")
    assert.strictEqual(platform.asked.length, 2)
    yield* TestClock.adjust("29 seconds")
    assert.strictEqual(platform.asked.length, 2)
    yield* TestClock.adjust("2 seconds")
    assert.deepStrictEqual(readStep(yield* Fiber.join(step)).outcomes, { a: "delivered" })
  })
)

it.effect("an open circuit suspends the step, probes with few events, and delivers all when the platform is back", () =>
  Effect.gen(function* () {
    let working = false
    const platform = fakePlatform(() =>
      working ? Effect.succeed(respond(ok)) : Effect.fail(httpFailure("refused", "platform.example"))
    )
    const step = yield* Effect.forkChild((yield* openTask(platform)).step(batchOf(ids(100))))
    yield* TestClock.adjust("30 seconds")
    assert.strictEqual(platform.asked.length, 5)
    yield* TestClock.adjust("25 seconds")
    assert.strictEqual(platform.asked.length, 5)
    working = true
    yield* TestClock.adjust("40 seconds")
    const done = readStep(yield* Fiber.join(step))
    assert.strictEqual(Object.values(done.outcomes).filter((outcome) => outcome === "delivered").length, 100)
    assert.strictEqual(platform.asked[5]?.ids.length, deliveryDefaults.probeEvents)
    assert.deepStrictEqual(changesOf(platform), ["CLOSED", "OPEN paused", "HALF_OPEN", "CLOSED"])
  })
)

it.effect(
  "a refused token pauses the connection, publishes that at once, and resumes by itself when a new one works",
  () =>
    Effect.gen(function* () {
      let token = "old"
      const platform = fakePlatform(
        (asked) => Effect.succeed(asked.token === "new" ? respond(ok) : respond(unauthorized, 401)),
        () => token
      )
      const step = yield* Effect.forkChild((yield* openTask(platform)).step(batchOf(ids(5))))
      yield* TestClock.adjust("4 seconds")
      assert.deepStrictEqual(changesOf(platform), ["CLOSED", "CLOSED paused"])
      yield* TestClock.adjust("5 minutes")
      assert.strictEqual(sentEvents(platform).length, 1)
      assert.isAbove(platform.asked.length, 4)
      token = "new"
      yield* TestClock.adjust("6 minutes")
      const done = readStep(yield* Fiber.join(step))
      assert.strictEqual(done.outcomes["e4"], "delivered")
      assert.deepStrictEqual(changesOf(platform), ["CLOSED", "CLOSED paused", "CLOSED"])
    })
)

it.effect("exchanges an access token once, keeps it until it ends, and exchanges it again when it is refused", () =>
  Effect.gen(function* () {
    let issued = 0
    let valid = "t1"
    const connector = connectorWith({
      refresh: {
        request: () => requestTo("refresh", undefined, []),
        read: () => ({ _tag: "Token", accessToken: Redacted.make(`t${++issued}`), expiresIn: Duration.hours(1) })
      }
    })
    const platform = fakePlatform((asked) =>
      Effect.succeed(asked.path === "refresh" || asked.token === valid ? respond(ok) : respond(unauthorized, 401))
    )
    const task = yield* openTask(platform, connector)
    yield* task.step(batchOf(["a"]))
    yield* task.step(batchOf(["b"]))
    assert.strictEqual(issued, 1)
    valid = "t2"
    assert.deepStrictEqual(readStep(yield* task.step(batchOf(["c"]))).outcomes, { c: "delivered" })
    yield* TestClock.adjust("1 hour")
    valid = "t3"
    yield* task.step(batchOf(["d"]))
    assert.strictEqual(issued, 3)
  })
)

it.effect("an event that alone keeps failing goes to the delayed retry topic; its neighbours are delivered", () =>
  Effect.gen(function* () {
    const platform = fakePlatform((asked) =>
      Effect.succeed(asked.ids.includes("bad") ? respond(down, 500) : respond(ok))
    )
    const task = yield* openTask(
      platform,
      connectorWith({ limits: { documented: { ...limits, eventsPerRequest: 4 }, specification: limits } })
    )
    const step = yield* Effect.forkChild(task.step(batchOf(["bad", ...ids(7)])))
    yield* TestClock.adjust("10 seconds")
    const done = readStep(yield* Fiber.join(step))
    assert.strictEqual(done.outcomes["bad"], "retry_scheduled:500")
    assert.deepStrictEqual(Object.keys(done.retries), ["bad"])
    assert.isAbove(done.retries["bad"]?.attempts ?? 0, 3)
    for (const id of ids(7)) assert.strictEqual(done.outcomes[id], "delivered")
  })
)

it.effect(
  "an event for which alone the platform asks to wait is put off for as long, and says nothing against the platform",
  () =>
    Effect.gen(function* () {
      const wait = { ...verdict("transient", "131056"), retryAfter: Duration.seconds(6) }
      const platform = fakePlatform(() => Effect.succeed(respond(uniformVerdict(verdictMeta, wait), 400)))
      const task = yield* openTask(
        platform,
        connectorWith({ limits: { documented: { ...limits, eventsPerRequest: 1 }, specification: limits } })
      )
      const done = readStep(yield* task.step(batchOf(ids(8))))
      assert.strictEqual(done.outcomes["e7"], "retry_scheduled:131056")
      assert.strictEqual(done.retries["e7"]?.not_before, 6000)
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(changesOf(platform), ["CLOSED"])
    })
)

it.effect("a delayed retry waits until it is due; past the age limit it is expired and dead-lettered", () =>
  Effect.gen(function* () {
    const platform = fakePlatform(() => Effect.succeed(respond(ok)))
    const task = yield* openTask(platform)
    const topic = "delivery-retry.meta"
    const due = mappedEvent("due", { attempts: 4, not_before: 30_000 })
    const far = mappedEvent("far", { attempts: 4, not_before: 3_600_000 })
    const records = recordsOfEvents([far, due], topic)
    const held = yield* Effect.forkChild(task.step({ topic, partition: 0, records }))
    yield* TestClock.adjust("15 seconds")
    const deferred = readStep(yield* Fiber.join(held))
    assert.deepStrictEqual(Object.keys(deferred.retries), ["far", "due"])
    assert.deepStrictEqual(deferred.outcomes, {})
    const step = yield* Effect.forkChild(task.step({ topic, partition: 0, records }))
    yield* TestClock.adjust("14 seconds")
    assert.strictEqual(platform.asked.length, 0)
    yield* TestClock.adjust("1 second")
    const done = readStep(yield* Fiber.join(step))
    assert.deepStrictEqual(done.outcomes, { due: "delivered" })
    assert.strictEqual(done.retries["far"]?.not_before, 3_600_000)
    yield* TestClock.adjust("1 hour")
    const late = mappedEvent("late", { attempts: 9, deadline: 60_000 })
    const expired = readStep(yield* task.step({ topic, partition: 0, records: recordsOfEvents([late], topic) }))
    assert.deepStrictEqual(expired.outcomes, { late: "expired:expired" })
    assert.deepStrictEqual(expired.deadLetters, { late: "expired" })
  })
)

it.effect("asks consent again, refuses what no request can carry, and dead-letters what is no event", () =>
  Effect.gen(function* () {
    const platform = fakePlatform(() => Effect.succeed(respond(ok)))
    const task = yield* openTask(platform)
    const denied = mappedEvent("denied", {
      consent: { ad_user_data: "denied", ad_personalization: null, sale_of_data: null }
    })
    const large = mappedEvent("large", { payload: "x".repeat(1_000_000) })
    const records = [
      ...recordsOfEvents([denied, large]),
      { ...recordsOfEvents([denied])[0]!, offset: 2, value: Buffer.from("junk") }
    ]
    const step = yield* task.step({ ...at, records })
    const done = readStep(step)
    assert.deepStrictEqual(done.outcomes, { denied: "skipped:consent", large: "rejected:payload_too_large" })
    assert.deepStrictEqual(Object.keys(done.deadLetters).sort(), ["?", "large"])
    const { topic, partition } = at
    const junk = step.outputs.find(({ key }) => key === `${topic}/${partition}/2`)
    const deadLetter = codecs.decode("dead-letter", junk?.value ?? null)
    if (deadLetter._tag !== "Decoded") return assert.fail(deadLetter.message)
    assert.notInclude(junk!.value!.toString("latin1"), "junk")
    const opened = testSealer.open(deadLetter.value.original!, deadLetterAad("value", topic, partition, 2))
    assert.deepStrictEqual(opened, Result.succeed(Buffer.from("junk")))
    assert.strictEqual(deadLetter.value.attempts, 0)
    assert.strictEqual(platform.asked.length, 0)
  })
)

it.effect("a hostile answer is retried and never loses an event", () =>
  Effect.gen(function* () {
    const html = { status: 200, headers: {}, body: "<html>", receivedAt: 0 }
    const short = { ...verdictMeta, _tag: "PerEvent" as const, events: [verdict("delivered")] }
    const platform = fakePlatform((_, index) =>
      Effect.succeed(index === 0 ? html : index === 1 ? respond(short) : respond(ok))
    )
    const step = yield* Effect.forkChild((yield* openTask(platform)).step(batchOf(ids(3))))
    yield* TestClock.adjust("10 seconds")
    const { outcomes } = readStep(yield* Fiber.join(step))
    assert.deepStrictEqual(outcomes, { e0: "delivered", e1: "delivered", e2: "delivered" })
    assert.deepStrictEqual(
      platform.asked.map((asked) => asked.ids.length),
      [3, 3, 2]
    )
  })
)
