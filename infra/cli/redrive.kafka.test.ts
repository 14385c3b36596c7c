/** `./capi redrive` on a real broker: what goes where, once, and what stays. */
import { rmSync, writeFileSync } from "node:fs"
import path from "node:path"
import { assert, describe, inject, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import type { DeadLetter } from "../../schemas/types.gen.ts"
import { Codecs } from "../../shared/codec/codecs.ts"
import { registryLayer } from "../../shared/codec/registry.ts"
import { mapForConnection } from "../../shared/connectors/mapping/map.ts"
import { connectorFor } from "../../shared/connectors/registry.ts"
import { deadLetterAad, makeSealer } from "../../shared/credentials/sealer.ts"
import { type FetchedRecord, KafkaClient } from "../../shared/kafka/client.ts"
import { layerKafka } from "../../shared/kafka/kafkajs/adapter.ts"
import { deadLetter } from "../../shared/model/dead-letter.ts"
import { describeFailure } from "../../shared/runtime/exit.ts"
import { connectionOf, eventTime, purchase } from "../../shared/testing/event-fixture.ts"
import { temporaryFolder } from "../../tests/harness/temporary-folder.ts"
import { uniquePrefix } from "../../tests/harness/test-services.ts"
import { jsonLines, runCommand } from "./testing.ts"

const masterKey = "cmVkcml2ZS0wMTIzNDU2Nzg5YWJjZGVmZ2hpamtsbW4="
const raw = Buffer.from('{"event_id":"raw-1","user":{"email":"jane@example.com"}}')

const deadLetterOf = (more: Partial<DeadLetter>): DeadLetter => ({
  ...deadLetter(
    {
      topic: "normalized-events",
      partition: 1,
      offset: 7,
      timestamp: 1_795_424_000_000,
      key: Buffer.from("e-1")
    },
    {
      stage: "mapper",
      reason_code: "missing_value",
      message: "The event has no value.",
      timestamp: 1_795_424_000_000,
      event_id: "e-1",
      event_name: "purchase",
      connection_id: "shop",
      platform: "meta"
    }
  ),
  ...more
})

const setUp = Effect.gen(function* () {
  const prefix = uniquePrefix("redrive")
  const file = path.join(temporaryFolder(), "connections.yaml")
  yield* Effect.addFinalizer(() => Effect.sync(() => rmSync(file)))
  writeFileSync(
    file,
    "version: 1\nconnections:\n  - { id: shop, platform: meta, account: { dataset_id: 1 }, credential: env:NONE }\n"
  )
  const env = {
    KAFKA_BROKERS: inject("brokers"),
    SCHEMA_REGISTRY_URL: inject("registryUrl"),
    CAPI_TOPIC_PREFIX: prefix,
    CAPI_CONNECTIONS: file,
    CAPI_MASTER_KEY: masterKey
  }
  const capi = (...args: ReadonlyArray<string>) => runCommand(args, env)
  const services = Layer.merge(
    layerKafka({ brokers: inject("brokers").split(",") }),
    registryLayer({ url: inject("registryUrl"), prefix })
  )
  yield* capi("topics", "--create")
  return { prefix, env, capi, services }
})

/** Dead letters on partition 2, so that their ids are 2:0, 2:1, … */
const publish = Effect.fnUntraced(function* (prefix: string) {
  const kafka = yield* KafkaClient
  const codecs = yield* Codecs
  const sealer = makeSealer(Redacted.make(masterKey))
  const seal = (part: "key" | "value", bytes: Buffer) => sealer.seal(bytes, deadLetterAad(part, "raw-events", 3, 5))
  const event = purchase()
  const normalized = codecs.encode("normalized-events", "normalized-event", event)
  const mapping = mapForConnection(event, connectionOf("meta", {}, { id: "shop" }), connectorFor("meta"), eventTime)
  assert.strictEqual(mapping._tag, "Mapped")
  if (mapping._tag !== "Mapped") return
  const mapped = codecs.encode("mapped-events.meta", "mapped-event", mapping.event)
  const deadLetters = [
    deadLetterOf({
      stage: "normalizer",
      reason_code: "schema_unknown",
      source_topic: "raw-events",
      source_partition: 3,
      source_offset: 5,
      original_key: seal("key", Buffer.from("u-7")),
      original: seal("value", raw),
      sealed: true,
      event_id: null,
      connection_id: null,
      platform: null
    }),
    deadLetterOf({ original: normalized }),
    deadLetterOf({
      stage: "delivery-meta",
      reason_code: "100/2804009",
      source_topic: "delivery-retry.meta",
      original: mapped
    }),
    deadLetterOf({ connection_id: "closed", original: normalized }),
    deadLetterOf({ original: null })
  ]
  yield* kafka.produce([
    ...deadLetters.map((one) => ({
      topic: `${prefix}dead-letters`,
      partition: 2,
      key: one.event_id,
      value: codecs.encode("dead-letters", "dead-letter", one)
    })),
    { topic: `${prefix}normalized-events`, partition: 0, key: "e-1", value: normalized }
  ])
})

const readAll = Effect.fnUntraced(function* (topic: string) {
  const kafka = yield* KafkaClient
  const records: Array<FetchedRecord> = []
  const ends = yield* kafka.topicOffsets(topic)
  yield* kafka.read({
    topic,
    ranges: ends.filter(({ high }) => high > 0).map(({ partition, high }) => ({ partition, from: 0, to: high })),
    onRecords: (some) => void records.push(...some)
  })
  return records
})

const codeOf = (exit: Exit.Exit<unknown, unknown>): string | null =>
  Exit.isFailure(exit) ? (describeFailure(exit.cause)?.code ?? null) : null

const redrives = (records: ReadonlyArray<FetchedRecord>) => records.filter(({ headers }) => "redrive" in headers)

describe("capi redrive", () => {
  it.live("sends each dead letter back to the stage that gave it up, once", () =>
    Effect.gen(function* () {
      const { prefix, env, capi, services } = yield* setUp
      yield* publish(prefix).pipe(Effect.provide(services))

      assert.strictEqual(codeOf((yield* capi("redrive")).exit), "nothing_chosen")
      const plan = yield* capi("redrive", "--all", "--dry-run", "--json")
      assert.strictEqual(jsonLines(plan.out)[0]!["letters"], 3)
      assert.deepStrictEqual(jsonLines(plan.out)[0]!["left"], { connection_not_enabled: 1, no_original: 1 })
      assert.strictEqual(codeOf((yield* capi("redrive", "--all")).exit), "not_confirmed")
      const delivery = yield* capi("redrive", "--stage", "delivery", "--dry-run", "--json")
      assert.strictEqual(jsonLines(delivery.out)[0]!["letters"], 1)

      const stranger = yield* runCommand(["redrive", "2:0", "--yes"], {
        ...env,
        CAPI_MASTER_KEY: "YW5vdGhlci0wMTIzNDU2Nzg5YWJjZGVmZ2hpamtsbW4="
      })
      assert.strictEqual(codeOf(stranger.exit), "other_key")
      const keyless = yield* runCommand(["redrive", "2:0", "--yes"], { ...env, CAPI_MASTER_KEY: "" })
      assert.strictEqual(codeOf(keyless.exit), "no_master_key")

      const done = yield* capi("redrive", "--all", "--yes")
      assert.isTrue(Exit.isSuccess(done.exit), String(codeOf(done.exit)))
      assert.include(done.notes.join(), "3 dead letters redriven")
      assert.notInclude(done.out + done.notes.join(), "jane")

      yield* Effect.gen(function* () {
        const [again] = redrives(yield* readAll(`${prefix}raw-events`))
        assert.deepStrictEqual(
          [again?.key?.toString(), again?.value?.toString(), again?.partition],
          ["u-7", raw.toString(), 3]
        )
        const normalized = redrives(yield* readAll(`${prefix}normalized-events`))
        assert.deepStrictEqual(
          normalized.map(({ key, headers, partition }) => [key?.toString(), headers["connection"], partition]),
          [["e-1", "shop", 1]]
        )
        const mapped = redrives(yield* readAll(`${prefix}mapped-events.meta`))
        assert.deepStrictEqual(
          mapped.map(({ key, headers }) => [key?.toString(), headers["connection"], headers["redrive"]]),
          [["e-1", "shop", "2:2"]]
        )
      }).pipe(Effect.provide(services))

      const repeat = yield* capi("redrive", "--all", "--yes", "--json")
      assert.deepInclude(jsonLines(repeat.out)[0], { letters: 0 })
      assert.deepInclude(jsonLines(repeat.out)[0]!["left"], { redriven_before: 3 })
      const listed = yield* capi("dead-letters", "list", "--json")
      const rows = jsonLines(listed.out)[0]!["dead_letters"] as ReadonlyArray<{ redriven: boolean }>
      assert.deepStrictEqual(rows.map(({ redriven }) => redriven).sort(), [false, false, true, true, true])
    }).pipe(Effect.scoped)
  )

  it.live("maps what a platform refused again where asked, and takes marked dead letters only with --again", () =>
    Effect.gen(function* () {
      const { prefix, capi, services } = yield* setUp
      yield* publish(prefix).pipe(Effect.provide(services))
      const remap = ["redrive", "--stage", "delivery-meta", "--remap", "--yes"]
      const first = yield* capi(...remap)
      assert.isTrue(Exit.isSuccess(first.exit), String(codeOf(first.exit)))
      yield* capi(...remap)
      const again = yield* capi(...remap, "--again")
      assert.include(again.notes.join(), "1 dead letter redriven")
      yield* Effect.gen(function* () {
        const normalized = redrives(yield* readAll(`${prefix}normalized-events`))
        assert.deepStrictEqual(
          normalized.map(({ headers }) => [headers["connection"], headers["redrive"]]),
          [
            ["shop", "2:2"],
            ["shop", "2:2"]
          ]
        )
        assert.deepStrictEqual(redrives(yield* readAll(`${prefix}mapped-events.meta`)), [])
      }).pipe(Effect.provide(services))
    }).pipe(Effect.scoped)
  )
})
