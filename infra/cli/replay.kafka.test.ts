/** `./capi replay` on a real broker: its count is what the group will take, not what lies between two offsets. */

import { rmSync, writeFileSync } from "node:fs"
import path from "node:path"
import { assert, describe, inject, it } from "@effect/vitest"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import topicTable from "../../schemas/topics.json" with { type: "json" }
import { SettingsService } from "../../shared/config/settings.ts"
import { KafkaClient } from "../../shared/kafka/client.ts"
import { layerKafka } from "../../shared/kafka/kafkajs/adapter.ts"
import { describeFailure } from "../../shared/runtime/exit.ts"
import { committedOffsets, joinAsProbe } from "../../shared/testing/kafka-probe.ts"
import { temporaryFolder } from "../../tests/harness/temporary-folder.ts"
import { uniquePrefix } from "../../tests/harness/test-services.ts"
import { planOf, resetGroups } from "./commands/replay.ts"
import { stagesOf } from "./replay-plan.ts"
import { jsonLines, runCommand } from "./testing.ts"

const connections = `version: 1
connections:
  - { id: shop, platform: meta, account: { dataset_id: 1 }, credential: env:NONE }
  - { id: other, platform: meta, account: { dataset_id: 2 }, credential: env:NONE }
`

const messages = `version: 1
connections:
  - { id: shop, platform: meta, account: { dataset_id: 1 }, credential: env:NONE }
  - id: orders
    platform: whatsapp
    account: { phone_number_id: 1 }
    credential: env:NONE
    events: { include: [purchase] }
    mapping: { templates: { purchase: { name: paid, language: en_US, body: ["{properties.order_id}"] } } }
`

const codeOf = (exit: Exit.Exit<unknown, unknown>): string | null =>
  Exit.isFailure(exit) ? (describeFailure(exit.cause)?.code ?? null) : null

describe("capi replay", () => {
  it.live("counts exactly what will be read again, and sets every topic of the group", () =>
    Effect.gen(function* () {
      const prefix = uniquePrefix("replay")
      const file = path.join(temporaryFolder(), "connections.yaml")
      yield* Effect.addFinalizer(() => Effect.sync(() => rmSync(file)))
      writeFileSync(file, connections)
      const env = {
        KAFKA_BROKERS: inject("brokers"),
        SCHEMA_REGISTRY_URL: inject("registryUrl"),
        CAPI_TOPIC_PREFIX: prefix,
        CAPI_CONNECTIONS: file
      }
      const capi = (...args: ReadonlyArray<string>) => runCommand(args, env)
      const planned = Effect.fnUntraced(function* (stage: string, from: string) {
        const { out } = yield* capi("replay", "--stage", stage, "--from", from, "--dry-run", "--json")
        return Number(jsonLines(out)[0]!["records"])
      })
      yield* capi("topics", "--create")
      const topic = `${prefix}mapped-events.meta`
      const groupId = `${prefix}delivery-meta.shop`

      yield* Effect.gen(function* () {
        const kafka = yield* KafkaClient
        const writer = yield* kafka.transactional(`${prefix}writer`)
        const mapped = (key: string, connection: string) => ({
          topic,
          partition: 0,
          key,
          value: Buffer.from(key),
          headers: { connection }
        })
        // Three transactions: six records and three markers; the shop's are at 0, 1, 3 and 6.
        yield* writer.commit({ records: [mapped("a", "shop"), mapped("b", "shop")], offsets: [] })
        yield* writer.commit({ records: [mapped("c", "shop"), mapped("d", "other")], offsets: [] })
        yield* writer.commit({ records: [mapped("e", "shop"), mapped("f", "other")], offsets: [] })

        assert.strictEqual(yield* planned("delivery-meta.shop", "beginning"), 4)
        assert.strictEqual(yield* planned("delivery-meta.other", "beginning"), 2)
        assert.strictEqual(yield* planned("delivery-meta", "beginning"), 6)
        assert.strictEqual(yield* planned("delivery-meta.shop", "0:3"), 2)
        assert.strictEqual(yield* planned("delivery-meta.shop", "1:0"), 0)

        // Where the group stands behind the end, only what it took counts.
        yield* writer.commit({ records: [], offsets: [{ groupId, topic, partition: 0, next: 5 }] })
        assert.strictEqual(yield* planned("delivery-meta.shop", "beginning"), 3)

        const done = yield* capi("replay", "--stage", "delivery-meta.shop", "--from", "0:1", "--yes")
        assert.strictEqual(codeOf(done.exit), null)
        const committed = yield* committedOffsets(kafka, groupId, topic)
        assert.strictEqual(committed.find(({ partition }) => partition === 0)?.offset, 1)
        // What was not named, and the group never read, is not skipped.
        for (const { partition, offset } of committed) if (partition !== 0) assert.isNull(offset)

        const stranger = yield* capi("replay", "--stage", "delivery-meta.shop", "--from", "99:0", "--yes")
        assert.strictEqual(codeOf(stranger.exit), "unknown_partition")

        const health = yield* capi("replay", "--stage", "health", "--from", "beginning", "--yes", "--json")
        const groups = jsonLines(health.out)[0]!["groups"] as ReadonlyArray<{ readonly topic: string }>
        assert.deepStrictEqual(
          groups.map((one) => one.topic),
          [`${prefix}delivery-results`, `${prefix}connector-state`]
        )
        for (const one of groups)
          assert.isTrue(
            (yield* committedOffsets(kafka, `${prefix}health`, one.topic)).every(({ offset }) => offset === 0)
          )

        // A delivery that is started while the question stands.
        const settings = Effect.provideService(SettingsService, { topicPrefix: prefix } as SettingsService["Service"])
        const [stage] = yield* stagesOf("delivery-meta.shop").pipe(
          Effect.provide(ConfigProvider.layer(ConfigProvider.fromEnv({ env })))
        )
        const plan = yield* settings(planOf(stage!, new Map([[0, 0]])))
        yield* joinAsProbe(`${prefix}${stage!.members}`, topic)
        assert.strictEqual(codeOf(yield* Effect.exit(settings(resetGroups([plan])))), "group_running")
        const left = yield* committedOffsets(kafka, groupId, topic)
        assert.strictEqual(left.find(({ partition }) => partition === 0)?.offset, 1)
      }).pipe(Effect.provide(layerKafka({ brokers: inject("brokers").split(",") })))
    }).pipe(Effect.scoped)
  )

  it.live(
    "says what a replay sends again to a platform that does not recognize repeats, and refuses where it could not find them",
    () =>
      Effect.gen(function* () {
        const prefix = uniquePrefix("replay-messages")
        const file = path.join(temporaryFolder(), "connections.yaml")
        yield* Effect.addFinalizer(() => Effect.sync(() => rmSync(file)))
        writeFileSync(file, messages)
        const env = {
          KAFKA_BROKERS: inject("brokers"),
          SCHEMA_REGISTRY_URL: inject("registryUrl"),
          CAPI_TOPIC_PREFIX: prefix,
          CAPI_CONNECTIONS: file
        }
        const capi = (...args: ReadonlyArray<string>) => runCommand(args, env)
        const preview = (stage: string) => capi("replay", "--stage", stage, "--from", "beginning", "--dry-run")
        yield* capi("topics", "--create")
        for (const stage of ["mapper", "delivery-whatsapp.orders"])
          assert.include((yield* preview(stage)).out, "orders: what was sent within 24 hours is skipped")
        assert.notInclude((yield* preview("delivery-meta.shop")).out, "24 hours")

        yield* KafkaClient.use((kafka) => kafka.addPartitions([`${prefix}mapped-events.whatsapp`], 6)).pipe(
          Effect.provide(layerKafka({ brokers: env.KAFKA_BROKERS.split(",") }))
        )
        const refused = yield* preview("mapper")
        assert.strictEqual(codeOf(refused.exit), "partitions_differ")
        assert.include((yield* capi("topics", "--create", "--partitions", "6")).out, "./capi topics --add-partitions 6")

        const grown = yield* capi("topics", "--add-partitions", "6")
        assert.include(grown.out, "a replay sends no message twice")
        assert.strictEqual(codeOf((yield* preview("mapper")).exit), null)
        const rows = jsonLines((yield* capi("topics", "--json")).out)[0]!["topics"] as ReadonlyArray<{
          readonly name: string
          readonly partitions: number
        }>
        const alone = new Set(topicTable.topics.filter((row) => row.partitions === 1).map((row) => row.name))
        for (const { name, partitions } of rows) assert.strictEqual(partitions, alone.has(name) ? 1 : 6, name)
      })
  )
})
