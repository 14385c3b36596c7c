/** `top` and `tap` on a real broker: what passes while they run. */
import { writeFileSync } from "node:fs"
import path from "node:path"
import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import { Codecs } from "../../shared/codec/codecs.ts"
import { registryLayer } from "../../shared/codec/registry.ts"
import { KafkaClient } from "../../shared/kafka/client.ts"
import { layerKafka } from "../../shared/kafka/kafkajs/adapter.ts"
import { deliveryLog, healthStatus } from "../../shared/testing/event-fixture.ts"
import { temporaryFolder } from "../../tests/harness/temporary-folder.ts"
import { testBrokers, testRegistryUrl, uniquePrefix } from "../../tests/harness/test-services.ts"
import { jsonLines, runCommand } from "./testing.ts"
import type { Snapshot } from "./top-view.ts"

it.live(
  "show live rates and health, and the records that a filter asks for, masked",
  () =>
    Effect.gen(function* () {
      const prefix = uniquePrefix("live")
      const file = path.join(temporaryFolder(), "connections.yaml")
      writeFileSync(
        file,
        "version: 1\nconnections:\n  - { id: shop, platform: meta, account: { dataset_id: 1 }, credential: env:NONE }\n"
      )
      const env = {
        KAFKA_BROKERS: testBrokers().join(","),
        SCHEMA_REGISTRY_URL: testRegistryUrl(),
        CAPI_TOPIC_PREFIX: prefix,
        CAPI_CONNECTIONS: file
      }
      yield* runCommand(["topics", "--create"], env)
      const services = Layer.fresh(
        Layer.merge(layerKafka({ brokers: testBrokers() }), registryLayer({ url: testRegistryUrl(), prefix }))
      )
      yield* Effect.gen(function* () {
        const client = yield* KafkaClient
        const codecs = yield* Codecs
        const result = (id: string, outcome: string) => ({
          topic: `${prefix}delivery-results`,
          key: id,
          value: codecs.encode(
            "delivery-results",
            "event-delivery-log",
            deliveryLog({ event_id: id, connection_id: "shop", outcome, latency_ms: 50 })
          )
        })
        const status = healthStatus({ connection_id: "shop", status: "degraded", issues: ["it is slow"] })
        yield* client.produce([
          {
            topic: `${prefix}connector-health`,
            key: "shop",
            value: codecs.encode("connector-health", "connector-health-status", status)
          }
        ])
        const raw = { event_id: "e-1", event_name: "lead", event_time: 1, user: { email: "jane@shop.example" } }
        const produce = client.produce([
          result("o-1", "delivered"),
          result("o-2", "rejected"),
          { topic: `${prefix}raw-events`, key: "u-1", value: Buffer.from(JSON.stringify(raw)) }
        ])
        const [top, rejected, shop, events] = yield* Effect.forEach(
          [
            ["top", "--every", "1 second", "--times", "8", "--json"],
            ["tap", "results", "outcome=rejected", "--limit", "1", "--json"],
            ["tap", "shop", "--limit", "2", "--json"],
            ["tap", "raw", "--limit", "1", "--json"]
          ],
          (args) => Effect.forkScoped(runCommand(args, env))
        )
        // They read what comes after their start: it is published until each has had its records.
        const publishing = yield* Effect.forkScoped(Effect.forever(Effect.andThen(produce, Effect.sleep("300 millis"))))
        const linesOf = (fiber: Fiber.Fiber<{ readonly out: string }>) =>
          Effect.map(Fiber.join(fiber), ({ out }) => jsonLines(out))
        const tapped = yield* linesOf(rejected!)
        assert.deepStrictEqual(
          tapped.map(({ topic, value }) => [topic, (value as { event_id: string }).event_id]),
          [["delivery-results", "o-2"]]
        )
        assert.strictEqual((yield* linesOf(shop!)).length, 2)
        assert.notInclude(JSON.stringify(yield* linesOf(events!)), "jane")
        const pictures = (yield* linesOf(top!)) as unknown as ReadonlyArray<Snapshot>
        yield* Fiber.interrupt(publishing)
        assert.strictEqual(pictures.length, 8)
        const sums = pictures.map(({ connections }) => connections[0]!)
        assert.isTrue(sums.some(({ counts }) => counts.succeeded > 0 && counts.failed > 0))
        assert.isTrue(
          pictures.some(({ stages }) => stages.some(({ name, per_second }) => name === "normalizer" && per_second > 0))
        )
        assert.strictEqual(sums.at(-1)?.health?.status, "degraded")
        assert.isAbove(pictures.at(-1)?.stages[0]?.lag ?? 0, 0)
      }).pipe(Effect.provide(services))
    }).pipe(Effect.scoped),
  120_000
)
