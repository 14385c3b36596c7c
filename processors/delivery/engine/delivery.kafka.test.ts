/** The engine on the real broker: results and offsets are one transaction, and intents outlive a crash. */
import { assert, layer } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import { Codecs } from "../../../shared/codec/codecs.ts"
import type { Connector } from "../../../shared/connectors/connector.ts"
import { KafkaClient } from "../../../shared/kafka/client.ts"
import { layerKafka } from "../../../shared/kafka/kafkajs/adapter.ts"
import { layerRuntimeOptions } from "../../../shared/runtime/contract.ts"
import { run } from "../../../shared/runtime/runtime.ts"
import { readAll } from "../../../shared/testing/kafka-probe.ts"
import { testBrokers, uniquePrefix } from "../../../tests/harness/test-services.ts"
import { waitUntil } from "../../../tests/harness/wait-until.ts"
import { deliveryDefaults } from "./settings.ts"
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
  someInvalid,
  strictCodecs
} from "./testing.ts"

const layerTest = Layer.merge(
  layerKafka({ brokers: testBrokers(), sessionTimeoutMillis: 6_000 }),
  Layer.sync(Codecs, strictCodecs)
)
const partitions = 2
const topics = [
  "mapped-events.meta",
  "delivery-retry.meta",
  "delivery-results",
  "dead-letters",
  "send-intents",
  "pending-outcomes",
  "connector-state",
  "delivery-refusals"
]

const createTopics = (prefix: string) =>
  KafkaClient.use((client) =>
    client.createTopics(topics.map((topic) => ({ name: prefix + topic, partitions, replication: 1, config: {} })))
  )

const publish = (prefix: string, ids: ReadonlyArray<string>) =>
  KafkaClient.use((client) =>
    client.produce(
      recordsOfEvents(ids.map((id) => mappedEvent(id))).map(({ key, value, headers }) => ({
        topic: `${prefix}mapped-events.meta`,
        key,
        value,
        headers
      }))
    )
  )

const deliverFrom = (prefix: string, platform: FakePlatform, connector: Connector) =>
  Effect.scoped(
    Effect.flatMap(
      processorOver({
        connector,
        connection,
        settings: deliveryDefaults,
        services: { ...platform, partitionsTotal: Effect.succeed(4) }
      }),
      run
    )
  ).pipe(Effect.provide(layerRuntimeOptions({ prefix, drainTimeout: Duration.millis(500) })))

/** Each event's outcomes, in the order of their results. */
const outcomes = (prefix: string) =>
  Effect.map(readAll(`${prefix}delivery-results`), (records) => {
    const found = new Map<string, Array<string>>()
    for (const { value } of records) {
      const decoded = codecs.decode("event-delivery-log", value)
      if (decoded._tag !== "Decoded") continue
      const { event_id, outcome } = decoded.value
      found.set(event_id, [...(found.get(event_id) ?? []), outcome])
    }
    return found
  })

const untilOutcomes = (prefix: string, count: number) =>
  Effect.flatMap(Effect.context<KafkaClient>(), (context) =>
    Effect.promise(() =>
      waitUntil(`${count} results`, () =>
        Effect.runPromiseWith(context)(Effect.map(outcomes(prefix), (found) => found.size >= count))
      )
    )
  )

layer(layerTest, { excludeTestServices: true })("delivery on Kafka", (it) => {
  it.effect("gives each event one result, and a dead letter to the one that the platform refuses", () =>
    Effect.gen(function* () {
      const prefix = uniquePrefix("delivery")
      yield* createTopics(prefix)
      const ids = Array.from({ length: 500 }, (_, index) => `e${index}`)
      yield* publish(prefix, ids)
      const taken: Array<string> = []
      const platform = fakePlatform((asked) =>
        Effect.sync(() => {
          if (asked.ids.includes("e250")) return respond(someInvalid, 400)
          taken.push(...asked.ids)
          return respond(ok)
        })
      )
      const running = yield* Effect.forkChild(deliverFrom(prefix, platform, connectorWith()))
      yield* untilOutcomes(prefix, 500)
      yield* Fiber.interrupt(running)
      const found = yield* outcomes(prefix)
      for (const id of ids) assert.deepStrictEqual(found.get(id), [id === "e250" ? "rejected" : "delivered"])
      assert.strictEqual(taken.length, 499)
      assert.strictEqual((yield* readAll(`${prefix}dead-letters`)).length, 1)
    })
  )

  it.effect("a message that hung when its process ended is unknown to the next one, and no message is sent twice", () =>
    Effect.gen(function* () {
      const prefix = uniquePrefix("intents")
      yield* createTopics(prefix)
      const ids = Array.from({ length: 20 }, (_, index) => `m${index}`)
      yield* publish(prefix, ids)
      const single = { ...limits, eventsPerRequest: 1 }
      const connector = connectorWith({
        idempotent: false,
        limits: { documented: single, specification: single }
      })
      const sent: Array<string> = []
      const platform = (hanging: string | null) =>
        fakePlatform((asked) =>
          Effect.suspend(() => {
            sent.push(...asked.ids)
            return asked.ids[0] === hanging ? Effect.never : Effect.succeed(respond(ok))
          })
        )
      const first = yield* Effect.forkChild(deliverFrom(prefix, platform("m7"), connector))
      yield* Effect.promise(() => waitUntil("m7 is sent", () => sent.includes("m7")))
      yield* Fiber.interrupt(first)
      const second = yield* Effect.forkChild(deliverFrom(prefix, platform(null), connector))
      yield* untilOutcomes(prefix, 20)
      yield* Fiber.interrupt(second)
      const found = yield* outcomes(prefix)
      assert.deepStrictEqual(found.get("m7"), ["unknown"])
      for (const id of ids) assert.strictEqual(found.get(id)?.length, 1)
      assert.strictEqual(new Set(sent).size, sent.length)
      // Its intent was written when the first process ended, before its request: whether it was sent is not known either.
      for (const id of ids) if (!sent.includes(id)) assert.deepStrictEqual(found.get(id), ["unknown"])
    })
  )
})
