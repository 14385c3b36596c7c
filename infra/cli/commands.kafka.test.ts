/** The commands that talk to Kafka, against a real broker and registry. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import os from "node:os"
import path from "node:path"
import { assert, describe, inject, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Redacted from "effect/Redacted"
import type { EventDeliveryLog } from "../../schemas/types.gen.ts"
import { Codecs } from "../../shared/codec/codecs.ts"
import { registryLayer } from "../../shared/codec/registry.ts"
import { deadLetterAad, makeSealer } from "../../shared/credentials/sealer.ts"
import { KafkaClient } from "../../shared/kafka/client.ts"
import { layerKafka } from "../../shared/kafka/kafkajs/adapter.ts"
import { deadLetter } from "../../shared/model/dead-letter.ts"
import { describeFailure } from "../../shared/runtime/exit.ts"
import { deliveryLog, healthStatus } from "../../shared/testing/event-fixture.ts"
import { uniquePrefix } from "../../tests/harness/test-services.ts"
import { jsonLines, runCommand } from "./testing.ts"

const masterKey = "Y29tbWFuZHMtMDEyMzQ1Njc4OWFiY2RlZmdoaWprbG0="

const setUp = Effect.acquireRelease(
  Effect.sync(() => {
    const folder = mkdtempSync(path.join(os.tmpdir(), "capi-commands-"))
    const connections = path.join(folder, "connections.yaml")
    writeFileSync(
      connections,
      "version: 1\nconnections:\n  - { id: shop, platform: meta, account: { dataset_id: 1 }, credential: env:NONE }\n"
    )
    const prefix = uniquePrefix("cli")
    const env = {
      KAFKA_BROKERS: inject("brokers"),
      SCHEMA_REGISTRY_URL: inject("registryUrl"),
      CAPI_TOPIC_PREFIX: prefix,
      CAPI_CONNECTIONS: connections,
      CAPI_MASTER_KEY: masterKey
    }
    const capi = (...args: ReadonlyArray<string>) => runCommand(args, env)
    return { folder, prefix, env, capi }
  }),
  ({ folder }) => Effect.sync(() => rmSync(folder, { recursive: true, force: true }))
)

const services = (env: { readonly KAFKA_BROKERS: string; readonly SCHEMA_REGISTRY_URL: string }, prefix: string) =>
  [
    layerKafka({ brokers: env.KAFKA_BROKERS.split(",") }),
    registryLayer({ url: env.SCHEMA_REGISTRY_URL, prefix })
  ] as const

const codeOf = (exit: Exit.Exit<unknown, unknown>): string | null =>
  Exit.isFailure(exit) ? (describeFailure(exit.cause)?.code ?? null) : null

const log = (id: string, outcome: string): EventDeliveryLog =>
  deliveryLog({
    event_id: id,
    timestamp: 1_795_424_000_000,
    latency_ms: 12,
    request_id: "abc-77",
    connection_id: "shop",
    outcome,
    reason_code: outcome === "delivered" ? null : "100/2804009",
    events_received: 1,
    mapping_version: "1",
    platform_event: "Purchase",
    event_time: 1,
    attempted_at: 1,
    circuit_state: "CLOSED"
  })

describe("commands on a broker", () => {
  it.live("topics, send, tail and replay go together", () =>
    Effect.gen(function* () {
      const { capi, folder } = yield* setUp
      const before = yield* capi("topics", "--json")
      assert.isTrue(Exit.isSuccess(before.exit), Exit.isFailure(before.exit) ? Cause.pretty(before.exit.cause) : "")
      assert.isTrue(
        jsonLines(before.out).every(({ topics }) =>
          (topics as Array<{ present: boolean }>).every((row) => !row.present)
        )
      )
      const created = yield* capi("topics", "--create")
      assert.isTrue(Exit.isSuccess(created.exit), Exit.isFailure(created.exit) ? Cause.pretty(created.exit.cause) : "")
      assert.match(created.out, /^raw-events +raw-event .* created$/m)

      const events = path.join(folder, "events.jsonl")
      const line = (id: string) =>
        JSON.stringify({
          event_id: id,
          event_name: "purchase",
          user: { email: "jane@example.com", external_id: "u-1" }
        })
      writeFileSync(events, `${line("e-1")}\nnonsense\n${line("e-2")}`)
      const sent = yield* capi("send", events, "--now", "--json")
      assert.deepStrictEqual(jsonLines(sent.out), [{ sent: 2, refused: 1 }])
      assert.strictEqual(codeOf(sent.exit), "refused")
      assert.include(sent.notes.join(), "line 2")
      const avro = yield* capi("send", events, "--now", "--encoding", "avro", "--json")
      assert.deepStrictEqual(jsonLines(avro.out), [{ sent: 2, refused: 1 }])

      const tailed = yield* capi("tail", "raw-events", "--from", "beginning", "--json")
      const views = jsonLines(tailed.out)
      assert.strictEqual(views.length, 4)
      assert.deepStrictEqual(views.map(({ value }) => (value as { event_id: string }).event_id).sort(), [
        "e-1",
        "e-1",
        "e-2",
        "e-2"
      ])
      assert.notInclude(tailed.out, "jane")
      assert.notInclude(tailed.out, "u-1")

      const plan = yield* capi("replay", "--stage", "normalizer", "--from", "beginning", "--dry-run", "--json")
      assert.strictEqual(jsonLines(plan.out)[0]!["records"], 4)
      const unconfirmed = yield* capi("replay", "--stage", "normalizer", "--from", "beginning")
      assert.strictEqual(codeOf(unconfirmed.exit), "not_confirmed")
      const done = yield* capi("replay", "--stage", "normalizer", "--from", "beginning", "--yes")
      assert.isTrue(Exit.isSuccess(done.exit), Exit.isFailure(done.exit) ? Cause.pretty(done.exit.cause) : "")
      const misspelt = yield* capi("replay", "--stage", "delivery-mta", "--from", "beginning", "--yes")
      assert.strictEqual(codeOf(misspelt.exit), "unknown_stage")
    }).pipe(Effect.scoped)
  )

  it.live("a replay refuses while the group runs", () =>
    Effect.gen(function* () {
      const { capi, env, prefix } = yield* setUp
      yield* capi("topics", "--create")
      const [kafka] = services(env, prefix)
      yield* Effect.gen(function* () {
        const client = yield* KafkaClient
        yield* client.join({
          groupId: `${prefix}mapper`,
          topics: [`${prefix}normalized-events`],
          assignment: "balanced",
          processors: ["mapper"],
          rebalanceWaitMillis: 0,
          handlers: {
            onRebalancing: async () => {},
            onAssigned: () => {},
            onRecords: () => {},
            onGap: () => {},
            onUnreadable: () => {},
            onCrashed: () => {}
          }
        })
        const refused = yield* capi("replay", "--stage", "mapper", "--from", "beginning", "--yes")
        assert.strictEqual(codeOf(refused.exit), "group_running")
      }).pipe(Effect.scoped, Effect.provide(kafka))
    }).pipe(Effect.scoped)
  )

  it.live("results, health and dead letters are read back", () =>
    Effect.gen(function* () {
      const { capi, env, prefix } = yield* setUp
      yield* capi("topics", "--create")
      const [kafka, registry] = services(env, prefix)
      const original = Buffer.from('{"event_id":"e-9","user":{"email":"jane@example.com"}}')
      const sealed = makeSealer(Redacted.make(masterKey)).seal(original, deadLetterAad("value", "raw-events", 0, 7))
      const entry = deadLetter(
        { topic: "raw-events", partition: 0, offset: 7, timestamp: 1_795_424_000_000, value: sealed },
        {
          stage: "normalizer",
          reason_code: "missing_event_time",
          message: "The event has no event_time.",
          timestamp: 1_795_424_000_000,
          sealed: true,
          event_id: "e-9",
          next_step: "Set event_time."
        }
      )
      yield* Effect.gen(function* () {
        const client = yield* KafkaClient
        const codecs = yield* Codecs
        const results = [log("e-1", "delivered"), log("e-2", "rejected")].map((value) => ({
          topic: `${prefix}delivery-results`,
          key: value.event_id,
          value: codecs.encode("delivery-results", "event-delivery-log", value)
        }))
        const status = (status: string) => ({
          topic: `${prefix}connector-health`,
          key: "shop",
          value: codecs.encode(
            "connector-health",
            "connector-health-status",
            healthStatus({
              status,
              success_rate_1h: 50,
              issues: ["The circuit is open."],
              connection_id: "shop",
              last_check: Date.now()
            })
          )
        })
        yield* client.produce([...results, status("healthy"), status("unhealthy")])
        yield* client.produce([
          {
            topic: `${prefix}dead-letters`,
            key: "e-9",
            value: codecs.encode("dead-letters", "dead-letter", entry),
            partition: 0
          }
        ])
      }).pipe(Effect.provide(kafka), Effect.provide(registry))

      const all = yield* capi("results", "--json")
      assert.deepInclude(jsonLines(all.out)[0], { shown: 2, total: 2, more: 0, next_step: null })
      assert.strictEqual((jsonLines(all.out)[0]!["results"] as ReadonlyArray<unknown>).length, 2)
      const one = yield* capi("results", "--event", "e-2")
      assert.match(one.out, /e-2 .*rejected .*100\/2804009/)
      assert.notInclude(one.out, "e-1 ")
      assert.strictEqual(codeOf((yield* capi("results", "--event", "e-3")).exit), "not_found")
      const summary = yield* capi("results", "--summary", "--json")
      assert.strictEqual(jsonLines(summary.out)[0]!["balanced"], true)
      assert.isTrue(Exit.isSuccess((yield* capi("ledger")).exit))

      const unknown = yield* capi("map", "suggest", "--from-topic", "--json")
      assert.deepStrictEqual(jsonLines(unknown.out)[0] as unknown, [])
      const quality = yield* capi("quality", "--json")
      assert.deepStrictEqual((jsonLines(quality.out)[0] as unknown as ReadonlyArray<{ events: number }>)[0]?.events, 0)
      const health = yield* capi("health")
      assert.strictEqual(codeOf(health.exit), "unhealthy")
      assert.include(health.out, "The circuit is open.")

      const listed = yield* capi("dead-letters", "list")
      assert.match(listed.out, /0:0 .*missing_event_time/)
      const hidden = yield* capi("dead-letters", "show", "0:0")
      assert.notInclude(hidden.out, "jane")
      const revealed = yield* capi("dead-letters", "show", "0:0", "--reveal", "--json")
      assert.strictEqual(jsonLines(revealed.out)[0]!["original"], original.toString())
      assert.strictEqual(codeOf((yield* capi("dead-letters", "show", "0:99")).exit), "not_found")
    }).pipe(Effect.scoped)
  )
})
