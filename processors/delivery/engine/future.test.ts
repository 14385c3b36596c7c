import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as TestClock from "effect/testing/TestClock"
import { Codecs } from "../../../shared/codec/codecs.ts"
import { DecidedConnections } from "../../../shared/ledger/decided-connections.ts"
import { Ledger } from "../../../shared/ledger/ledger.ts"
import type { Inbound, Outbound } from "../../../shared/runtime/contract.ts"
import { openPartition } from "../../../shared/testing/run-batches.ts"
import { deliveryDefaults } from "./settings.ts"
import {
  codecs,
  connection,
  connectorWith,
  type FakePlatform,
  fakePlatform,
  mappedEvent,
  ok,
  processorOver,
  readStep,
  recordsOfEvents,
  respond,
  strictCodecs
} from "./testing.ts"

const now = Date.UTC(2026, 10, 28)
const minute = 60_000
const mapped = { topic: "mapped-events.meta", partition: 0 }
const retry = { topic: "delivery-retry.meta", partition: 0 }

const platform = () => fakePlatform(() => Effect.succeed(respond(ok)))
const open = (services: FakePlatform, at = mapped) =>
  Effect.flatMap(
    processorOver({ connector: connectorWith(), connection, settings: deliveryDefaults, services }),
    (processor) => openPartition(processor, at)
  ).pipe(Effect.provide(Layer.sync(Codecs, strictCodecs)))
const aheadBy = (id: string, millis: number) => mappedEvent(id, { event_time: now + millis })
const batch = (events: ReadonlyArray<ReturnType<typeof mappedEvent>>) => ({
  ...mapped,
  records: recordsOfEvents(events)
})
const sent = (services: FakePlatform) =>
  services.asked.filter(({ path }) => path === "events").flatMap(({ ids }) => ids)

it.effect("sends nothing further ahead than a minute, and holds up nothing beside it", () =>
  Effect.gen(function* () {
    yield* TestClock.setTime(now)
    const services = platform()
    const task = yield* open(services)
    const events = [
      aheadBy("past", -1),
      aheadBy("near", minute),
      aheadBy("far", minute + 1),
      aheadBy("day", 86_400_000)
    ]
    const done = readStep(yield* task.step(batch(events)))
    assert.sameMembers(sent(services), ["past", "near"])
    const held = "retry_scheduled:event_time_in_future"
    assert.deepStrictEqual(done.outcomes, { past: "delivered", near: "delivered", far: held, day: held })
    assert.deepStrictEqual(done.deadLetters, {})
    assert.deepStrictEqual(
      Object.values(done.retries).map(({ event_id, not_before, attempts }) => [event_id, not_before, attempts]),
      [
        ["far", now + 1, 0],
        ["day", now + 86_400_000 - minute, 0]
      ]
    )
  })
)

it.effect("does not make the mapped events behind it wait, though the batch holds nothing else", () =>
  Effect.gen(function* () {
    yield* TestClock.setTime(now)
    const task = yield* open(platform())
    // Were it to wait, this would never end: the clock does not move.
    const done = readStep(yield* task.step(batch([aheadBy("far", 600_000)])))
    assert.deepStrictEqual(Object.keys(done.retries), ["far"])
  })
)

const inbound = (outputs: ReadonlyArray<Outbound>, topic: string): ReadonlyArray<Inbound> =>
  outputs
    .filter((output) => output.topic === topic)
    .map(({ key, value, headers }, offset) => ({
      topic,
      partition: 0,
      offset,
      timestamp: now,
      key: Buffer.from(key ?? ""),
      value,
      headers: headers ?? {}
    }))

it.effect("sends it when it is due, once, and in flight until then for the ledger", () =>
  Effect.gen(function* () {
    yield* TestClock.setTime(now)
    const services = platform()
    const first = yield* (yield* open(services)).step(batch([aheadBy("far", minute + 10_000)]))
    const source = { topic: "raw-events", partition: 0, offset: 0, timestamp: 0 }
    const ledger = new Ledger(new Map([["shop", "enabled"]]), new DecidedConnections(), 10)
    ledger.advance({
      normalizer: new Map([[0, 1]]),
      mapper: new Map([[0, 1]]),
      deliveries: new Map([["shop", new Map([[0, 1]])]]),
      retries: new Map([["shop", new Map([[0, 0]])]])
    })
    ledger.raw(source)
    ledger.normalized(source, "far", source)
    ledger.mapped(source, "shop", source)
    const take = (outputs: ReadonlyArray<Outbound>) => {
      for (const { topic, value } of outputs) {
        const decoded = topic === "delivery-results" ? codecs.decode("event-delivery-log", value) : null
        if (decoded?._tag === "Decoded") ledger.result(source, "shop", decoded.value)
        if (topic === retry.topic) ledger.retried(source, "shop", "far", { partition: 0, offset: 0 })
      }
    }
    take(first.outputs)
    assert.deepStrictEqual(ledger.missing(), [])

    const records = inbound(first.outputs, retry.topic)
    const waiting = yield* Effect.forkChild((yield* open(services, retry)).step({ ...retry, records }))
    yield* TestClock.adjust("9 seconds")
    assert.deepStrictEqual(sent(services), [])
    yield* TestClock.adjust("1 second")
    const second = yield* Fiber.join(waiting)
    assert.deepStrictEqual(sent(services), ["far"])
    assert.deepStrictEqual(readStep(second).outcomes, { far: "delivered" })
    take(second.outputs)
    assert.strictEqual(ledger.settled, 1)
  })
)
