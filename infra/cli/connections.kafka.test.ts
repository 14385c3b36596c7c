/** Connections that come, go and come back, on a real broker: the ledger asks each for what it had, and events that no group reads are named. */

import { writeFileSync } from "node:fs"
import path from "node:path"
import { assert, inject, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import { mapper } from "../../processors/mapper/mapper.ts"
import { Codecs } from "../../shared/codec/codecs.ts"
import { registryLayer } from "../../shared/codec/registry.ts"
import { connectorFor } from "../../shared/connectors/registry.ts"
import { makeSealer } from "../../shared/credentials/sealer.ts"
import { KafkaClient } from "../../shared/kafka/client.ts"
import { layerKafka } from "../../shared/kafka/kafkajs/adapter.ts"
import { layerRuntimeOptions } from "../../shared/runtime/contract.ts"
import { run } from "../../shared/runtime/runtime.ts"
import { connectionOf, deliveryLog, eventTime, purchase } from "../../shared/testing/event-fixture.ts"
import { committedOffsets, readAll, until } from "../../shared/testing/kafka-probe.ts"
import { temporaryFolder } from "../../tests/harness/temporary-folder.ts"
import { uniquePrefix } from "../../tests/harness/test-services.ts"
import { jsonLines, runCommand } from "./testing.ts"

interface Row {
  readonly connection_id: string
  readonly state: string
  readonly consumed: number
  readonly missing: ReadonlyArray<string>
  readonly unread: ReadonlyArray<string>
}

const masterKey = "Y29ubmVjdGlvbnMtMDEyMzQ1Njc4OWFiY2RlZmdoaWo="
const accounts = { meta: "{ dataset_id: 1 }", tiktok: "{ pixel_code: C1 }" }

const makeSetup = Effect.gen(function* () {
  const file = path.join(temporaryFolder(), "connections.yaml")
  const prefix = uniquePrefix("connections")
  const env = {
    KAFKA_BROKERS: inject("brokers"),
    SCHEMA_REGISTRY_URL: inject("registryUrl"),
    CAPI_TOPIC_PREFIX: prefix,
    CAPI_CONNECTIONS: file,
    CAPI_MASTER_KEY: masterKey
  }
  const capi = (...args: ReadonlyArray<string>) => runCommand(args, env)
  const configure = (connections: Readonly<Record<string, boolean>>, platform: keyof typeof accounts = "meta") =>
    Effect.sync(() => {
      const rows = Object.entries(connections).map(
        ([id, enabled]) =>
          `  - { id: ${id}, platform: ${platform}, enabled: ${enabled}, account: ${accounts[platform]}, credential: env:NONE }\n`
      )
      writeFileSync(file, `version: 1\nconnections:\n${rows.join("")}`)
    })
  yield* configure({ shop: true })
  yield* capi("topics", "--create")
  const client = yield* KafkaClient
  const services = Layer.merge(
    registryLayer({ url: env.SCHEMA_REGISTRY_URL, prefix }),
    layerRuntimeOptions({ prefix, drainTimeout: Duration.seconds(5) })
  )
  const codecs = yield* Effect.provide(Codecs, services)
  let offset = 0
  /** Three events that the mapper passes for these connections, of `meta` where no other platform is named as in `shop/tiktok`. */
  const pass = Effect.fnUntraced(function* (...ids: ReadonlyArray<string>) {
    for (let count = 0; count < 3; count++, offset++) {
      const id = `e-${offset}`
      const source = { topic: "raw-events", partition: 0, offset, timestamp: eventTime }
      const value = codecs.encode("normalized-events", "normalized-event", purchase({ event_id: id, source }))
      yield* client.produce([
        { topic: `${prefix}raw-events`, partition: 0, key: id, value: Buffer.from("{}"), timestamp: eventTime },
        { topic: `${prefix}normalized-events`, key: id, value }
      ])
    }
    yield* client.commitOffsets(`${prefix}normalizer`, [{ topic: `${prefix}raw-events`, partition: 0, next: offset }])
    const targets = ids.map((text) => {
      const [id = "", platform = "meta"] = text.split("/") as [string, keyof typeof accounts | undefined]
      return { connection: connectionOf(platform, { maxAgeDays: null }, { id }), connector: connectorFor(platform) }
    })
    const fiber = yield* Effect.forkChild(
      Effect.provide(run(mapper(targets, makeSealer(Redacted.make(masterKey)))), services)
    )
    yield* until("every event has passed", () =>
      Effect.gen(function* () {
        const ends = yield* client.topicOffsets(`${prefix}normalized-events`)
        const committed = yield* committedOffsets(client, `${prefix}mapper`, `${prefix}normalized-events`)
        return ends.every(({ partition, high }) => high === (committed[partition]?.offset ?? 0))
      })
    )
    yield* Fiber.interrupt(fiber)
  })
  /** The delivery of a connection takes all that is mapped for it. */
  const deliver = Effect.fnUntraced(function* (connectionId: string, events: ReadonlyArray<number>) {
    const topic = `${prefix}mapped-events.meta`
    yield* client.produce(
      events.map((event) => ({
        topic: `${prefix}delivery-results`,
        key: `e-${event}`,
        value: codecs.encode(
          "delivery-results",
          "event-delivery-log",
          deliveryLog({
            event_id: `e-${event}`,
            connection_id: connectionId,
            source: { topic: "raw-events", partition: 0, offset: event, timestamp: eventTime }
          })
        )
      }))
    )
    const ends = (yield* client.topicOffsets(topic)).map(({ partition, high }) => ({ topic, partition, next: high }))
    yield* client.commitOffsets(`${prefix}delivery-meta.${connectionId}`, ends)
  })
  const ledger = Effect.map(capi("ledger", "--json"), ({ exit, out }) => {
    const { connections } = jsonLines(out)[0] as unknown as { readonly connections: ReadonlyArray<Row> }
    const rows = connections.map(({ connection_id, state, consumed, missing, unread }) =>
      [connection_id, state, consumed, missing.length, unread.length].join(" ")
    )
    return { isBalanced: Exit.isSuccess(exit), rows: rows.sort() }
  })
  return { prefix, capi, configure, pass, deliver, ledger }
})

const kafka = layerKafka({ brokers: inject("brokers").split(","), sessionTimeoutMillis: 6_000 })

it.live("asks a connection that was added, or disabled for a while, for what passed the mapper with it", () =>
  Effect.gen(function* () {
    const { configure, pass, deliver, ledger } = yield* makeSetup
    yield* pass("shop")
    yield* deliver("shop", [0, 1, 2])
    yield* configure({ shop: true, added: true })
    yield* pass("shop", "added")
    yield* deliver("shop", [3, 4, 5])
    yield* deliver("added", [3, 4, 5])
    assert.deepStrictEqual(yield* ledger, {
      isBalanced: true,
      rows: ["added enabled 3 0 0", "shop enabled 6 0 0"]
    })
    yield* configure({ shop: false, added: true })
    yield* pass("added")
    yield* configure({ shop: true, added: true })
    yield* pass("shop", "added")
    yield* deliver("added", [6, 7, 8, 9, 10, 11])
    yield* deliver("shop", [9, 10, 11])
    assert.deepStrictEqual(yield* ledger, {
      isBalanced: true,
      rows: ["added enabled 9 0 0", "shop enabled 9 0 0"]
    })
  }).pipe(Effect.provide(kafka))
)

it.live("names what waits for a connection that was renamed or disabled, until it is back or given up", () =>
  Effect.gen(function* () {
    const { prefix, capi, configure, pass, deliver, ledger } = yield* makeSetup
    yield* pass("shop")
    yield* deliver("shop", [0, 1, 2])
    yield* pass("shop")
    yield* configure({ store: true })
    yield* pass("store")
    yield* deliver("store", [6, 7, 8])
    assert.deepStrictEqual(yield* ledger, {
      isBalanced: false,
      rows: ["shop removed 6 0 3", "store enabled 3 0 0"]
    })
    const named = /3 events wait for the connection shop \(meta\), which is not in the file/
    assert.match((yield* capi("topics")).out, named)
    assert.match((yield* capi("lint")).out, named)
    assert.match((yield* capi("ledger")).out, /shop is removed: 3 events wait for it/)
    assert.isTrue(Exit.isFailure((yield* capi("give-up", "store", "--yes")).exit), "an enabled one delivers")

    yield* configure({ store: true, shop: false })
    assert.isTrue((yield* ledger).isBalanced, "a disabled one may be meant to wait")
    assert.match((yield* capi("topics")).out, /3 events wait for the connection shop \(meta\), which is disabled/)

    yield* configure({ store: true })
    const unreadable = { key: "x", value: Buffer.from("no event"), headers: { connection: "shop" } }
    yield* KafkaClient.use((client) => client.produce([{ topic: `${prefix}mapped-events.meta`, ...unreadable }]))
    const done = yield* capi("give-up", "shop", "--yes", "--json")
    assert.isTrue(Exit.isSuccess(done.exit), String(done.exit))
    assert.deepInclude(jsonLines(done.out)[0], { given_up: 4 })
    assert.deepStrictEqual(yield* ledger, {
      isBalanced: true,
      rows: ["shop removed 6 0 0", "store enabled 3 0 0"]
    })
    assert.notMatch((yield* capi("topics")).out, /wait for the connection/)
    const listed = yield* capi("dead-letters", "list", "--reason", "connection_removed", "--json")
    assert.strictEqual((jsonLines(listed.out)[0]!["dead_letters"] as ReadonlyArray<unknown>).length, 3)
    const unread = yield* capi("dead-letters", "list", "--reason", "not_avro", "--json")
    assert.strictEqual((jsonLines(unread.out)[0]!["dead_letters"] as ReadonlyArray<unknown>).length, 1)

    // Those alone: published again, they are no repeats for the connection.
    const refused = yield* readAll(`${prefix}delivery-refusals`)
    assert.sameMembers(
      refused.map(({ key }) => String(key)),
      ["e-3", "e-4", "e-5"]
    )
  }).pipe(Effect.provide(kafka))
)

it.live(
  "loses no event of a connection that gets another platform under its id, or that the mapper does not have",
  () =>
    Effect.gen(function* () {
      const { prefix, capi, configure, pass, ledger } = yield* makeSetup
      const left = (...more: ReadonlyArray<string>) =>
        Effect.map(
          capi("redrive", "--connection", "shop", "--dry-run", "--json", ...more),
          ({ out }) => jsonLines(out)[0]!["left"]
        )
      yield* pass("shop")
      yield* configure({ shop: true }, "tiktok")
      yield* pass("shop/tiktok")
      const named = /3 events wait for the connection shop \(meta\), which is a connection of another platform now/
      assert.match((yield* capi("topics")).out, named)
      assert.match((yield* capi("lint")).out, named)
      assert.deepStrictEqual(yield* ledger, { isBalanced: true, rows: ["shop enabled 6 0 0"] })
      const done = yield* capi("give-up", "shop", "--yes", "--json")
      assert.deepInclude(jsonLines(done.out)[0], { given_up: 3 })
      assert.notMatch((yield* capi("topics")).out, /wait for the connection/)
      assert.deepStrictEqual(yield* left(), { other_platform: 3 })

      yield* configure({ shop: true })
      assert.deepStrictEqual(yield* left(), { connection_not_taken: 3 })
      yield* configure({ shop: true }, "tiktok")
      assert.deepStrictEqual(yield* left("--remap"), {})
      const redriven = yield* capi("redrive", "--connection", "shop", "--remap", "--yes")
      assert.include(redriven.notes.join(), "3 dead letters redriven")

      // The mapper is restarted without the connection before it comes to what was redriven.
      yield* pass("store")
      const lost = yield* capi("dead-letters", "list", "--reason", "connection_not_enabled", "--json")
      const rows = jsonLines(lost.out)[0]!["dead_letters"] as ReadonlyArray<Readonly<Record<string, unknown>>>
      assert.deepStrictEqual(
        rows.map((row) => [row["stage"], row["connection_id"], row["platform"]]),
        Array.from({ length: 3 }, () => ["mapper", "shop", "meta"])
      )
      assert.deepStrictEqual(yield* left("--reason", "connection_not_enabled"), { connection_not_taken: 3 })
      yield* pass("shop/tiktok")
      const again = ["redrive", "--reason", "connection_not_enabled", "--yes"]
      assert.isTrue(Exit.isSuccess((yield* capi(...again)).exit))
      yield* pass("shop/tiktok")
      const mapped = yield* readAll(`${prefix}mapped-events.tiktok`)
      assert.sameMembers(
        mapped.map(({ key }) => String(key)).filter((id) => ["e-0", "e-1", "e-2"].includes(id)),
        ["e-0", "e-1", "e-2"]
      )
    }).pipe(Effect.provide(kafka))
)
