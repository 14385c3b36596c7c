/** A registry that is away at the start and again later delays records; it neither loses, doubles nor condemns one. */
import { assert, it } from "@effect/vitest"
import avro from "avsc"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import { normalizer } from "../../processors/normalizer/normalizer.ts"
import { registryLayer, subjectOf } from "../../shared/codec/registry.ts"
import { makeRegistryClient } from "../../shared/codec/registry-client.ts"
import { schemaJson } from "../../shared/codec/schemas.ts"
import { makeSealer } from "../../shared/credentials/sealer.ts"
import { KafkaClient } from "../../shared/kafka/client.ts"
import { layerKafka } from "../../shared/kafka/kafkajs/adapter.ts"
import { layerRuntimeOptions } from "../../shared/runtime/contract.ts"
import { type RuntimeEvent, RuntimeObserver } from "../../shared/runtime/metrics.ts"
import { run } from "../../shared/runtime/runtime.ts"
import { readAll, until } from "../../shared/testing/kafka-probe.ts"
import { startRegistryProxy } from "../harness/registry-proxy.ts"
import { testBrokers, testRegistryUrl, uniquePrefix } from "../harness/test-services.ts"

const config = {
  options: { defaultCountries: [], recipients: null, messageEvents: null, futureToleranceMillis: 86_400_000 },
  deadLetters: makeSealer(Redacted.make("a master key for tests")),
  recordBytesMax: 1_048_576,
  schemaTimeout: Duration.minutes(5)
}
const event = (id: string) => ({
  event_id: id,
  event_name: "lead",
  event_time: 1_790_000_000_000,
  user: { email: `${id}@shop.example` }
})

/** What a producer writes with a schema that is newer than ours. */
const newerWriter = (prefix: string, ...fields: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const schema = JSON.parse(schemaJson["raw-event"]) as { fields: Array<Record<string, unknown>> }
    for (const name of fields) schema.fields.push({ name, type: ["null", "string"], default: null, doc: "New." })
    const client = makeRegistryClient({ url: testRegistryUrl() })
    const { id } = yield* client.register(subjectOf(prefix, "raw-events"), JSON.stringify(schema))
    const type = avro.Type.forSchema(schema as unknown as avro.Schema)
    const head = Buffer.alloc(5)
    head.writeUInt32BE(id, 1)
    return (eventId: string): Buffer => {
      const record = { ...event(eventId), user: null, [fields[0] ?? ""]: "gold" }
      return Buffer.concat([head, type.toBuffer({ ...record, user: { email: [`${eventId}@shop.example`] } })])
    }
  })

it.live(
  "waits for a registry that is away at the start and when a new writer's schema comes, and loses nothing",
  () => {
    const prefix = uniquePrefix("registry-outage")
    return Effect.gen(function* () {
      const kafka = yield* KafkaClient
      const topics = ["raw-events", "normalized-events", "dead-letters"]
      yield* kafka.createTopics(
        topics.map((name) => ({ name: prefix + name, partitions: 1, replication: 1, config: {} }))
      )
      const topic = `${prefix}raw-events`
      const publish = (value: Buffer, key: string) => kafka.produce([{ topic, key, value }])
      const ids = Effect.map(readAll(`${prefix}normalized-events`), (records) => records.map(({ key }) => String(key)))
      const proxy = yield* startRegistryProxy(testRegistryUrl())
      const events: Array<RuntimeEvent> = []
      proxy.answer(503)
      const program = run(normalizer(config)).pipe(
        Effect.provide(registryLayer({ url: proxy.url, prefix, startupTimeout: Duration.minutes(2) })),
        Effect.provide(Layer.succeed(RuntimeObserver, (event) => void events.push(event)))
      )
      const running = yield* Effect.forkChild(program)
      yield* publish(Buffer.from(JSON.stringify(event("first"))), "first")
      yield* until("the start has asked in vain", () => proxy.refused() > 0)
      assert.deepStrictEqual(events, [])

      proxy.answer(null)
      yield* until("the first event is through", () => Effect.map(ids, (found) => found.length === 1), 60_000)

      const write = yield* newerWriter(prefix, "loyalty_tier")
      proxy.answer(503)
      yield* publish(write("second"), "second")
      yield* publish(Buffer.from(JSON.stringify(event("third"))), "third")
      yield* until("the partition waits", () => events.some(({ type }) => type === "reopening"), 60_000)
      assert.deepStrictEqual(yield* ids, ["first"])

      proxy.answer(null)
      yield* until("all events are through", () => Effect.map(ids, (found) => found.length >= 3), 60_000)
      assert.deepStrictEqual(yield* ids, ["first", "second", "third"])

      // Its user loses its rights while it runs, and a producer brings another schema.
      const writeLater = yield* newerWriter(prefix, "loyalty_tier", "branch")
      proxy.answer(403)
      const seen = events.length
      yield* publish(writeLater("fourth"), "fourth")
      const waits = () => events.slice(seen).some(({ type }) => type === "reopening")
      yield* until("the partition waits for rights", waits, 60_000)
      proxy.answer(null)
      yield* until(
        "the event of the new schema is through",
        () => Effect.map(ids, (found) => found.length >= 4),
        60_000
      )
      assert.deepStrictEqual(yield* readAll(`${prefix}dead-letters`), [])
      yield* Fiber.interrupt(running)
    }).pipe(
      Effect.scoped,
      Effect.provide(Layer.merge(layerKafka({ brokers: testBrokers() }), layerRuntimeOptions({ prefix })))
    )
  }
)
