/** The real health program, killed while it works: its history is the results' counts, each minute once, whatever it had done by then. */
import { writeFileSync } from "node:fs"
import path from "node:path"
import process from "node:process"
import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { jsonLines, runCommand } from "../../infra/cli/testing.ts"
import type { ConnectorHealthPoint } from "../../schemas/types.gen.ts"
import { Codecs } from "../../shared/codec/codecs.ts"
import { registryLayer } from "../../shared/codec/registry.ts"
import { KafkaClient } from "../../shared/kafka/client.ts"
import { layerKafka } from "../../shared/kafka/kafkajs/adapter.ts"
import { deliveryLog } from "../../shared/testing/event-fixture.ts"
import { until } from "../../shared/testing/kafka-probe.ts"
import { environmentFor } from "../harness/environment.ts"
import { startablePrograms } from "../harness/programs.ts"
import { temporaryFolder } from "../harness/temporary-folder.ts"
import { testBrokers, testRegistryUrl, uniquePrefix } from "../harness/test-services.ts"

const minuteMillis = 60_000
const connections = `version: 1
connections:
  - { id: shop, platform: meta, account: { dataset_id: "1" }, credential: env:NONE }
`

describe("the history of a health program that is killed", { timeout: 240_000 }, () => {
  it.live("is the same as the results of each minute", () =>
    Effect.gen(function* () {
      const folder = temporaryFolder()
      const file = path.join(folder, "connections.yaml")
      writeFileSync(file, connections)
      const prefix = uniquePrefix("history")
      const environment = environmentFor({
        brokers: testBrokers().join(","),
        registryUrl: testRegistryUrl(),
        prefix,
        connections: file
      })
      yield* runCommand(["topics", "--create"], environment)
      const programs = yield* startablePrograms({ folder, environment })
      const services = Layer.fresh(
        Layer.merge(layerKafka({ brokers: testBrokers() }), registryLayer({ url: testRegistryUrl(), prefix }))
      )
      yield* Effect.gen(function* () {
        const client = yield* KafkaClient
        const codecs = yield* Codecs
        const now = yield* Clock.currentTimeMillis
        const wanted = new Map<number, number>()
        let published = 0
        /** Results of the last minutes, as many in each as its number. */
        const publish = (minutes: ReadonlyArray<number>) => {
          const times = minutes.flatMap((ago) => Array.from({ length: ago }, () => now - ago * minuteMillis))
          for (const time of times) {
            const minute = Math.floor(time / minuteMillis) * minuteMillis
            wanted.set(minute, (wanted.get(minute) ?? 0) + 1)
          }
          return client.produce(
            times.map((timestamp) => ({
              topic: `${prefix}delivery-results`,
              key: `e-${published++}`,
              value: codecs.encode(
                "delivery-results",
                "event-delivery-log",
                deliveryLog({ connection_id: "shop", timestamp, circuit_state: "CLOSED" })
              )
            }))
          )
        }
        const history = Effect.gen(function* () {
          const { out } = yield* runCommand(["health", "--history", "shop", "--json"], environment)
          const [points] = jsonLines(out) as unknown as ReadonlyArray<ReadonlyArray<ConnectorHealthPoint>>
          return points ?? []
        })
        const isExact = Effect.map(history, (points) => {
          const found = new Map(points.map(({ minute, succeeded }) => [minute, succeeded]))
          return [...wanted].every(([minute, count]) => found.get(minute) === count)
        })

        yield* publish([3, 5, 8])
        yield* programs.start(["health"])
        yield* until("the first history", () => isExact, 60_000, 200)
        // Some of these are counted when it is killed, and some are not.
        yield* publish([2, 3, 5, 9, 30])
        process.kill(programs.pidOf("health")!, "SIGKILL")
        yield* publish([4, 8, 40])
        yield* programs.stop(["health"])
        yield* programs.start(["health"])
        yield* until("the whole history", () => isExact, 90_000, 200)

        const points = yield* history
        const sum = points.reduce((all, { succeeded }) => all + succeeded, 0)
        assert.strictEqual(sum, published)
        assert.strictEqual(new Set(points.map(({ minute }) => minute)).size, points.length)
      }).pipe(Effect.provide(services))
    }).pipe(Effect.scoped)
  )
})
