/** On a real broker: a dead letter whose event the platform delivered after all says so, and is not redriven. */
import { rmSync, writeFileSync } from "node:fs"
import path from "node:path"
import { assert, inject, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { conclude } from "../../processors/delivery/outcomes/final-results.ts"
import type { DeadLetter, PendingOutcome } from "../../schemas/types.gen.ts"
import { Codecs } from "../../shared/codec/codecs.ts"
import { registryLayer } from "../../shared/codec/registry.ts"
import { KafkaClient } from "../../shared/kafka/client.ts"
import { layerKafka } from "../../shared/kafka/kafkajs/adapter.ts"
import { temporaryFolder } from "../../tests/harness/temporary-folder.ts"
import { uniquePrefix } from "../../tests/harness/test-services.ts"
import { jsonLines, runCommand } from "./testing.ts"

const pending: PendingOutcome = {
  connection_id: "orders",
  platform: "whatsapp",
  later_id: "wamid.1",
  accepted_at: 1_795_424_000_000,
  rejected_at: null,
  latency_ms: 5,
  events: [
    {
      event_id: "e-1",
      event_name: "purchase",
      event_time: 1_795_424_000_000,
      platform_event: "order_ok",
      mapping_version: "1",
      retry_count: 0,
      source: { topic: "raw-events", partition: 0, offset: 7, timestamp: 0 },
      traceparent: null
    }
  ]
}
const failed = {
  _tag: "Final" as const,
  processed: 0,
  rejected: [{ verdict: { errorClass: "transient" as const, reasonCode: "131049", message: "Held back." }, count: 1 }],
  warnings: []
}
const delivered = { _tag: "Final" as const, processed: 1, rejected: [], warnings: [] }

/** A list is one line of JSON. */
const rowsOf = (out: string, list: "results" | "dead_letters") =>
  jsonLines(out)[0]![list] as ReadonlyArray<Record<string, unknown>>

it.live(
  "is resolved",
  () =>
    Effect.gen(function* () {
      const prefix = uniquePrefix("resolved")
      const file = path.join(temporaryFolder(), "connections.yaml")
      yield* Effect.addFinalizer(() => Effect.sync(() => rmSync(file)))
      writeFileSync(
        file,
        "version: 1\nconnections:\n  - { id: orders, platform: whatsapp, account: { phone_number_id: 1 }, credential: env:NONE, mapping: { templates: { purchase: { name: t } } } }\n"
      )
      const env = {
        KAFKA_BROKERS: inject("brokers"),
        SCHEMA_REGISTRY_URL: inject("registryUrl"),
        CAPI_TOPIC_PREFIX: prefix,
        CAPI_CONNECTIONS: file
      }
      const capi = (...args: ReadonlyArray<string>) => runCommand(args, env)
      yield* capi("topics", "--create")
      const services = Layer.merge(
        layerKafka({ brokers: inject("brokers").split(",") }),
        registryLayer({ url: inject("registryUrl"), prefix })
      )
      yield* Effect.provide(write(prefix), services)

      const listed = yield* capi("dead-letters", "list", "--json")
      assert.deepStrictEqual(
        rowsOf(listed.out, "dead_letters").map((deadLetter) => [
          deadLetter["request_id"],
          deadLetter["resolved_by"],
          deadLetter["redriven"]
        ]),
        [
          ["wamid.1", "delivered", false],
          ["wamid.2", null, false]
        ]
      )
      assert.include((yield* capi("dead-letters", "list")).out, "RESOLVED")
      const plan = yield* capi("redrive", "--all", "--again", "--dry-run", "--json")
      assert.deepInclude(jsonLines(plan.out)[0], { letters: 1, left: { delivered_after_all: 1 } })
      const results = yield* capi("results", "--event", "e-1", "--json")
      assert.deepStrictEqual(
        rowsOf(results.out, "results").map(({ outcome, corrects, pricing }) => [outcome, corrects, pricing]),
        [
          ["rejected", null, null],
          ["delivered", "rejected", { category: "utility", type: "regular" }]
        ]
      )
      assert.include((yield* capi("results", "--event", "e-1")).out, "utility/regular")
    }).pipe(Effect.scoped),
  120_000
)

/** What the delivery writes for a failure and its correction; a second dead letter stays as it is. Both hold an original. */
const write = Effect.fnUntraced(function* (prefix: string) {
  const kafka = yield* KafkaClient
  const codecs = yield* Codecs
  const at = 1_795_424_000_000
  const first = conclude(codecs, pending, failed, at + 1).outputs
  const second = conclude(codecs, { ...pending, rejected_at: at + 1 }, delivered, at + 2, {
    pricing: { category: "utility", type: "regular" }
  }).outputs
  yield* kafka.produce([...first, ...second].map((output) => ({ ...output, topic: prefix + output.topic })))
  const deadLetter = first.find(({ topic }) => topic === "dead-letters")
  yield* codecs.loadSchemas([deadLetter?.value ?? null])
  const decoded = codecs.decode("dead-letter", deadLetter?.value ?? null)
  if (decoded._tag !== "Decoded") return assert.fail("The dead letter cannot be read.")
  const other: DeadLetter = { ...decoded.value, request_id: "wamid.2", timestamp: at + 3, original: Buffer.from("x") }
  yield* kafka.produce([
    { topic: `${prefix}dead-letters`, key: "e-1", value: codecs.encode("dead-letters", "dead-letter", other) }
  ])
})
