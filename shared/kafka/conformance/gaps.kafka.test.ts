/** A part of the conformance suite: logs that lose records under a member, which must never be silent. */

import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { Kafka, logLevel } from "kafkajs"
import { testBrokers, uniquePrefix } from "../../../tests/harness/test-services.ts"
import { committedOffsets, joinAsProbe, makeTopic, recordsOf, texts, until } from "../../testing/kafka-probe.ts"
import { KafkaClient } from "../client.ts"
import { layerKafka } from "../kafkajs/adapter.ts"

const prefix = uniquePrefix("gaps")

/** What no program of ours does to a topic, and an operator or retention may. */
const admin = Effect.acquireRelease(
  Effect.promise(async () => {
    const connected = new Kafka({ brokers: [...testBrokers()], logLevel: logLevel.NOTHING }).admin()
    await connected.connect()
    return connected
  }),
  (connected) => Effect.promise(() => connected.disconnect())
)

/** A member at the end of ten records, whose group has committed five. */
const atTheEnd = Effect.gen(function* () {
  const client = yield* KafkaClient
  const topic = yield* makeTopic(prefix)
  const at = { topic, partition: 0 }
  yield* client.produce(recordsOf(topic, [..."abcdefghij"]))
  yield* client.commitOffsets(`${topic}-group`, [{ topic, partition: 0, next: 5 }])
  const probe = yield* joinAsProbe(`${topic}-group`, topic)
  yield* until("an assignment", () => probe.assignments.length === 1)
  const committed = Effect.map(committedOffsets(client, `${topic}-group`, topic), ([found]) => found?.offset)
  return { client, topic, at, probe, committed }
})

layer(layerKafka({ brokers: testBrokers(), sessionTimeoutMillis: 6_000 }), { excludeTestServices: true })(
  "a log that loses records",
  (it) => {
    it.effect(
      "reports where it continues when retention has deleted the next records, and keeps the committed offset",
      () =>
        Effect.gen(function* () {
          const { client, topic, at, probe, committed } = yield* atTheEnd
          yield* client.deleteRecords(topic, [{ partition: 0, offset: 8 }])
          probe.member.seek(at, 5)
          yield* until("the gap", () => probe.gaps.length > 0)
          assert.deepStrictEqual(probe.gaps, [{ partition: 0, expected: 5, found: 8 }])
          assert.strictEqual(yield* committed, 5)
          probe.member.seek(at, 8)
          yield* until("the rest", () => probe.records.length === 2)
          assert.deepStrictEqual(texts(probe.records), ["i", "j"])
        })
    )

    it.effect("reports a topic that was created again, whose records have offsets that were delivered", () =>
      Effect.gen(function* () {
        const { client, topic, at, probe } = yield* atTheEnd
        probe.member.seek(at, 0)
        yield* until("all records", () => probe.records.length === 10)
        const operator = yield* admin
        yield* Effect.promise(() => operator.deleteTopics({ topics: [topic] }))
        yield* until("the topic is gone", () => Effect.map(client.listTopics, (names) => !names.includes(topic)))
        yield* client.createTopics([{ name: topic, partitions: 1, replication: 1, config: {} }])
        yield* client.produce(recordsOf(topic, ["k", "l"]))
        yield* until("the gap", () => probe.gaps.length > 0 || probe.crashes.length > 0, 60_000)
        assert.deepStrictEqual(probe.crashes, [])
        assert.deepStrictEqual(probe.gaps, [{ partition: 0, expected: 10, found: 0 }])
      })
    )
  }
)
