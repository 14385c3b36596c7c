/** How a connection's limiter and batch size follow what the platform and this instance's partitions say. */
import { assert, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as PrometheusMetrics from "effect/observability/PrometheusMetrics"
import * as TestClock from "effect/testing/TestClock"
import { Codecs } from "../../../shared/codec/codecs.ts"
import type { BatchVerdict, Connector } from "../../../shared/connectors/connector.ts"
import { uniformVerdict, verdictMeta } from "../../../shared/connectors/verdicts.ts"
import { openPartition } from "../../../shared/testing/run-batches.ts"
import { type DeliverySettings, deliveryDefaults, limitsOf, rateOf } from "./settings.ts"
import {
  codecs,
  connection,
  connectorWith,
  type FakePlatform,
  fakePlatform,
  limits,
  mappedEvent,
  ok,
  processorOver,
  recordsOfEvents,
  respond,
  strictCodecs,
  unauthorized,
  verdict
} from "./testing.ts"

const one = { ...limits, eventsPerRequest: 1, concurrency: 1 }
const oneByOne = connectorWith({ limits: { documented: one, specification: one } })
const events = (count: number) => Array.from({ length: count }, (_, index) => mappedEvent(`e${index}`))

const open = (platform: FakePlatform, connector: Connector, settings: Partial<DeliverySettings> = {}) =>
  Effect.map(
    processorOver({ connector, connection, settings: { ...deliveryDefaults, ...settings }, services: platform }),
    (processor) => (partition: number) =>
      Effect.map(processor.open({ topic: "mapped-events.meta", partition }), (task) => ({
        /** Delivers the events and gives the virtual seconds that it took. */
        timed: (batch: ReadonlyArray<ReturnType<typeof mappedEvent>>) =>
          Effect.gen(function* () {
            const begun = yield* Clock.currentTimeMillis
            const records = recordsOfEvents(batch)
            const step = yield* Effect.forkChild(task.step({ topic: "mapped-events.meta", partition, records }))
            for (let waited = 0; waited < 36_000 && step.pollUnsafe() === undefined; waited++)
              yield* TestClock.adjust("100 millis")
            yield* Fiber.join(step)
            return ((yield* Clock.currentTimeMillis) - begun) / 1000
          })
      }))
  ).pipe(Effect.provide(Layer.sync(Codecs, strictCodecs)))

const openTask = (platform: FakePlatform) =>
  Effect.map(
    processorOver({ connector: connectorWith(), connection, settings: deliveryDefaults, services: platform }),
    (processor) => (partition: number) => openPartition(processor, { topic: "mapped-events.meta", partition })
  ).pipe(Effect.provide(Layer.sync(Codecs, strictCodecs)))

it.effect("is slowed by the usage that the platform reports, before it refuses", () =>
  Effect.gen(function* () {
    const busy: BatchVerdict = { ...ok, usagePercent: 95 }
    const calm = yield* (yield* open(
      fakePlatform(() => Effect.succeed(respond(ok))),
      oneByOne
    ))(0)
    const slowed = yield* (yield* open(
      fakePlatform(() => Effect.succeed(respond(busy))),
      oneByOne
    ))(0)
    // The burst of 100 is gone at once; the rest comes at 10 a second, or at a fifth of it.
    assert.closeTo(yield* calm.timed(events(150)), 5, 1)
    assert.isAbove(yield* slowed.timed(events(150)), 20)
  })
)

it.effect("has the part of the connection's rate that its partitions are of all", () =>
  Effect.gen(function* () {
    let partitionsTotal = 4
    const platform = {
      ...fakePlatform(() => Effect.succeed(respond(ok))),
      partitionsTotal: Effect.sync(() => partitionsTotal)
    }
    const openPartition = yield* open(platform, oneByOne)
    const quarter = yield* openPartition(0)
    // A burst of 25, then 2.5 a second.
    assert.closeTo(yield* quarter.timed(events(50)), 10, 1)
    yield* openPartition(1)
    // No burst is left; 5 a second.
    assert.closeTo(yield* quarter.timed(events(50)), 10, 1)
    // Partitions were added meanwhile: three of twelve.
    partitionsTotal = 12
    yield* openPartition(2)
    assert.closeTo(yield* quarter.timed(events(25)), 10, 1)
  })
)

it.effect("catches up at a capped rate, oldest deadline first, when a refused credential works again", () =>
  Effect.gen(function* () {
    const clock = yield* Clock.Clock
    const seconds = () => clock.currentTimeMillisUnsafe() / 1000
    const sent: Array<readonly [string, number]> = []
    const platform = fakePlatform(
      (asked) =>
        Effect.sync(() => {
          if (asked.token === "old") return respond(unauthorized, 401)
          if (asked.path === "events") sent.push([asked.ids[0] ?? "", seconds()])
          return respond(ok)
        }),
      () => (seconds() < 60 ? "old" : "new")
    )
    const task = yield* (yield* open(platform, oneByOne))(0)
    const late = [...events(40)].map((event, index) => ({ ...event, deadline: 10_000_000 - index }))
    yield* task.timed(late)
    // The one whose probe was refused goes when it can; the others by their deadlines.
    const order = sent.map(([id]) => Number(id.slice(1))).filter((index) => index !== 39)
    assert.deepStrictEqual(
      order,
      order.toSorted((left, right) => right - left)
    )
    const [first, last] = [sent[1]?.[1] ?? 0, sent.at(-1)?.[1] ?? 0]
    // A quarter of 10 a second at first, growing to the whole over a minute; a burst of 100 would take no time.
    assert.isAbove(last - first, 8)
    assert.isBelow(last - first, 16)
  })
)

it.effect("finds the best batch size of a platform whose latency curve is scripted, and uses it", () =>
  Effect.gen(function* () {
    const large = { ...limits, eventsPerRequest: 1000, concurrency: 1 }
    const sizes: Array<number> = []
    // Cheap up to 300 events, then ever dearer.
    const curve = (size: number) => 100 + size * 0.2 + Math.max(0, size - 300) ** 2 * 0.05
    const platform = fakePlatform((asked) =>
      Effect.sync(() => void sizes.push(asked.ids.length)).pipe(
        Effect.andThen(Effect.sleep(Duration.millis(Math.round(curve(asked.ids.length))))),
        Effect.as(respond(ok))
      )
    )
    const requestsWhereUndocumented = { tokens: 10_000, perSecond: 10_000 }
    const task = yield* (yield* open(platform, connectorWith({ limits: { documented: large, specification: large } }), {
      requestsWhereUndocumented
    }))(0)
    for (let batch = 0; batch < 40; batch++) yield* task.timed(events(1000))
    assert.strictEqual(sizes[0], 1000)
    const largest = Math.max(...sizes.slice(-10))
    assert.isAtLeast(largest, 200)
    assert.isAtMost(largest, 450)
    const text = yield* PrometheusMetrics.format()
    assert.match(text, /capi_delivery_batch_improvement_percent\{[^}]*\} [1-9]/)
  })
)

it.effect("compares what the platform says it received with what counts as taken, and says so in each result", () =>
  Effect.gen(function* () {
    const short = uniformVerdict(
      { ...verdictMeta, eventsReceived: 40, warnings: ["Received 40 of 50."] },
      verdict("delivered")
    )
    const logged: Array<string> = []
    const logger = Logger.layer([Logger.make(({ message }) => void logged.push(String(message)))])
    const platform = fakePlatform(() => Effect.succeed(respond(short)))
    const task = yield* (yield* openTask(platform))(0)
    const run = task.step({ topic: "mapped-events.meta", partition: 0, records: recordsOfEvents(events(50)) })
    const step = yield* Effect.provide(Effect.andThen(run, run), logger)
    const text = yield* PrometheusMetrics.format()
    const figure = (name: string) =>
      Number(new RegExp(`^${name}\\{[^}]*connection="shop"[^}]*\\} (\\S+)`, "m").exec(text)?.[1])
    const lost = figure("capi_delivery_events_sent_total") - figure("capi_delivery_events_received_total")
    assert.strictEqual(lost, 20)
    assert.isAtLeast(figure("capi_delivery_batch_fill_ratio_count"), 1)
    const messages = step.outputs.map(({ value }) => {
      const log = codecs.decode("event-delivery-log", value)
      return log._tag === "Decoded" ? log.value.error_message : null
    })
    assert.deepStrictEqual(
      [...new Set(messages)],
      ["The platform says that it received 40 of the 50 events that it took."]
    )
    // Once an hour, however often the platform says it.
    assert.strictEqual(logged.filter((line) => line.includes("The platform warns.")).length, 1)
  })
)

it.effect("an event that the platform refused by name is not missing from what it received", () =>
  Effect.gen(function* () {
    const partly: BatchVerdict = {
      ...verdictMeta,
      _tag: "PerEvent",
      eventsReceived: 1,
      events: [verdict("delivered"), verdict("invalid_event", "BAD")]
    }
    const task = yield* (yield* openTask(fakePlatform(() => Effect.succeed(respond(partly)))))(0)
    const step = yield* task.step({
      topic: "mapped-events.meta",
      partition: 0,
      records: recordsOfEvents(events(2))
    })
    const messages = step.outputs.flatMap(({ topic, value }) => {
      const log = topic === "delivery-results" ? codecs.decode("event-delivery-log", value) : null
      return log?._tag === "Decoded" ? [log.value.error_message] : []
    })
    assert.deepStrictEqual(messages, [null, "BAD"])
  })
)

it("takes the profile's limits and the connection's own, one by one", () => {
  const documented = { ...limits, eventsPerRequest: 1000, requestsPerWindow: 600 }
  const specification = { ...limits, eventsPerRequest: 500, eventsPerWindow: 600 }
  const connector = connectorWith({ limits: { documented, specification } })
  const withLimits = (own: Partial<typeof connection.limits>) =>
    limitsOf(connector, { ...connection, limits: { ...connection.limits, ...own } })
  assert.deepStrictEqual(withLimits({}), documented)
  assert.deepStrictEqual(withLimits({ profile: "specification" }), specification)
  assert.deepStrictEqual(withLimits({ profile: "specification", eventsPerRequest: 7 }), {
    ...specification,
    eventsPerRequest: 7
  })
  assert.deepStrictEqual(rateOf(documented, deliveryDefaults).requests, { tokens: 600, perSecond: 10 })
  assert.deepStrictEqual(rateOf(specification, deliveryDefaults).requests, { tokens: 100, perSecond: 10 })
  assert.deepStrictEqual(rateOf(specification, deliveryDefaults).events, { tokens: 600, perSecond: 10 })
})
