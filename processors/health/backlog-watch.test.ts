import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as TestClock from "effect/testing/TestClock"
import { KafkaClient } from "../../shared/kafka/client.ts"
import { headerNames } from "../../shared/model/topics.ts"
import { positionRecord } from "../../shared/runtime/positions.ts"
import { makeMemoryCodecs, memoryCodecs } from "../../shared/testing/memory-codecs.ts"
import { MemoryKafka } from "../../shared/testing/memory-kafka.ts"
import { withWallClock } from "../../shared/testing/wall-clock.ts"
import { mappedEvent } from "../delivery/engine/testing.ts"
import { agePercentOf } from "./backlog.ts"
import { measureBacklog, watchBacklog } from "./backlog-watch.ts"

const codecs = makeMemoryCodecs()
const now = 1_795_424_000_000
const day = 86_400_000

interface Options {
  readonly held?: ReadonlySet<string>
}

/** Two accounts of a platform that share its topics of one partition; `read` counts the records that the watch reads. */
const start = (options: Options = {}) =>
  Effect.gen(function* () {
    yield* TestClock.setTime(now)
    const kafka = new MemoryKafka()
    for (const topic of ["mapped-events.meta", "delivery-retry.meta", "delivery-positions"]) kafka.log.create(topic, 1)
    let recordsRead = 0
    let looks = 0
    const counting: typeof kafka.client.read = (reading) =>
      kafka.client.read({
        ...reading,
        onRecords: (records) => {
          if (reading.topic !== "delivery-positions") recordsRead += records.length
          return reading.onRecords(records)
        }
      })
    const topicOffsets: typeof kafka.client.topicOffsets = (topic) => {
      if (topic === "mapped-events.meta") looks++
      return kafka.client.topicOffsets(topic)
    }
    const client = Layer.succeed(KafkaClient, { ...kafka.client, read: counting, topicOffsets })
    const services = Layer.merge(client, memoryCodecs)
    const measured: Parameters<typeof measureBacklog>[0] = {
      connections: [
        { id: "eu", platform: "meta" },
        { id: "us", platform: "meta" }
      ],
      prefix: "",
      isHeld: (id) => options.held?.has(id) === true
    }
    const measure = yield* measureBacklog(measured)
    const watch = (onChange: () => void) =>
      Effect.map(watchBacklog({ ...measured, isActive: () => true, onChange }), (one) => ({
        ...one,
        watch: Effect.provide(one.watch, services)
      }))
    const map = (connection: string, eventTime: number, topic = "mapped-events.meta") =>
      kafka.client.produce([
        {
          topic,
          key: "e",
          value: codecs.encode(
            "mapped-events.meta",
            "mapped-event",
            mappedEvent("e", { connection_id: connection, event_time: eventTime, deadline: eventTime + 7 * day })
          ),
          headers: { [headerNames.connection]: connection }
        }
      ])
    const at = (connection: string, next: number, topic = "mapped-events.meta") =>
      kafka.client.produce([positionRecord(`delivery-meta.${connection}`, topic, 0, { next, groupOffset: null })])
    return { map, at, watch, measure: Effect.provide(measure, services), read: () => recordsRead, looks: () => looks }
  })

describe("what waits for a connection", () => {
  it.effect("is counted behind its position, with the event that expires first", () =>
    Effect.gen(function* () {
      const { map, at, measure } = yield* start({ held: new Set(["eu"]) })
      for (const daysAgo of [1, 3, 2]) yield* map("eu", now - daysAgo * day)
      yield* map("us", now - 6 * day)
      yield* at("eu", 1)
      yield* at("us", 4)
      const found = yield* measure
      assert.deepInclude(found.get("eu"), { events: 2, isMinimum: false, since: now, newSince: now })
      assert.deepStrictEqual(found.get("eu")?.urgent, { eventTime: now - 3 * day, expiresAt: now + 4 * day })
      assert.strictEqual(Math.round(agePercentOf(found.get("eu")!, now)!), 43)
      assert.strictEqual(found.get("us")?.events, 0)
    })
  )

  it.effect("costs no reading while a connection keeps up, however many events there are", () =>
    Effect.gen(function* () {
      const { map, at, measure, read } = yield* start()
      for (let offset = 0; offset < 500; offset++) yield* map("eu", now)
      yield* at("eu", 0)
      yield* at("us", 500)
      assert.strictEqual((yield* measure).get("eu")?.events, 0)
      assert.strictEqual(read(), 0)
      yield* TestClock.adjust("11 seconds")
      assert.strictEqual((yield* measure).get("eu")?.events, 500)
      assert.strictEqual((yield* measure).get("eu")?.events, 500)
      assert.strictEqual(read(), 500)
    })
  )

  it.effect("is counted in time where the clock was set back, and waits from then on", () =>
    withWallClock((wall) =>
      Effect.gen(function* () {
        const { map, at, measure } = yield* start()
        yield* map("eu", now)
        yield* at("eu", 0)
        wall.aheadMillis = -day
        assert.strictEqual((yield* measure).get("eu")?.events, 0)
        yield* TestClock.adjust("9 seconds")
        assert.strictEqual((yield* measure).get("eu")?.events, 0)
        yield* TestClock.adjust("1 second")
        assert.deepInclude((yield* measure).get("eu"), { events: 1, since: now - day + 10_000 })
        yield* TestClock.adjust("1 minute")
        assert.deepInclude((yield* measure).get("eu"), { events: 1, since: now - day + 10_000 })
      })
    )
  )

  it.effect("gets less as the connection works it off, and a replay is counted from its beginning", () =>
    Effect.gen(function* () {
      const { map, at, measure } = yield* start({ held: new Set(["eu"]) })
      for (let offset = 0; offset < 1_000; offset++) yield* map("eu", now)
      yield* at("eu", 600)
      assert.strictEqual((yield* measure).get("eu")?.events, 400)
      yield* at("eu", 300)
      assert.strictEqual((yield* measure).get("eu")?.events, 700)
      yield* at("eu", 1_000)
      assert.strictEqual((yield* measure).get("eu")?.events, 0)
      yield* at("eu", 100)
      assert.strictEqual((yield* measure).get("eu")?.events, 900)
    })
  )

  it.effect("includes delayed retries, which are no sign of a delivery that stalls", () =>
    Effect.gen(function* () {
      const { map, measure } = yield* start()
      yield* map("us", now - day, "delivery-retry.meta")
      yield* TestClock.adjust("11 seconds")
      assert.deepInclude((yield* measure).get("us"), { events: 1, since: now, newSince: null })
    })
  )

  it.effect("is all that there is for a connection whose delivery never ran", () =>
    Effect.gen(function* () {
      const { map, measure } = yield* start()
      yield* map("us", now)
      yield* TestClock.adjust("11 seconds")
      assert.deepInclude((yield* measure).get("us"), { events: 1, newSince: now })
    })
  )

  it.effect("is read bit by bit where it is long, and said to be more until all is counted", () =>
    Effect.gen(function* () {
      const { map, measure } = yield* start({ held: new Set(["eu"]) })
      for (let offset = 0; offset < 50_100; offset++) yield* map("eu", now)
      assert.deepInclude((yield* measure).get("eu"), { events: 50_000, isMinimum: true })
      assert.deepInclude((yield* measure).get("eu"), { events: 50_100, isMinimum: false })
    })
  )
})

describe("the watch of what waits", () => {
  /** Looks within so many seconds. */
  const within = Effect.fnUntraced(function* (seconds: number, looks: () => number) {
    const before = looks()
    for (let second = 0; second < seconds; second++) {
      yield* Effect.repeat(Effect.yieldNow, { times: 50 })
      yield* TestClock.adjust("1 second")
    }
    yield* Effect.repeat(Effect.yieldNow, { times: 50 })
    return looks() - before
  })

  it.effect("looks seldom while nothing is behind, finds what stays in time, and says so at once", () =>
    Effect.gen(function* () {
      const { looks, map, watch } = yield* start()
      let changes = 0
      const { found, watch: forever } = yield* watch(() => changes++)
      assert.isNull(found())
      yield* Effect.forkScoped(forever)
      yield* within(2, looks)
      // What waits is known now.
      assert.strictEqual(changes, 1)
      assert.strictEqual(yield* within(30, looks), 2)
      assert.strictEqual(changes, 1)
      yield* map("us", now)
      yield* within(15, looks)
      assert.strictEqual(found()?.get("us")?.events, 1)
      assert.strictEqual(changes, 2)
      assert.isAtLeast(yield* within(10, looks), 9)
    }).pipe(Effect.scoped)
  )

  it.effect("looks more often while a connection is held", () =>
    Effect.gen(function* () {
      const { looks, map, watch } = yield* start({ held: new Set(["eu"]) })
      const { found, watch: forever } = yield* watch(() => undefined)
      yield* Effect.forkScoped(forever)
      yield* within(2, looks)
      assert.strictEqual(yield* within(15, looks), 3)
      yield* map("eu", now)
      yield* within(5, looks)
      assert.strictEqual(found()?.get("eu")?.events, 1)
    }).pipe(Effect.scoped)
  )
})
