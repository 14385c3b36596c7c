/** The normalizer on the real broker and registry: Avro and JSON in, one record out for each, and a bad one in between. */

import { assert, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import { Codecs } from "../../shared/codec/codecs.ts"
import { registryLayer } from "../../shared/codec/registry.ts"
import { makeSealer } from "../../shared/credentials/sealer.ts"
import { KafkaClient } from "../../shared/kafka/client.ts"
import { layerKafka } from "../../shared/kafka/kafkajs/adapter.ts"
import { layerRuntimeOptions } from "../../shared/runtime/contract.ts"
import { run } from "../../shared/runtime/runtime.ts"
import { committedOffsets, readAll, until } from "../../shared/testing/kafka-probe.ts"
import { testBrokers, testRegistryUrl, uniquePrefix } from "../../tests/harness/test-services.ts"
import { sha256 } from "./identity/text.ts"
import { normalizer } from "./normalizer.ts"
import { rawEventFromJson } from "./read/read-record.ts"

const config = {
  options: { defaultCountries: [], recipients: null, messageEvents: null, futureToleranceMillis: 86_400_000 },
  deadLetters: makeSealer(Redacted.make("a master key for tests")),
  recordBytesMax: 1_048_576,
  schemaTimeout: Duration.seconds(30)
}

const json = (id: string) => ({
  event_id: id,
  event_name: "purchase",
  event_time: 1_790_000_000_000,
  user: { email: `${id}@shop.example`, phone: "(415) 555-0132", country: "US" },
  properties: { value: 1.5, currency: "USD", custom: { plan: "pro", seats: 3, trial: true, note: null } }
})

it.live("writes each raw event once, and invalid records to dead-letters, 10 MB of it too", () => {
  const prefix = uniquePrefix("normalizer")
  const kafka = layerKafka({ brokers: testBrokers(), clientId: "normalizer-test" })
  return Effect.gen(function* () {
    const client = yield* KafkaClient
    const codecs = yield* Codecs
    const topics = ["raw-events", "normalized-events", "dead-letters"]
    const limit = { "max.message.bytes": "33554432" }
    yield* client.createTopics(
      topics.map((name) => ({ name: prefix + name, partitions: 2, replication: 1, config: limit }))
    )
    const avro = (id: string): Buffer => {
      const read = rawEventFromJson(json(id))
      return read._tag === "Read" ? codecs.encode("raw-events", "raw-event", read.raw) : assert.fail("No event.")
    }
    const huge = Buffer.from(JSON.stringify({ ...json("huge"), pad: "x".repeat(10_000_000) }))
    const values = Array.from({ length: 100 }, (_, index) =>
      index % 2 === 0 ? avro(`e-${index}`) : Buffer.from(JSON.stringify(json(`e-${index}`)))
    )
    values.splice(50, 0, Buffer.from("<not json>"), huge)
    yield* client.produce(values.map((value, index) => ({ topic: `${prefix}raw-events`, key: String(index), value })))

    const running = yield* run(normalizer(config)).pipe(Effect.forkChild)
    yield* until("every raw event is committed", () =>
      Effect.gen(function* () {
        const ends = yield* client.topicOffsets(`${prefix}raw-events`)
        const committed = yield* committedOffsets(client, `${prefix}normalizer`, `${prefix}raw-events`)
        return ends.every(({ partition, high }) => high === (committed[partition]?.offset ?? 0))
      })
    )
    yield* Fiber.interrupt(running)

    const normalized = yield* readAll(`${prefix}normalized-events`)
    const dead = yield* readAll(`${prefix}dead-letters`)
    yield* codecs.loadSchemas([...normalized, ...dead].map(({ value }) => value))
    const events = normalized.map(({ key, value }) => {
      const decoded = codecs.decode("normalized-event", value)
      if (decoded._tag !== "Decoded") return assert.fail(decoded.message)
      assert.strictEqual(String(key), decoded.value.event_id)
      return decoded.value
    })
    assert.sameMembers(
      events.map(({ event_id }) => event_id),
      Array.from({ length: 100 }, (_, index) => `e-${index}`)
    )
    for (const { event_id, properties, user } of events) {
      assert.deepStrictEqual(user.email, [sha256(`${event_id}@shop.example`)])
      assert.strictEqual(user.phones[0]?.e164, sha256("+14155550132"))
      assert.deepStrictEqual({ ...properties?.custom }, { plan: "pro", seats: 3, trial: true, note: null })
    }
    const reasons = dead.map(({ value }) => {
      const decoded = codecs.decode("dead-letter", value)
      return decoded._tag === "Decoded" ? decoded.value.reason_code : assert.fail(decoded.message)
    })
    assert.sameMembers(reasons, ["not_avro_not_json", "record_too_large"])
  }).pipe(
    Effect.provide(
      Layer.mergeAll(
        kafka,
        registryLayer({ url: testRegistryUrl(), prefix }),
        layerRuntimeOptions({ prefix, drainTimeout: Duration.seconds(5) })
      )
    )
  )
})
