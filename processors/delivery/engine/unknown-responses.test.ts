import { assert, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as TestClock from "effect/testing/TestClock"
import { Codecs } from "../../../shared/codec/codecs.ts"
import type { EventVerdict } from "../../../shared/connectors/connector.ts"
import { uniformVerdict, verdictMeta } from "../../../shared/connectors/verdicts.ts"
import type { Step } from "../../../shared/runtime/contract.ts"
import { openPartition } from "../../../shared/testing/run-batches.ts"
import { deliveryDefaults } from "./settings.ts"
import {
  changesOf,
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
  statesOf,
  strictCodecs,
  unauthorized,
  verdict
} from "./testing.ts"

const at = { topic: "mapped-events.meta", partition: 0 }
const retryTopic = "delivery-retry.meta"
const undocumented = respond(uniformVerdict(verdictMeta, verdict("unknown", "139999")), 400)
const garbled = respond(uniformVerdict(verdictMeta, { ...verdict("unknown", "http_200"), unreadable: true }), 200)
const invalidProbe = respond(ok)

it.effect("an answer that says little is read as the answer to a test where the connection has a test code", () =>
  Effect.gen(function* () {
    const processor = yield* processorOver({
      connector: connectorWith({
        verdict: (_, __, isTest) => uniformVerdict(verdictMeta, verdict(isTest === true ? "delivered" : "unknown"))
      }),
      connection: { ...connection, testEventCode: "TEST1" },
      settings: deliveryDefaults,
      services: fakePlatform(() => Effect.succeed(respond(ok)))
    })
    const task = yield* openPartition(processor, at)
    assert.deepStrictEqual(readStep(yield* task.step(batchOf(["e1"]))).outcomes, { e1: "delivered" })
  }).pipe(Effect.provide(Layer.sync(Codecs, strictCodecs)))
)

const openTask = (platform: FakePlatform, eventsPerRequest: number, idempotent = true) =>
  Effect.flatMap(
    processorOver({
      connector: connectorWith({
        idempotent,
        limits: { documented: { ...limits, eventsPerRequest }, specification: limits }
      }),
      connection,
      settings: deliveryDefaults,
      services: platform
    }),
    (processor) => openPartition(processor, at)
  ).pipe(Effect.provide(Layer.sync(Codecs, strictCodecs)))

const names = (prefix: string, count: number) => Array.from({ length: count }, (_, index) => `${prefix}${index}`)
const batchOf = (ids: ReadonlyArray<string>) => ({ ...at, records: recordsOfEvents(ids.map((id) => mappedEvent(id))) })

/** Runs a step to its end, however long it waits. */
const within = Effect.fnUntraced(function* <E, R>(step: Effect.Effect<Step, E, R>, limit: Duration.Duration) {
  const fiber = yield* Effect.forkChild(step)
  for (let waited = 0; waited < Duration.toSeconds(limit) && fiber.pollUnsafe() === undefined; waited++)
    yield* TestClock.adjust("1 second")
  return fiber.pollUnsafe() === undefined ? null : readStep(yield* Fiber.join(fiber))
})

for (const idempotent of [true, false]) {
  it.effect(
    `an undocumented code for several recipients opens no circuit, and ends in dead letters within half an hour (idempotent: ${idempotent})`,
    () =>
      Effect.gen(function* () {
        const platform = fakePlatform(({ ids, path }) =>
          Effect.succeed(
            path === "probe" ? invalidProbe : ids.some((id) => id.startsWith("odd")) ? undocumented : respond(ok)
          )
        )
        const task = yield* openTask(platform, 1, idempotent)
        const good = names("good", 30)
        const done = yield* within(task.step(batchOf([...names("odd", 12), ...good])), Duration.minutes(10))
        for (const id of good) assert.strictEqual(done?.outcomes[id], "delivered", id)
        assert.deepStrictEqual(changesOf(platform), ["CLOSED"])
        let retries = Object.values(done?.retries ?? {})
        assert.strictEqual(retries.length, 12)
        let round = 1
        const dead: Record<string, string> = {}
        const start = 0
        let last = start
        while (retries.length > 0 && round < 40) {
          const records = recordsOfEvents(retries, retryTopic, { connection: "shop", round: String(round) })
          last = Math.max(...retries.map(({ not_before }) => not_before ?? 0))
          yield* TestClock.setTime(last)
          const again = yield* within(task.step({ topic: retryTopic, partition: 0, records }), Duration.minutes(10))
          Object.assign(dead, again?.deadLetters)
          retries = Object.values(again?.retries ?? {})
          round += 1
        }
        assert.deepStrictEqual(dead, Object.fromEntries(names("odd", 12).map((id) => [id, "139999"])))
        assert.isBelow(last, Duration.toMillis(Duration.minutes(30)))
        assert.deepStrictEqual(changesOf(platform), ["CLOSED"])
      }),
    90_000
  )
}

it.effect("an undocumented code for everybody opens no circuit either, as long as the platform answers its probe", () =>
  Effect.gen(function* () {
    const platform = fakePlatform(() => Effect.succeed(undocumented))
    const task = yield* openTask(platform, 1)
    const done = yield* within(task.step(batchOf(names("odd", 20))), Duration.minutes(10))
    assert.strictEqual(Object.keys(done?.retries ?? {}).length, 20)
    assert.deepStrictEqual(changesOf(platform), ["CLOSED"])
  })
)

it.effect(
  "of a batch with an undocumented answer the event that causes it is found, and the others are delivered",
  () =>
    Effect.gen(function* () {
      const platform = fakePlatform(({ ids, path }) =>
        Effect.succeed(path === "probe" ? invalidProbe : ids.includes("e37") ? undocumented : respond(ok))
      )
      const task = yield* openTask(platform, 100)
      const done = yield* within(task.step(batchOf(names("e", 100))), Duration.minutes(10))
      assert.deepStrictEqual(Object.keys(done?.retries ?? {}), ["e37"])
      assert.strictEqual(Object.values(done?.outcomes ?? {}).filter((outcome) => outcome === "delivered").length, 99)
      assert.isAtMost(platform.asked.length, 4 + 1 + 2 * Math.ceil(Math.log2(100)))
    })
)

const account: ReadonlyArray<readonly [string, ReturnType<typeof respond>, string]> = [
  ["refuses the credential", respond(unauthorized, 401), "CLOSED paused"],
  ["fails", respond(down, 503), "OPEN paused"]
]
for (const [trouble, probed, state] of account) {
  it.effect(`where the probe ${trouble} as well, the events wait for the account`, () =>
    Effect.gen(function* () {
      let isWell = false
      const platform = fakePlatform(({ path }) =>
        Effect.succeed(isWell ? respond(ok) : path === "probe" ? probed : undocumented)
      )
      const task = yield* openTask(platform, 1)
      const step = yield* Effect.forkChild(task.step(batchOf(names("e", 4))))
      for (let second = 0; second < 120; second++) yield* TestClock.adjust("1 second")
      assert.include(statesOf(platform), state)
      assert.isUndefined(step.pollUnsafe())
      isWell = true
      for (let second = 0; second < 1200 && step.pollUnsafe() === undefined; second++)
        yield* TestClock.adjust("1 second")
      const done = readStep(yield* Fiber.join(step))
      assert.deepStrictEqual(new Set(Object.values(done.outcomes)), new Set(["delivered"]))
    })
  )
}

it.effect("answers that are not in the platform's form open the circuit: it is not known who answers", () =>
  Effect.gen(function* () {
    const platform = fakePlatform(() => Effect.succeed(garbled))
    const step = yield* Effect.forkChild((yield* openTask(platform, 1)).step(batchOf(names("e", 8))))
    for (let second = 0; second < 60; second++) yield* TestClock.adjust("1 second")
    assert.include(statesOf(platform), "OPEN paused")
    yield* Fiber.interrupt(step)
  })
)

it.effect("where the named events are gone and the rest is refused again, the rest is bisected", () =>
  Effect.gen(function* () {
    const bad: EventVerdict = verdict("invalid_event", "100")
    const platform = fakePlatform(({ ids }) => {
      const named = ids.indexOf("e1")
      if (named >= 0)
        return Effect.succeed(
          respond({ ...verdictMeta, _tag: "InvalidEvents", invalidEvents: new Map([[named, bad]]) }, 400)
        )
      return Effect.succeed(
        ids.includes("e6") ? respond({ ...verdictMeta, _tag: "SomeInvalid", verdict: bad }, 400) : respond(ok)
      )
    })
    const done = readStep(yield* (yield* openTask(platform, 100)).step(batchOf(names("e", 8))))
    assert.deepStrictEqual(Object.keys(done.deadLetters).sort(), ["e1", "e6"])
    assert.strictEqual(Object.values(done.outcomes).filter((outcome) => outcome === "delivered").length, 6)
    assert.deepStrictEqual(
      platform.asked.slice(0, 3).map(({ ids }) => ids.length),
      [8, 7, 3]
    )
  })
)
