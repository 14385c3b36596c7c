/**
 * Characters that a terminal obeys, in every text that a producer or a platform writes: none of them comes out of any command, neither
 * for people, coloured or not, nor as JSON.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import os from "node:os"
import path from "node:path"
import { assert, describe, inject, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Redacted from "effect/Redacted"
import { Codecs, type SchemaName } from "../../shared/codec/codecs.ts"
import { registryLayer } from "../../shared/codec/registry.ts"
import { deadLetterAad, makeSealer } from "../../shared/credentials/sealer.ts"
import { KafkaClient, type ProducedRecord } from "../../shared/kafka/client.ts"
import { layerKafka } from "../../shared/kafka/kafkajs/adapter.ts"
import { deadLetter } from "../../shared/model/dead-letter.ts"
import { describeFailure, formatFailure } from "../../shared/runtime/exit.ts"
import { printable } from "../../shared/telemetry/printable.ts"
import { deliveryLog, purchase } from "../../shared/testing/event-fixture.ts"
import { uniquePrefix } from "../../tests/harness/test-services.ts"
import { commands as allCommands } from "./root.ts"
import { runCommand } from "./testing.ts"

/** Clears the screen, sets the title, moves the cursor by C1, reverses the line, isolates, ends a line and overwrites it. */
const hostile = "x\u001b[2J\u001b]0;owned\u0007\u009b5A\u0000\u202etxt\u2066\u2069\u200f\u2028\r\u007f\u001b[31m"
const masterKey = "aG9zdGlsZS0wMTIzNDU2Nzg5YWJjZGVmZ2hpamtsbW4="
const now = Date.now()

/** Whatever is left beside line feeds, tabs and this program's colours. */
const obeyed = /(?![\n\t])[\p{Cc}\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/u
const ownColours = new RegExp(
  `${String.fromCharCode(27)}\\[(?:(?:0|1|2|3[1-4])m|H${String.fromCharCode(27)}\\[2J)`,
  "g"
)

const setUp = Effect.gen(function* () {
  const folder = yield* Effect.acquireRelease(
    Effect.sync(() => mkdtempSync(path.join(os.tmpdir(), "capi-hostile-"))),
    (made) => Effect.sync(() => rmSync(made, { recursive: true, force: true }))
  )
  const connections = path.join(folder, "connections.yaml")
  writeFileSync(
    connections,
    "version: 1\nconnections:\n  - { id: shop, platform: meta, account: { dataset_id: 1 }, credential: env:NONE }\n"
  )
  const prefix = uniquePrefix("hostile")
  const env = {
    KAFKA_BROKERS: inject("brokers"),
    SCHEMA_REGISTRY_URL: inject("registryUrl"),
    CAPI_TOPIC_PREFIX: prefix,
    CAPI_CONNECTIONS: connections,
    CAPI_MASTER_KEY: masterKey,
    CAPI_CREDENTIALS_FILE: path.join(folder, "credentials.json")
  }
  return { folder, prefix, env }
})

const rawEvent = {
  event_id: hostile,
  event_name: hostile,
  event_time: now,
  event_source_url: `https://shop.example/${hostile}?a=${hostile}`,
  [`field${hostile}`]: hostile,
  user: { external_id: [hostile], email: hostile, user_agent: hostile, [`name${hostile}`]: hostile },
  properties: { content_name: hostile, custom: { [hostile]: hostile, good: hostile } }
}

const sealed = (part: "key" | "value", offset: number): Buffer =>
  makeSealer(Redacted.make(masterKey)).seal(Buffer.from(hostile), deadLetterAad(part, "raw-events", 0, offset))

const records = (prefix: string, codecs: Codecs["Service"]): ReadonlyArray<ProducedRecord> => {
  const record = <S extends SchemaName>(topic: string, schema: S, value: Parameters<typeof codecs.encode<S>>[2]) => ({
    topic: prefix + topic,
    partition: 0,
    key: hostile,
    value: codecs.encode(topic, schema, value)
  })
  const entry = deadLetter(
    { topic: "raw-events", partition: 0, offset: 7, timestamp: now, key: sealed("key", 7), value: sealed("value", 7) },
    {
      stage: "normalizer",
      reason_code: hostile,
      message: hostile,
      timestamp: now,
      event_id: hostile,
      sealed: true
    }
  )
  const result = deliveryLog({
    timestamp: now,
    connection_id: "shop",
    outcome: "unknown",
    event_id: hostile,
    event_name: hostile,
    reason_code: hostile,
    error_message: hostile,
    request_id: hostile,
    request_note: hostile,
    mapping_version: hostile,
    platform_event: hostile
  })
  const event = purchase({ event_id: hostile, event_name: hostile })
  return [
    { topic: `${prefix}raw-events`, partition: 0, key: hostile, value: Buffer.from(JSON.stringify(rawEvent)) },
    { topic: `${prefix}raw-events`, partition: 0, key: hostile, value: Buffer.from(hostile) },
    record("normalized-events", "normalized-event", {
      ...event,
      properties: { ...event.properties!, description: hostile }
    }),
    record("delivery-results", "event-delivery-log", result),
    record("dead-letters", "dead-letter", entry),
    record("connector-health", "connector-health-status", {
      connection_id: hostile,
      platform: hostile,
      status: "unhealthy",
      last_check: now,
      success_rate_1h: 1,
      avg_latency_ms: 1,
      error_count_1h: 1,
      events_processed_1h: 1,
      circuit_state: "CLOSED",
      issues: [hostile],
      recommendations: [hostile],
      outcomes_1h: { rejected: 1 }
    } as never)
  ]
}

/** Each command on what was planted, and on such arguments; null where it only starts programs or waits for them. */
const commands = (folder: string): Readonly<Record<string, ReadonlyArray<ReadonlyArray<string>> | null>> => {
  const events = path.join(folder, "events.jsonl")
  writeFileSync(events, `${JSON.stringify(rawEvent)}\n${hostile}\n`)
  return {
    up: null,
    down: null,
    env: null,
    run: null,
    topics: [["topics"], ["topics", hostile], ["topics", `--${hostile}`], ["topics", "--partitions", hostile]],
    send: [
      ["send", events, "--dry-run"],
      ["send", events],
      ["send", hostile]
    ],
    tail: ["raw-events", "normalized-events", "delivery-results", "dead-letters", "connector-health", hostile].map(
      (topic) => ["tail", topic, "--from", "beginning"]
    ),
    results: [
      ["results"],
      ["results", "--summary"],
      ["results", "--event", hostile],
      ["results", "--connection", hostile]
    ],
    "dead-letters": [
      ["dead-letters", "list"],
      ["dead-letters", "list", "--reason", hostile],
      ["dead-letters", "show", "0:0"],
      ["dead-letters", "show", "0:0", "--reveal"],
      ["dead-letters", "show", hostile]
    ],
    "give-up": [["give-up", hostile]],
    redrive: [
      ["redrive", "--all", "--dry-run"],
      ["redrive", hostile, "--yes"]
    ],
    unknown: [
      ["unknown", "list"],
      ["unknown", "resend", hostile, "--yes"]
    ],
    health: [["health"]],
    ledger: [["ledger"]],
    replay: [["replay", hostile]],
    connect: [["connect", "test", hostile]],
    credentials: [
      ["credentials", hostile],
      ["credentials", "list"],
      ["credentials", "remove", hostile, "--yes"]
    ],
    lint: [["lint"], ["lint", hostile]],
    prepare: [["prepare", events, "--platform", "meta"]],
    map: [["map", hostile]],
    version: [["version"]],
    top: [["top", "--times", "1", "--every", "200 millis"]],
    // It follows until it is stopped, and prints as tail does.
    tap: null,
    notify: [["notify", "test", hostile]],
    erase: [["erase", hostile, "--dry-run"]],
    erasures: [["erasures"]],
    subject: [["subject", "export", hostile]],
    doctor: [["doctor", "--program", "health"]],
    trace: [["trace", hostile]],
    explain: [
      ["explain", events],
      ["explain", hostile]
    ],
    quality: [["quality"], ["quality", "--connection", hostile]]
  }
}

describe("a terminal", () => {
  it.live(
    "gets nothing that it would obey, whatever a producer or a platform wrote",
    () =>
      Effect.gen(function* () {
        const { env, folder, prefix } = yield* setUp
        const created = yield* runCommand(["topics", "--create"], env)
        assert.isTrue(Exit.isSuccess(created.exit))
        const codecs = registryLayer({ url: env.SCHEMA_REGISTRY_URL, prefix })
        yield* Effect.gen(function* () {
          yield* (yield* KafkaClient).produce(records(prefix, yield* Codecs))
        }).pipe(Effect.provide(layerKafka({ brokers: env.KAFKA_BROKERS.split(",") })), Effect.provide(codecs))

        const list = commands(folder)
        assert.deepStrictEqual(Object.keys(list).sort(), Object.keys(allCommands).sort(), "a new command is tried here")
        const showing = new Set<string>()
        for (const [name, runs] of Object.entries(list)) {
          for (const args of runs ?? []) {
            for (const form of ["plain", "coloured", "json"] as const) {
              const ran = yield* runCommand(form === "json" ? [...args, "--json"] : args, env, form === "coloured")
              const failure = Exit.isFailure(ran.exit) ? describeFailure(ran.exit.cause) : null
              const text = [
                ran.out,
                ...ran.notes,
                failure === null ? "" : printable(formatFailure("capi", failure))
              ].join("\n")
              const left = obeyed.exec(form === "coloured" ? text.replaceAll(ownColours, "") : text)
              const where =
                left === null ? "" : JSON.stringify(text.slice(Math.max(0, left.index - 60), left.index + 20))
              assert.isNull(left, `${args.map((arg) => JSON.stringify(arg)).join(" ")} (${form}): ${where}`)
              if (text.includes("\\u001b")) showing.add(name)
            }
          }
        }
        // The texts did come there, else this shows nothing.
        for (const name of ["tail", "results", "dead-letters", "redrive", "unknown", "health", "topics", "credentials"])
          assert.include([...showing], name)
        const revealed = yield* runCommand(["dead-letters", "show", "0:0", "--reveal"], env)
        assert.include(revealed.out, "x\\u001b[2J\\u001b]0;owned\\u0007\\u009b5A")
      }).pipe(Effect.scoped),
    180_000
  )
})
