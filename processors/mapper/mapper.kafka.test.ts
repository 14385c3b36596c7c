/** Duplicates on the real broker: caught across a restart and a move of partitions; a replay by offset reset is not one. */

import { assert, layer } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import { declaredTopics } from "../../infra/topics/declared-topics.ts"
import type { NormalizedEvent } from "../../schemas/types.gen.ts"
import { Codecs } from "../../shared/codec/codecs.ts"
import { connectorFor } from "../../shared/connectors/registry.ts"
import { KafkaClient } from "../../shared/kafka/client.ts"
import { layerKafka } from "../../shared/kafka/kafkajs/adapter.ts"
import { layerRuntimeOptions } from "../../shared/runtime/contract.ts"
import { type RuntimeEvent, RuntimeObserver } from "../../shared/runtime/metrics.ts"
import { run } from "../../shared/runtime/runtime.ts"
import { connectionOf, eventTime, purchase, testSealer } from "../../shared/testing/event-fixture.ts"
import { committedOffsets, readAll, until } from "../../shared/testing/kafka-probe.ts"
import { memoryCodecs } from "../../shared/testing/memory-codecs.ts"
import { testBrokers, uniquePrefix } from "../../tests/harness/test-services.ts"
import { mapper } from "./mapper.ts"

const targets = [{ connection: connectionOf("meta", { maxAgeDays: null }), connector: connectorFor("meta") }]
const ids = Array.from({ length: 200 }, (_, index) => `e-${index}`)

/** Topics of one prefix, a runner of mappers, and what became of the events. */
const makeHarness = Effect.gen(function* () {
  const client = yield* KafkaClient
  const codecs = yield* Codecs
  const prefix = uniquePrefix("mapper")
  yield* client.createTopics(declaredTopics(prefix, 1))
  let rawOffset = 0
  const publish = (eventIds: ReadonlyArray<string>) =>
    client.produce(
      eventIds.map((id) => {
        const source = { topic: "raw-events", partition: 0, offset: rawOffset++, timestamp: eventTime }
        const event: NormalizedEvent = purchase({ event_id: id, source })
        const value = codecs.encode("normalized-events", "normalized-event", event)
        return { topic: `${prefix}normalized-events`, key: id, value }
      })
    )
  const start = Effect.gen(function* () {
    const events: Array<RuntimeEvent> = []
    const options = layerRuntimeOptions({ prefix, drainTimeout: Duration.seconds(5) })
    const observer = Layer.succeed(RuntimeObserver, (event) => void events.push(event))
    const fiber = yield* run(mapper(targets, testSealer)).pipe(
      Effect.provide(Layer.merge(options, observer)),
      Effect.forkChild
    )
    return { fiber, events }
  })
  const done = until("every event is committed", () =>
    Effect.gen(function* () {
      const ends = yield* client.topicOffsets(`${prefix}normalized-events`)
      const committed = yield* committedOffsets(client, `${prefix}mapper`, `${prefix}normalized-events`)
      return ends.every(({ partition, high }) => high === (committed[partition]?.offset ?? 0))
    })
  )
  const mapped = Effect.map(readAll(`${prefix}mapped-events.meta`), (records) => records.map(({ key }) => String(key)))
  const reasons = Effect.map(readAll(`${prefix}delivery-results`), (records) =>
    records.map(({ value }) => {
      const decoded = codecs.decode("event-delivery-log", value)
      return decoded._tag === "Decoded" ? `${decoded.value.outcome} ${decoded.value.reason_code}` : "?"
    })
  )
  return { client, prefix, publish, start, done, mapped, reasons }
})

const repeats = (count: number) => Array.from({ length: count }, () => "skipped duplicate")
const openPartitions = (events: ReadonlyArray<RuntimeEvent>) => events.filter(({ type }) => type === "opened").length

const layerTest = Layer.merge(layerKafka({ brokers: testBrokers(), sessionTimeoutMillis: 6_000 }), memoryCodecs)

layer(layerTest, { excludeTestServices: true })("the mapper on a real broker", (it) => {
  it.effect("catches a duplicate across a restart and across a move of partitions", () =>
    Effect.gen(function* () {
      const harness = yield* makeHarness
      const first = yield* harness.start
      yield* harness.publish(ids)
      yield* harness.done
      yield* Fiber.interrupt(first.fiber)

      const second = yield* harness.start
      yield* harness.publish(ids)
      yield* harness.done
      assert.sameMembers([...(yield* harness.mapped)], ids)
      assert.deepStrictEqual(yield* harness.reasons, repeats(ids.length))

      const third = yield* harness.start
      yield* until("partitions have moved", () => openPartitions(third.events) > 0)
      yield* harness.publish(ids)
      yield* harness.done
      yield* Fiber.interrupt(second.fiber)
      yield* until("all partitions have moved", () => openPartitions(third.events) === 4)
      yield* harness.publish(ids)
      yield* harness.done
      yield* Fiber.interrupt(third.fiber)
      assert.sameMembers([...(yield* harness.mapped)], ids)
      assert.deepStrictEqual(yield* harness.reasons, repeats(3 * ids.length))
    })
  )

  it.effect("catches duplicates across partitions that were added, also of what waited in the old ones", () =>
    Effect.gen(function* () {
      const harness = yield* makeHarness
      const { client, prefix } = harness
      const first = yield* harness.start
      yield* harness.publish(ids)
      yield* harness.done
      yield* Fiber.interrupt(first.fiber)
      const waiting = ids.map((id) => `w${id}`)
      yield* harness.publish(waiting)
      yield* client.addPartitions([`${prefix}normalized-events`, `${prefix}mapper-dedup`], 6)
      yield* harness.publish([...ids, ...waiting])
      const second = yield* harness.start
      yield* harness.done
      yield* Fiber.interrupt(second.fiber)
      assert.sameMembers([...(yield* harness.mapped)], [...ids, ...waiting])
      assert.deepStrictEqual(yield* harness.reasons, repeats(2 * ids.length))
    })
  )

  it.effect("lets a replay by offset reset pass, but for the repeats in it", () =>
    Effect.gen(function* () {
      const harness = yield* makeHarness
      const { client, prefix } = harness
      const first = yield* harness.start
      yield* harness.publish([...ids, ...ids.slice(0, 50)])
      yield* harness.done
      yield* Fiber.interrupt(first.fiber)
      const beginning = [0, 1, 2, 3].map((partition) => ({ topic: `${prefix}normalized-events`, partition, next: 0 }))
      yield* client.commitOffsets(`${prefix}mapper`, beginning)
      const second = yield* harness.start
      yield* harness.done
      yield* Fiber.interrupt(second.fiber)
      assert.sameMembers([...(yield* harness.mapped)], [...ids, ...ids])
      assert.deepStrictEqual(yield* harness.reasons, repeats(100))
    })
  )
})
