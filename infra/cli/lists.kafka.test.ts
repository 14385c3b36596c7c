/** Lists and filters on a real broker: nothing ends without a remark, and a misspelt name is an error, not an empty answer. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import os from "node:os"
import path from "node:path"
import { assert, describe, inject, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { DeadLetter, EventDeliveryLog } from "../../schemas/types.gen.ts"
import { Codecs } from "../../shared/codec/codecs.ts"
import { registryLayer } from "../../shared/codec/registry.ts"
import { KafkaClient } from "../../shared/kafka/client.ts"
import { layerKafka } from "../../shared/kafka/kafkajs/adapter.ts"
import { deadLetter } from "../../shared/model/dead-letter.ts"
import { describeFailure } from "../../shared/runtime/exit.ts"
import { deliveryLog } from "../../shared/testing/event-fixture.ts"
import { uniquePrefix } from "../../tests/harness/test-services.ts"
import { jsonLines, type RanCommand, runCommand } from "./testing.ts"

const setUp = Effect.gen(function* () {
  const folder = yield* Effect.acquireRelease(
    Effect.sync(() => mkdtempSync(path.join(os.tmpdir(), "capi-lists-"))),
    (made) => Effect.sync(() => rmSync(made, { recursive: true, force: true }))
  )
  const connections = path.join(folder, "connections.yaml")
  writeFileSync(
    connections,
    "version: 1\nconnections:\n  - { id: shop, platform: meta, account: { dataset_id: 1 }, credential: env:NONE }\n"
  )
  const prefix = uniquePrefix("lists")
  const env = {
    KAFKA_BROKERS: inject("brokers"),
    SCHEMA_REGISTRY_URL: inject("registryUrl"),
    CAPI_TOPIC_PREFIX: prefix,
    CAPI_CONNECTIONS: connections,
    CAPI_MASTER_KEY: "bGlzdHMtMDEyMzQ1Njc4OWFiY2RlZmdoaWprbG1ub3A="
  }
  const capi = (...args: ReadonlyArray<string>) => runCommand(args, env)
  yield* capi("topics", "--create")
  const kafka = layerKafka({ brokers: env.KAFKA_BROKERS.split(",") })
  const registry = registryLayer({ url: env.SCHEMA_REGISTRY_URL, prefix })
  return { prefix, capi, kafka, registry }
})

const failureOf = ({ exit }: RanCommand) => (Exit.isFailure(exit) ? describeFailure(exit.cause) : null)
const firstTime = 1_795_424_000_000

const result = (index: number, more: Partial<EventDeliveryLog> = {}): EventDeliveryLog =>
  deliveryLog({
    event_id: `e-${index}`,
    timestamp: firstTime + index,
    latency_ms: 1,
    connection_id: "shop",
    outcome: "rejected",
    reason_code: "event_too_old:100/2804003",
    mapping_version: "1",
    ...more
  })

const entry = (index: number, reason: string): DeadLetter =>
  deadLetter(
    { topic: "raw-events", partition: 0, offset: index, timestamp: firstTime, value: Buffer.from("{}") },
    {
      stage: "delivery-meta",
      reason_code: reason,
      message: "The event is too old.",
      timestamp: firstTime + index,
      attempts: 1,
      event_id: `e-${index}`,
      connection_id: "gone",
      platform: "meta"
    }
  )

/** 130 results and dead letters over all partitions, each in a transaction: a marker stands behind every record. */
const publish = (prefix: string) =>
  Effect.gen(function* () {
    const client = yield* KafkaClient
    const codecs = yield* Codecs
    const producer = yield* client.transactional(`${prefix}lists`)
    for (let index = 0; index < 130; index++) {
      const value = codecs.encode("delivery-results", "event-delivery-log", result(index))
      const dead = entry(index, index % 2 === 0 ? "event_too_old:100/2804003" : "attempts_exhausted")
      // Later events on lower partitions: the order of partitions is not that of time.
      const partition = 3 - Math.floor(index / 33)
      const timestamp = firstTime + index
      yield* producer.commit({
        records: [
          { topic: `${prefix}delivery-results`, key: `e-${index}`, value, partition, timestamp },
          {
            topic: `${prefix}dead-letters`,
            key: `e-${index}`,
            value: codecs.encode("dead-letters", "dead-letter", dead),
            partition: 0
          }
        ],
        offsets: []
      })
    }
  }).pipe(Effect.scoped)

describe("lists", () => {
  it.live(
    "say how much they leave out, name the last records by time, and refuse unknown names",
    () =>
      Effect.gen(function* () {
        const { prefix, capi, kafka, registry } = yield* setUp
        yield* publish(prefix).pipe(Effect.provide(kafka), Effect.provide(registry))

        for (const [command, key] of [
          [["results"], "results"],
          [["dead-letters", "list"], "dead_letters"]
        ] as const) {
          const text = yield* capi(...command)
          assert.match(text.out, /^30 older ones are not shown\. --limit 130 shows all/m)
          const [json] = jsonLines((yield* capi(...command, "--json")).out)
          assert.deepInclude(json, { shown: 100, total: 130, more: 30 })
          assert.strictEqual((json![key] as ReadonlyArray<unknown>).length, 100)
          const all = yield* capi(...command, "--limit", "130")
          assert.notInclude(all.out, "not shown")
          assert.include(all.out, "e-0 ")
        }

        const tailed = jsonLines((yield* capi("tail", "delivery-results", "--last", "3", "--json")).out)
        assert.deepStrictEqual(
          tailed.map(({ value }) => (value as { event_id: string }).event_id),
          ["e-127", "e-128", "e-129"]
        )
        const many = jsonLines((yield* capi("tail", "delivery-results", "--last", "110", "--json")).out)
        assert.deepStrictEqual(
          many.map(({ value }) => (value as { event_id: string }).event_id),
          Array.from({ length: 110 }, (_, index) => `e-${20 + index}`)
        )
        assert.strictEqual(
          jsonLines((yield* capi("tail", "delivery-results", "--last", "999", "--json")).out).length,
          130
        )

        // An id is found as its producer writes it, which need not be as it is stored.
        for (const args of [["results", "--event"], ["trace"], ["explain"]]) {
          const asWritten = yield* capi(...args, " e-7\u202e\n", "--json")
          assert.notStrictEqual(failureOf(asWritten)?.code, "not_found", args.join(" "))
          assert.include(asWritten.out, args[0] === "explain" ? "" : '"e-7"', args.join(" "))
        }

        const refused = Effect.fnUntraced(function* (code: string, known: string, ...args: ReadonlyArray<string>) {
          const failure = failureOf(yield* capi(...args))
          assert.deepInclude(failure, { code, exitCode: 2 }, args.join(" "))
          assert.include(failure?.nextStep, known)
        })
        const connection = ["--connection", "shpo"]
        yield* refused("unknown_connection", "shop", "results", ...connection)
        yield* refused("unknown_connection", "shop", "results", "--summary", ...connection)
        yield* refused("unknown_connection", "shop", "unknown", "list", ...connection)
        yield* refused("unknown_connection", "shop", "unknown", "resend", "--all", "--yes", ...connection)
        yield* refused("unknown_connection", "gone", "dead-letters", "list", ...connection)
        yield* refused("unknown_connection", "gone", "redrive", "--dry-run", ...connection)
        yield* refused("unknown_connection", "shop", "quality", ...connection)
        yield* refused("unknown_reason", "attempts_exhausted", "dead-letters", "list", "--reason", "attempts_exausted")
        yield* refused("unknown_reason", "event_too_old", "redrive", "--dry-run", "--reason", "to_old")

        // Known names without a record are empty answers: a removed connection's dead letters, a reason by its word or in full.
        const found = Effect.fnUntraced(function* (...filter: ReadonlyArray<string>) {
          return jsonLines((yield* capi("dead-letters", "list", "--json", ...filter)).out)[0]?.["total"]
        })
        assert.strictEqual(yield* found("--connection", "gone"), 130)
        assert.strictEqual(yield* found("--connection", "shop"), 0)
        assert.strictEqual(yield* found("--reason", "missing_value"), 0)
        assert.strictEqual(yield* found("--reason", "event_too_old"), 65)
        assert.strictEqual(yield* found("--reason", "event_too_old:100/2804003"), 65)
        assert.strictEqual(failureOf(yield* capi("redrive", "0:99999", "--dry-run"))?.code, "not_found")

        // Every name that `topics` prints is one that `tail` takes; the broker's name too.
        const [listed] = jsonLines((yield* capi("topics", "--json")).out)
        assert.strictEqual(listed?.["prefix"], prefix)
        for (const { name } of listed!["topics"] as ReadonlyArray<{ name: string }>)
          assert.isNull(failureOf(yield* capi("tail", name, "--last", "1")), name)
        assert.include((yield* capi("topics")).out, `begins with ${prefix}`)
        assert.include((yield* capi("tail", `${prefix}delivery-results`, "--last", "1")).out, "e-129")
      }).pipe(Effect.scoped),
    240_000
  )
})
