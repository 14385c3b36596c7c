/**
 * Two systems on one cluster and one registry, apart by CAPI_TOPIC_PREFIX alone, where one prefix begins with the other. The topics of the
 * second were made by an administrator with another number of partitions. The same event ids go through both, and neither sees the other's.
 */
import { once } from "node:events"
import { writeFileSync } from "node:fs"
import path from "node:path"
import process from "node:process"
import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { jsonLines, runCommand } from "../../infra/cli/testing.ts"
import { spawnGuarded } from "../../infra/local/guarded-spawn.mjs"
import { repository } from "../../infra/local/state.ts"
import { startSandbox } from "../../infra/sandbox/sandbox.ts"
import { declaredTopics } from "../../infra/topics/declared-topics.ts"
import { registerSchemas } from "../../infra/topics/register-schemas.ts"
import { KafkaClient } from "../../shared/kafka/client.ts"
import { layerKafka } from "../../shared/kafka/kafkajs/adapter.ts"
import { publish } from "../harness/records.ts"
import { sandboxControl } from "../harness/sandbox-control.ts"
import { temporaryFolder } from "../harness/temporary-folder.ts"
import { testBrokers, testRegistryUrl, uniquePrefix } from "../harness/test-services.ts"

const ids = ["o-1", "o-2", "o-3"]

const startSystem = Effect.fnUntraced(function* (prefix: string) {
  const sandbox = yield* startSandbox({})
  const connections = path.join(temporaryFolder(), "connections.yaml")
  writeFileSync(
    connections,
    `version: 1
connections:
  - { id: shop, platform: meta, account: { dataset_id: "1234567890" }, credential: env:META_TOKEN, endpoint: { host: "${sandbox.urls.meta}" } }
`
  )
  const env = {
    KAFKA_BROKERS: testBrokers().join(","),
    SCHEMA_REGISTRY_URL: testRegistryUrl(),
    CAPI_TOPIC_PREFIX: prefix,
    CAPI_CONNECTIONS: connections,
    CAPI_MASTER_KEY: "cnVuLTAxMjM0NTY3ODlhYmNkZWZnaGlqa2xtbm9wcXI="
  }
  const start = Effect.acquireRelease(
    Effect.sync(() =>
      spawnGuarded(
        process.execPath,
        [path.join(repository, "infra/cli/main.ts"), "run", "normalizer", "mapper", "delivery-meta", "--together"],
        {
          env: { PATH: process.env["PATH"] ?? "", ...sandbox.environment, ...env, LOG_FORMAT: "json" },
          stdio: "ignore"
        }
      )
    ),
    (child) =>
      Effect.promise(async () => {
        const ended = once(child, "close")
        child.kill("SIGTERM")
        await ended
      })
  )
  const capi = (...args: ReadonlyArray<string>) => runCommand(args, env)
  return { prefix, control: sandboxControl(sandbox.controlUrl), start, capi }
})

it.live(
  "keeps two systems with different prefixes apart on one cluster",
  () =>
    Effect.gen(function* () {
      const prefix = uniquePrefix("first")
      const first = yield* startSystem(prefix)
      const second = yield* startSystem(`${prefix}second.`)
      process.env["META_TOKEN"] = "only-read-by-the-commands"
      yield* first.capi("topics", "--create")
      const kafka = yield* KafkaClient
      yield* kafka.createTopics(declaredTopics(second.prefix, 1, 2))
      yield* registerSchemas({ url: testRegistryUrl() }, second.prefix)
      const records = (value: number) =>
        ids.map((id) => ({
          key: id,
          value: Buffer.from(
            JSON.stringify({
              event_id: id,
              event_name: "purchase",
              event_time: Date.now(),
              user: { email: `customer-${value}@shop.example` },
              properties: { value, currency: "USD", order_id: id }
            })
          )
        }))
      for (const system of [first, second]) yield* system.start
      yield* publish(first.prefix, records(1))
      yield* publish(second.prefix, [...records(2), { key: "bad", value: Buffer.from("no event") }])
      for (const { capi } of [first, second])
        for (const id of ids) yield* capi("results", "--event", id, "--wait", "4 minutes")

      for (const [index, system] of [first, second].entries()) {
        const received = yield* system.control.receipts("meta")
        assert.deepStrictEqual(received.map(({ event_id }) => event_id).sort(), ids)
        for (const { body } of received)
          assert.strictEqual((body!["custom_data"] as { readonly value: number }).value, index + 1)
        const results = jsonLines((yield* system.capi("results", "--json")).out)[0]!["results"]
        assert.lengthOf(results as ReadonlyArray<unknown>, ids.length)
        const dead = jsonLines((yield* system.capi("dead-letters", "list", "--json")).out)[0]!["dead_letters"]
        assert.lengthOf(dead as ReadonlyArray<unknown>, index)
        const [ledger] = jsonLines((yield* system.capi("ledger", "--json")).out)
        assert.strictEqual(ledger!["balanced"], true)
      }
      const offsets = yield* kafka.topicOffsets(`${second.prefix}raw-events`)
      assert.lengthOf(offsets, 2)
    }).pipe(Effect.scoped, Effect.provide(layerKafka({ brokers: testBrokers() }))),
  400_000
)
