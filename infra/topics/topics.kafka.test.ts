import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { KafkaClient } from "../../shared/kafka/client.ts"
import { layerKafka } from "../../shared/kafka/kafkajs/adapter.ts"
import { testBrokers, testRegistryUrl, uniquePrefix } from "../../tests/harness/test-services.ts"
import { createTopics } from "./create-topics.ts"
import { declaredTopics } from "./declared-topics.ts"
import { registerSchemas } from "./register-schemas.ts"

it.live("creates what is declared once, and reports what differs", () =>
  Effect.gen(function* () {
    const prefix = uniquePrefix("topics")
    const client = yield* KafkaClient
    const raw = declaredTopics(prefix, 1).find(({ name }) => name.endsWith("raw-events"))!
    yield* client.createTopics([{ ...raw, partitions: 2, config: { ...raw.config, "retention.ms": "60000" } }])
    const first = yield* createTopics(prefix)
    assert.deepEqual(first.existing, [raw.name])
    assert.strictEqual(first.created.length, declaredTopics(prefix, 1).length - 1)
    assert.deepEqual(first.different, [
      { topic: raw.name, setting: "partitions", declared: "4", present: "2" },
      { topic: raw.name, setting: "retention.ms", declared: raw.config["retention.ms"]!, present: "60000" }
    ])
    const second = yield* createTopics(prefix)
    assert.deepEqual(second.created, [])
    assert.deepEqual(second.different, first.different)
  }).pipe(Effect.provide(layerKafka({ brokers: testBrokers() })))
)

it.live("gives the topics of events as many partitions as it is given, and no other", () =>
  Effect.gen(function* () {
    const prefix = uniquePrefix("partitions")
    yield* createTopics(prefix, 2)
    const { different } = yield* createTopics(prefix, 3)
    assert.isTrue(different.length > 5)
    for (const { setting, declared, present } of different) {
      assert.deepEqual([setting, declared, present], ["partitions", "3", "2"])
    }
    assert.deepEqual((yield* createTopics(prefix, 2)).different, [])
  }).pipe(Effect.provide(layerKafka({ brokers: testBrokers() })))
)

it.live("gives topics that a later version has added as many partitions as the others have", () =>
  Effect.gen(function* () {
    const client = yield* KafkaClient
    const partitionsOf = (topic: string) => Effect.map(client.topicOffsets(topic), ({ length }) => length)
    for (const [before, wanted] of [
      [2, undefined],
      [6, undefined],
      [6, 4]
    ] as const) {
      const prefix = uniquePrefix("later")
      const later = [`${prefix}delivery-positions`, `${prefix}mapped-events.pinterest`]
      const earlier = declaredTopics(prefix, 1, before).filter(({ name }) => !later.includes(name))
      yield* client.createTopics(earlier)
      const { created, different } = yield* createTopics(prefix, wanted)
      assert.sameMembers([...created], later)
      assert.deepEqual(different, [])
      assert.deepEqual(yield* Effect.forEach(later, partitionsOf), [before, before])
    }
  }).pipe(Effect.provide(layerKafka({ brokers: testBrokers() })))
)

it.live("registers each subject once, under FULL_TRANSITIVE", () =>
  Effect.gen(function* () {
    const prefix = uniquePrefix("schemas")
    const address = { url: testRegistryUrl() }
    const first = yield* registerSchemas(address, prefix)
    assert.isTrue(first.every(({ created }) => created))
    const second = yield* registerSchemas(address, prefix)
    assert.deepEqual(
      second.map(({ subject, id, created }) => ({ subject, id, created })),
      first.map(({ subject, id }) => ({ subject, id, created: false }))
    )
    const config = yield* Effect.promise(() =>
      fetch(`${address.url}/config/${encodeURIComponent(`${prefix}raw-events-value`)}`).then((response) =>
        response.json()
      )
    )
    assert.deepEqual(config, { compatibilityLevel: "FULL_TRANSITIVE" })
  })
)
