import { existsSync, writeFileSync } from "node:fs"
import path from "node:path"
import { assert, it } from "@effect/vitest"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import { makeRegistryClient } from "../../shared/codec/registry-client.ts"
import { schemaJson } from "../../shared/codec/schemas.ts"
import { KafkaClient } from "../../shared/kafka/client.ts"
import { layerKafka } from "../../shared/kafka/kafkajs/adapter.ts"
import { temporaryFolder } from "../../tests/harness/temporary-folder.ts"
import { localBroker } from "./broker.ts"
import { startCluster } from "./cluster.ts"
import { recordSchemaIds } from "./fingerprints.ts"
import { brokersKnownAt } from "./kafka-probe.ts"
import { isAlive } from "./processes.ts"
import { localRegistry } from "./registry.ts"
import { openState } from "./state.ts"

// A machine with Java and Maven, whatever this one has set.
const jarsOnly = ConfigProvider.layer(
  ConfigProvider.fromEnv({
    env: { CAPI_DOCKER: "never", ...(process.env["JAVA_HOME"] ? { JAVA_HOME: process.env["JAVA_HOME"] } : {}) }
  })
)

const topic = { name: "kept", partitions: 1, replication: 1, config: {} }
const produce = (brokers: string, value: string, replication = 1) =>
  KafkaClient.use((client) =>
    Effect.andThen(
      client.createTopics([{ ...topic, replication }]),
      client.produce([{ topic: topic.name, key: null, value: Buffer.from(value) }])
    )
  ).pipe(Effect.provide(layerKafka({ brokers: brokers.split(",") })))
const lastOffset = (brokers: string) =>
  KafkaClient.use((client) => Effect.map(client.topicOffsets(topic.name), ([partition]) => partition?.high)).pipe(
    Effect.provide(layerKafka({ brokers: brokers.split(",") }))
  )
const register = (url: string) => makeRegistryClient({ url }).register("kept-value", schemaJson["raw-event"])

it.live("a start after kill -9 and with a stale pid file keeps log, ids and ports", () => {
  const options = { stateDirectory: temporaryFolder(), ending: "kill" } as const
  const start = Effect.all([localBroker(options), localRegistry(options)], { concurrency: 2 })
  return Effect.gen(function* () {
    const before = yield* Effect.scoped(
      Effect.gen(function* () {
        const [broker, registry] = yield* start
        assert.strictEqual(broker.source, "jars")
        yield* produce(broker.brokers, "one")
        const { id } = yield* register(registry.url)
        yield* recordSchemaIds(options.stateDirectory, registry.url, "jars")
        return { brokers: broker.brokers, url: registry.url, id, pids: [broker.pid!, registry.pid!] }
      })
    )
    assert.deepEqual(before.pids.map(isAlive), [false, false])
    writeFileSync(path.join(options.stateDirectory, "broker-1.pid"), JSON.stringify({ pid: process.pid, owner: 1 }))
    yield* Effect.scoped(
      Effect.gen(function* () {
        const [broker, registry] = yield* start
        assert.deepEqual([broker.brokers, registry.url], [before.brokers, before.url])
        assert.strictEqual(yield* lastOffset(broker.brokers), 1)
        assert.deepEqual(yield* register(registry.url), { id: before.id, created: false })
      })
    )
    assert.isFalse(existsSync(path.join(options.stateDirectory, "broker-1.pid")))
  }).pipe(Effect.provide(jarsOnly))
})

it.live("three brokers are one cluster, which outlives a kill -9 of one and takes it back", () =>
  Effect.gen(function* () {
    const state = yield* openState({ stateDirectory: temporaryFolder(), ending: "kill" })
    const { brokers, nodes } = yield* startCluster(state, { size: 3 })
    yield* produce(brokers, "one", 3)
    const victim = nodes[0]!
    const pid = victim.pid()!
    yield* victim.kill
    assert.isFalse(isAlive(pid))
    // The two that are left elect leaders first, which a machine at work on other things takes its time for.
    yield* produce(brokers, "two", 3).pipe(Effect.retry({ schedule: Schedule.spaced("500 millis"), times: 60 }))
    yield* victim.start
    assert.includeMembers([...((yield* brokersKnownAt(victim.address)) ?? [])], [1, 2, 3])
    // At least: a write whose answer was lost is repeated by the loop above.
    assert.isAtLeast((yield* lastOffset(victim.address)) ?? 0, 2)
  }).pipe(Effect.scoped, Effect.provide(jarsOnly))
)

it.live("a named broker or registry that cannot be reached is reported in one line", () =>
  Effect.gen(function* () {
    const broker = yield* Effect.flip(Effect.scoped(localBroker()))
    assert.strictEqual(broker.code, "broker_unreachable")
    const registry = yield* Effect.flip(Effect.scoped(localRegistry()))
    assert.strictEqual(registry.code, "registry_unreachable")
    assert.notInclude(registry.message, "secret")
  }).pipe(
    Effect.provide(
      ConfigProvider.layer(
        ConfigProvider.fromEnv({
          env: { KAFKA_BROKERS: "127.0.0.1:9", SCHEMA_REGISTRY_URL: "http://user:secret@127.0.0.1:9/" }
        })
      )
    )
  )
)
