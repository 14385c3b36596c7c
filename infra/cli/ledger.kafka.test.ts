/** `./capi ledger` on a real broker: it balances, and names what is missing. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import os from "node:os"
import path from "node:path"
import { assert, inject, it } from "@effect/vitest"
import type * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { Kafka, logLevel } from "kafkajs"
import { mappedEvent } from "../../processors/delivery/engine/testing.ts"
import { Codecs } from "../../shared/codec/codecs.ts"
import { registryLayer } from "../../shared/codec/registry.ts"
import { KafkaClient } from "../../shared/kafka/client.ts"
import { layerKafka } from "../../shared/kafka/kafkajs/adapter.ts"
import { describeFailure } from "../../shared/runtime/exit.ts"
import { deliveryLog, purchase } from "../../shared/testing/event-fixture.ts"
import { until } from "../../shared/testing/kafka-probe.ts"
import { memoryCodecs } from "../../shared/testing/memory-codecs.ts"
import { uniquePrefix } from "../../tests/harness/test-services.ts"
import { createTopics } from "../topics/create-topics.ts"
import { jsonLines, runCommand } from "./testing.ts"

const connections =
  "version: 1\nconnections:\n  - { id: shop, platform: meta, account: { dataset_id: 1 }, credential: env:NONE }\n"

const folder = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(path.join(os.tmpdir(), "capi-ledger-"))),
  (made) => Effect.sync(() => rmSync(made, { recursive: true, force: true }))
)

it.live("exits with 1 and names a raw record that left no trace, in the range that was asked for", () =>
  Effect.gen(function* () {
    const file = path.join(yield* folder, "connections.yaml")
    yield* Effect.sync(() => writeFileSync(file, connections))
    const prefix = uniquePrefix("ledger")
    const capi = (...args: ReadonlyArray<string>) =>
      runCommand(args, {
        KAFKA_BROKERS: inject("brokers"),
        SCHEMA_REGISTRY_URL: inject("registryUrl"),
        CAPI_TOPIC_PREFIX: prefix,
        CAPI_CONNECTIONS: file
      })
    const client = yield* KafkaClient
    yield* createTopics(prefix)
    const topic = `${prefix}raw-events`
    const at = 1_795_000_000_000
    yield* client.produce([{ topic, partition: 0, key: null, value: Buffer.from("{}"), timestamp: at }])
    assert.isTrue(Exit.isSuccess((yield* capi("ledger")).exit), "what no processor has read yet is in flight")
    yield* client.commitOffsets(`${prefix}normalizer`, [{ topic, partition: 0, next: 1 }])
    const { exit, out } = yield* capi("ledger", "--json")
    assert.deepInclude(jsonLines(out)[0], { balanced: false, raw_events: 1, missing_raw: ["0:0"] })
    const failure = Exit.isFailure(exit) ? describeFailure(exit.cause as Cause.Cause<unknown>) : null
    assert.deepInclude(failure, { code: "not_balanced", exitCode: 1 })
    const before = yield* capi("ledger", "--until", new Date(at - 1_000).toISOString())
    assert.isTrue(Exit.isSuccess(before.exit), "outside the range it doesn't count")
  }).pipe(Effect.provide([layerKafka({ brokers: inject("brokers").split(",") }), memoryCodecs]))
)

/** A prefix with its topics and schemas, and what writes to them. */
const setup = Effect.gen(function* () {
  const file = path.join(yield* folder, "connections.yaml")
  yield* Effect.sync(() => writeFileSync(file, connections))
  const prefix = uniquePrefix("ledger")
  const env = {
    KAFKA_BROKERS: inject("brokers"),
    SCHEMA_REGISTRY_URL: inject("registryUrl"),
    CAPI_TOPIC_PREFIX: prefix,
    CAPI_CONNECTIONS: file
  }
  const capi = (...args: ReadonlyArray<string>) => runCommand(args, env)
  yield* capi("topics", "--create")
  const ledger = Effect.map(capi("ledger", "--json"), ({ exit, out }) => ({
    isBalanced: Exit.isSuccess(exit),
    balance: jsonLines(out)[0] as unknown as {
      readonly raw_events: number
      readonly in_flight_raw: number
      readonly connections: ReadonlyArray<Record<string, unknown>>
    }
  }))
  const client = yield* KafkaClient
  const codecs = yield* Effect.provide(Codecs, registryLayer({ url: inject("registryUrl"), prefix }))
  return { prefix, capi, ledger, client, codecs }
})

const timestamp = 1_795_000_000_000
const source = { topic: "raw-events", partition: 0, offset: 0, timestamp }

it.live("names an event whose delayed retry was skipped by a reset of its offsets", () =>
  Effect.gen(function* () {
    const { prefix, capi, ledger, client, codecs } = yield* setup
    const records = (event: ReturnType<typeof mappedEvent>) => [
      { topic: `${prefix}raw-events`, partition: 0, key: null, value: Buffer.from("{}"), timestamp },
      {
        topic: `${prefix}normalized-events`,
        partition: 0,
        key: "e",
        value: codecs.encode("normalized-events", "normalized-event", purchase({ event_id: "e", source }))
      },
      ...["mapped-events.meta", "delivery-retry.meta"].map((topic) => ({
        topic: prefix + topic,
        partition: 0,
        key: "e",
        value: codecs.encode(topic, "mapped-event", event),
        headers: { connection: "shop" }
      })),
      {
        topic: `${prefix}delivery-results`,
        partition: 0,
        key: "e",
        value: codecs.encode(
          "delivery-results",
          "event-delivery-log",
          deliveryLog({ event_id: "e", connection_id: "shop", source, outcome: "retry_scheduled", success: false })
        )
      }
    ]
    yield* client.produce(records(mappedEvent("e", { source })))
    for (const [group, topic] of [
      ["normalizer", "raw-events"],
      ["mapper", "normalized-events"],
      ["delivery-meta.shop", "mapped-events.meta"]
    ] as const)
      yield* client.commitOffsets(prefix + group, [{ topic: prefix + topic, partition: 0, next: 1 }])
    const waiting = yield* ledger
    assert.isTrue(waiting.isBalanced)
    assert.deepInclude(waiting.balance.connections[0], { in_flight: 1, missing: [] })
    yield* client.commitOffsets(`${prefix}delivery-meta.shop`, [
      { topic: `${prefix}delivery-retry.meta`, partition: 0, next: 1 }
    ])
    const lost = yield* ledger
    assert.isFalse(lost.isBalanced)
    assert.deepInclude(lost.balance.connections[0], { in_flight: 0, missing: ["e"], lost_retries: ["e"] })
    assert.include((yield* capi("ledger")).out, "shop: e has no outcome; its delayed retry is gone")
  }).pipe(Effect.provide(layerKafka({ brokers: inject("brokers").split(",") })))
)

it.live("counts no result of a topic that was deleted and made again", () =>
  Effect.gen(function* () {
    const { prefix, ledger, client, codecs } = yield* setup
    const topic = `${prefix}raw-events`
    const write = (at: number) =>
      client.produce([{ topic, partition: 0, key: null, value: Buffer.from("{}"), timestamp: at }])
    yield* write(timestamp)
    yield* client.produce([
      {
        topic: `${prefix}delivery-results`,
        partition: 0,
        key: "e",
        value: codecs.encode(
          "delivery-results",
          "event-delivery-log",
          deliveryLog({ connection_id: "shop", source, success: true })
        )
      }
    ])
    assert.deepInclude((yield* ledger).balance.connections[0], { consumed: 1, delivered: 1 })
    const operator = new Kafka({ brokers: inject("brokers").split(","), logLevel: logLevel.NOTHING }).admin()
    yield* Effect.promise(() => operator.connect())
    yield* Effect.promise(() => operator.deleteTopics({ topics: [topic] }))
    yield* Effect.promise(() => operator.disconnect())
    yield* until("the topic is gone", () => Effect.map(client.listTopics, (names) => !names.includes(topic)))
    yield* createTopics(prefix)
    yield* write(timestamp + 1_000)
    const { isBalanced, balance } = yield* ledger
    assert.isTrue(isBalanced)
    assert.deepInclude(balance, { raw_events: 1, in_flight_raw: 1 })
    assert.deepInclude(balance.connections[0], { consumed: 0, delivered: 0 })
  }).pipe(Effect.provide(layerKafka({ brokers: inject("brokers").split(",") })))
)
