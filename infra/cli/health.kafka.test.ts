/** `health --check`, `--summary` and `--history` on a real broker, without any processor: computed from what the topics hold. */
import { writeFileSync } from "node:fs"
import path from "node:path"
import { assert, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import { mappedEvent } from "../../processors/delivery/engine/testing.ts"
import type { ConnectorHealthPoint, ConnectorHealthStatus } from "../../schemas/types.gen.ts"
import { Codecs } from "../../shared/codec/codecs.ts"
import { registryLayer } from "../../shared/codec/registry.ts"
import { KafkaClient } from "../../shared/kafka/client.ts"
import { layerKafka } from "../../shared/kafka/kafkajs/adapter.ts"
import { describeFailure } from "../../shared/runtime/exit.ts"
import { connectorState, healthStatus } from "../../shared/testing/event-fixture.ts"
import { temporaryFolder } from "../../tests/harness/temporary-folder.ts"
import { testBrokers, testRegistryUrl, uniquePrefix } from "../../tests/harness/test-services.ts"
import { webhookRecorder } from "../../tests/harness/webhook-recorder.ts"
import { jsonLines, runCommand } from "./testing.ts"

const day = 86_400_000

it.live(
  "says what waits, until when, why, and what the platform answers, although no health program runs",
  () =>
    Effect.gen(function* () {
      const platform = yield* webhookRecorder({ status: 401 })
      const prefix = uniquePrefix("check")
      const file = path.join(temporaryFolder(), "connections.yaml")
      writeFileSync(
        file,
        `version: 1
connections:
  - { id: shop, platform: meta, account: { dataset_id: 1 }, credential: env:SHOP_TOKEN, endpoint: { host: "${platform.url}" } }
  - { id: other, platform: meta, account: { dataset_id: 2 }, credential: env:SHOP_TOKEN, endpoint: { host: "${platform.url}" } }
`
      )
      process.env["SHOP_TOKEN"] = "a-token-of-the-test"
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
      const publish = Effect.gen(function* () {
        const codecs = yield* Codecs
        const now = yield* Clock.currentTimeMillis
        const mapped = (id: string, connection: string) => ({
          topic: `${prefix}mapped-events.meta`,
          key: id,
          value: codecs.encode(
            "mapped-events.meta",
            "mapped-event",
            mappedEvent(id, { connection_id: connection, event_time: now - 2 * day, deadline: now + 5 * day + 60_000 })
          ),
          headers: { connection }
        })
        const state = connectorState({
          connection_id: "shop",
          paused: true,
          cause: "auth",
          message: "token expired",
          timestamp: now
        })
        const status = (id: string, fields: Partial<ConnectorHealthStatus>) => ({
          topic: `${prefix}connector-health`,
          key: id,
          value: codecs.encode(
            "connector-health",
            "connector-health-status",
            healthStatus({ connection_id: id, last_check: now - 600_000, ...fields })
          )
        })
        const hour = Math.floor(now / 3_600_000) * 3_600_000
        const point = (id: string, minute: number, succeeded: number) => ({
          topic: `${prefix}connector-health-history`,
          key: id,
          value: codecs.encode("connector-health-history", "connector-health-history", {
            ...{ connection_id: id, platform: "meta", minute: hour + minute * 60_000, status: "healthy", cause: null },
            ...{ succeeded, failed: 0, invalid: 0, skipped: 0, latency_ms: 0 },
            ...{ waiting_events: null, oldest_expires_at: null }
          })
        })
        yield* (yield* KafkaClient).produce([
          ...[mapped("1", "shop"), mapped("2", "shop"), mapped("3", "other"), mapped("4", "shop")],
          {
            topic: `${prefix}connector-state`,
            key: "shop",
            value: codecs.encode("connector-state", "connector-state", state)
          },
          status("shop", { status: "unhealthy", waiting_events: 3, oldest_expires_at: now + 5 * day }),
          status("other", {}),
          // A later record of a minute replaces an earlier one.
          ...[point("other", 0, 5), point("shop", 0, 1), point("shop", 1, 2), point("shop", 1, 3)]
        ])
      })
      yield* Effect.provide(publish, services)

      const checked = yield* runCommand(["health", "--check", "shop", "--json"], env)
      assert.isTrue(Exit.isFailure(checked.exit))
      const [[shop]] = jsonLines(checked.out) as unknown as [[ConnectorHealthStatus & { probe: { status: string } }]]
      assert.deepInclude(shop, { status: "unhealthy", cause: "auth", waiting_events: 3, waiting_is_minimum: false })
      assert.match(
        shop!.issues[0]!,
        /^access token refused since .* UTC \(token expired\); 3 events wait, the oldest expires in 5 d; set the environment variable SHOP_TOKEN/
      )
      assert.match(shop!.issues[1]!, /^the health processor has published nothing for 10 min/)
      assert.match(shop!.issues[2]!, /^asked just now: /)
      assert.notStrictEqual(shop!.probe.status, "connected")
      assert.isAbove(platform.requests.length, 0)

      const summary = yield* runCommand(["health", "--summary", "--json"], env)
      assert.deepInclude(jsonLines(summary.out)[0], { connections: 2, healthy: 1, unhealthy: 1, waiting_events: 3 })
      const text = yield* runCommand(["health"], env)
      assert.include(
        text.out,
        "2 connections: 1 healthy, 0 degraded, 1 unhealthy; 3 events wait, the oldest expires in"
      )
      const failure = Exit.isFailure(text.exit) ? describeFailure(text.exit.cause) : null
      assert.match(failure?.message ?? "", /^The health program wrote last at .*Z, 10 min ago/)
      const unknown = yield* runCommand(["health", "shp"], env)
      assert.isTrue(Exit.isFailure(unknown.exit))

      const history = yield* runCommand(["health", "--history", "--since", "2 hours", "--json"], env)
      const [points] = jsonLines(history.out) as unknown as [ReadonlyArray<ConnectorHealthPoint>]
      assert.deepStrictEqual(
        points.map(({ connection_id, succeeded }) => [connection_id, succeeded]),
        [
          ["other", 5],
          ["shop", 1],
          ["shop", 3]
        ]
      )
      const table = yield* runCommand(["health", "--history", "--since", "2 hours"], env)
      assert.match(table.out, /^other\nHOUR.*\n.* 5 .*\n\nshop\nHOUR.*\n.* {2}\.\. .* 4 .*\n\nMinutes: [^\n]*\n$/)
      const one = yield* runCommand(["health", "--history", "other", "--json"], env)
      assert.strictEqual(one.out, `${JSON.stringify(points.slice(0, 1))}\n`)
      assert.strictEqual(
        (yield* runCommand(["health", "--history", "--since", new Date().toISOString(), "--json"], env)).out,
        "[]\n"
      )
      const other = yield* runCommand(["health", "--history", "shp", "--json"], env)
      assert.deepStrictEqual([Exit.isFailure(other.exit), other.out], [true, ""])
    }).pipe(Effect.scoped),
  120_000
)
