/** Partitions are added to every topic after messages were sent: no message goes twice, whoever has it then. */

import { assert, layer } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import { Codecs } from "../../../shared/codec/codecs.ts"
import { KafkaClient } from "../../../shared/kafka/client.ts"
import { layerKafka } from "../../../shared/kafka/kafkajs/adapter.ts"
import { layerRuntimeOptions } from "../../../shared/runtime/contract.ts"
import { type RuntimeEvent, RuntimeObserver } from "../../../shared/runtime/metrics.ts"
import { run } from "../../../shared/runtime/runtime.ts"
import { committedOffsets, readAll, until } from "../../../shared/testing/kafka-probe.ts"
import { testBrokers, uniquePrefix } from "../../../tests/harness/test-services.ts"
import { deliveryDefaults } from "./settings.ts"
import {
  codecs,
  connection,
  fakePlatform,
  mappedEvent,
  ok,
  processorOver,
  recordsOfEvents,
  respond,
  strictCodecs,
  unrepeatable
} from "./testing.ts"

const layerTest = Layer.merge(
  layerKafka({ brokers: testBrokers(), sessionTimeoutMillis: 6_000 }),
  Layer.sync(Codecs, strictCodecs)
)
const grownTopics = ["mapped-events.meta", "delivery-retry.meta", "send-intents", "pending-outcomes"]
const topics = [...grownTopics, "delivery-results", "dead-letters", "connector-state"]
const settings = { ...deliveryDefaults, linger: Duration.millis(5) }

const makeHarness = Effect.gen(function* () {
  const client = yield* KafkaClient
  const prefix = uniquePrefix("partitions")
  yield* client.createTopics(
    topics.map((topic) => ({ name: prefix + topic, partitions: 4, replication: 1, config: {} }))
  )
  const sent: Array<string> = []
  const services = fakePlatform((asked) =>
    Effect.sync(() => {
      sent.push(...asked.ids)
      return respond(ok)
    })
  )
  const publish = (ids: ReadonlyArray<string>) =>
    client.produce(
      recordsOfEvents(ids.map((id) => mappedEvent(id))).map(({ key, value, headers }) => ({
        topic: `${prefix}mapped-events.meta`,
        key,
        value,
        headers
      }))
    )
  const events: Array<RuntimeEvent> = []
  const layerRuntime = Layer.merge(
    layerRuntimeOptions({ prefix, drainTimeout: Duration.seconds(2), reopenDelayMax: Duration.seconds(2) }),
    Layer.succeed(RuntimeObserver, (event) => void events.push(event))
  )
  const deliver = Effect.scoped(
    Effect.flatMap(processorOver({ connector: unrepeatable, connection, settings, services }), run)
  ).pipe(Effect.provide(layerRuntime), Effect.forkChild)
  const settled = until("every record is committed", () =>
    Effect.gen(function* () {
      for (const topic of ["mapped-events.meta", "delivery-retry.meta"]) {
        const ends = yield* client.topicOffsets(prefix + topic)
        const committed = yield* committedOffsets(client, `${prefix}delivery-meta.shop`, prefix + topic)
        if (ends.some(({ partition, high }) => high > 0 && high !== committed[partition]?.offset)) return false
      }
      return true
    })
  )
  const outcomes = Effect.map(readAll(`${prefix}delivery-results`), (records) =>
    records.map(({ value }) => {
      const decoded = codecs.decode("event-delivery-log", value)
      return decoded._tag === "Decoded" ? `${decoded.value.outcome} ${decoded.value.reason_code}` : "?"
    })
  )
  const addPartitions = client.addPartitions(
    grownTopics.map((topic) => prefix + topic),
    6
  )
  return { client, prefix, events, sent, publish, deliver, settled, outcomes, addPartitions }
})

const idsOf = (name: string, count: number) => Array.from({ length: count }, (_, index) => `${name}${index}`)
const repeats = (count: number) => Array.from({ length: count }, () => "skipped duplicate")

layer(layerTest, { excludeTestServices: true })("delivery after partitions were added", (it) => {
  it.effect("sends none of what was sent before", () =>
    Effect.gen(function* () {
      const { sent, publish, deliver, settled, outcomes, addPartitions } = yield* makeHarness
      const ids = idsOf("m", 60)
      const first = yield* deliver
      yield* publish(ids)
      yield* settled
      yield* Fiber.interrupt(first)
      assert.strictEqual((yield* addPartitions).length, 4)
      // As a replay of the mapper writes them: by key, to other partitions than before.
      yield* publish(ids)
      const second = yield* deliver
      yield* settled
      yield* Fiber.interrupt(second)
      assert.deepStrictEqual([...sent].sort(), [...ids].sort())
      assert.deepStrictEqual(
        (yield* outcomes).filter((outcome) => outcome.startsWith("skipped")),
        repeats(60)
      )
    })
  )

  it.effect("sends once what waited in the old partitions and came again in the new ones", () =>
    Effect.gen(function* () {
      const { sent, publish, deliver, settled, addPartitions } = yield* makeHarness
      const ids = idsOf("w", 60)
      yield* publish(ids)
      yield* addPartitions
      yield* publish(ids)
      const first = yield* deliver
      yield* settled
      yield* Fiber.interrupt(first)
      assert.deepStrictEqual([...sent].sort(), [...ids].sort())
    })
  )

  it.effect("waits, and sends nothing, while the topics have different numbers of partitions", () =>
    Effect.gen(function* () {
      const { client, prefix, events, sent, publish, deliver, settled } = yield* makeHarness
      const ids = idsOf("d", 20)
      yield* client.addPartitions([`${prefix}mapped-events.meta`], 6)
      yield* publish(ids)
      const first = yield* deliver
      yield* until("each partition has tried to open", () =>
        Effect.sync(
          () => new Set(events.flatMap((event) => (event.type === "reopening" ? [event.partition] : []))).size === 6
        )
      )
      assert.deepStrictEqual(sent, [])
      yield* client.addPartitions(
        grownTopics.map((topic) => prefix + topic),
        6
      )
      yield* settled
      yield* Fiber.interrupt(first)
      assert.deepStrictEqual([...sent].sort(), [...ids].sort())
    })
  )
})
