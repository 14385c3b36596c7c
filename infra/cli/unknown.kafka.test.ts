/** `./capi unknown` on a real broker: what it lists, and the record that a resend writes. */
import { rmSync, writeFileSync } from "node:fs"
import path from "node:path"
import { assert, describe, inject, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import type { EventDeliveryLog } from "../../schemas/types.gen.ts"
import { Codecs } from "../../shared/codec/codecs.ts"
import { registryLayer } from "../../shared/codec/registry.ts"
import { type FetchedRecord, KafkaClient } from "../../shared/kafka/client.ts"
import { layerKafka } from "../../shared/kafka/kafkajs/adapter.ts"
import { describeFailure } from "../../shared/runtime/exit.ts"
import { deliveryLog } from "../../shared/testing/event-fixture.ts"
import { temporaryFolder } from "../../tests/harness/temporary-folder.ts"
import { uniquePrefix } from "../../tests/harness/test-services.ts"
import { jsonLines, runCommand } from "./testing.ts"

const log = (id: string, outcome: string, timestamp: number): EventDeliveryLog =>
  deliveryLog({
    event_id: id,
    platform: "whatsapp",
    timestamp,
    latency_ms: 0,
    connection_id: "orders",
    outcome,
    reason_code: outcome === "unknown" ? "sent_before_crash" : null,
    mapping_version: "1",
    platform_event: "order_confirmation",
    event_time: 1,
    circuit_state: "CLOSED"
  })

describe("capi unknown", () => {
  it.live("lists events of unknown outcome, and sends them again only when asked to", () =>
    Effect.gen(function* () {
      const prefix = uniquePrefix("unknown")
      const file = path.join(temporaryFolder(), "connections.yaml")
      writeFileSync(
        file,
        "version: 1\nconnections:\n  - { id: orders, platform: whatsapp, account: { phone_number_id: 1 }, credential: env:NONE }\n"
      )
      const capi = (...args: ReadonlyArray<string>) =>
        runCommand(args, {
          KAFKA_BROKERS: inject("brokers"),
          SCHEMA_REGISTRY_URL: inject("registryUrl"),
          CAPI_TOPIC_PREFIX: prefix,
          CAPI_CONNECTIONS: file
        })
      yield* capi("topics", "--create")
      const services = Layer.merge(
        layerKafka({ brokers: inject("brokers").split(",") }),
        registryLayer({ url: inject("registryUrl"), prefix })
      )
      yield* publish(prefix).pipe(Effect.provide(services))

      const listed = yield* capi("unknown", "list", "--json")
      const rows = jsonLines(listed.out)[0] as unknown as ReadonlyArray<{ readonly event_id: string }>
      assert.deepStrictEqual(
        rows.map((row) => row.event_id),
        ["lost", "replayed"]
      )
      assert.strictEqual(codeOf((yield* capi("unknown", "resend", "known", "--yes")).exit), "not_unknown")
      assert.strictEqual(codeOf((yield* capi("unknown", "resend", "--yes")).exit), "nothing_chosen")
      assert.strictEqual(codeOf((yield* capi("unknown", "resend", "lost")).exit), "not_confirmed")
      assert.strictEqual((yield* readMapped(prefix).pipe(Effect.provide(services))).length, 3)

      const resent = yield* capi("unknown", "resend", "lost", "--yes", "--json")
      assert.deepStrictEqual(jsonLines(resent.out)[0], { resent: 1, under_way: [], not_found: [] })
      // Given again before delivery has answered: the message must not go twice.
      const twice = jsonLines((yield* capi("unknown", "resend", "lost", "--yes", "--json")).out)[0]!
      assert.strictEqual(twice["resent"], 0)
      assert.strictEqual((twice["under_way"] as ReadonlyArray<{ event_id: string }>)[0]?.event_id, "lost")
      const records = yield* readMapped(prefix).pipe(Effect.provide(services))
      const again = records.filter((record) => record.headers["resend"] === "true")
      assert.strictEqual(again.length, 1)
      assert.strictEqual(again[0]?.key?.toString(), "lost")
      assert.strictEqual(again[0]?.value?.toString(), "payload of lost")
      assert.strictEqual(again[0]?.headers["connection"], "orders")
      // The partition that remembers the event's intent.
      assert.strictEqual(again[0]?.partition, 2)

      const outcomeOf = (id: string, outcome: string) =>
        Effect.map(capi("results", "--outcome", outcome, "--json"), ({ out }) =>
          (jsonLines(out)[0]!["results"] as ReadonlyArray<EventDeliveryLog>).some((log) => log.event_id === id)
        )
      // A replay's skip and a redrive's acceptance are results like others; what counts is what is known.
      assert.isTrue(yield* outcomeOf("replayed", "unknown"))
      assert.isFalse(yield* outcomeOf("replayed", "skipped"))
      assert.isFalse(yield* outcomeOf("redriven", "rejected"))
      assert.isTrue(yield* outcomeOf("redriven", "accepted"))
      assert.strictEqual(codeOf((yield* capi("unknown", "resolve", "lost")).exit), "no_decision")
      yield* capi("unknown", "resolve", "lost", "--arrived")
      yield* capi("unknown", "resolve", "replayed", "--lost")
      assert.isTrue(yield* outcomeOf("lost", "delivered"))
      assert.isTrue(yield* outcomeOf("replayed", "rejected"))
      assert.strictEqual((yield* capi("unknown", "list", "--json")).out, "[]\n")
      rmSync(file)
    }).pipe(Effect.scoped)
  )
})

const codeOf = (exit: Exit.Exit<unknown, unknown>): string | null =>
  Exit.isFailure(exit) ? (describeFailure(exit.cause)?.code ?? null) : null

/** Events that are unknown, one whose status a webhook has sent since, one that was redriven, and one of another connection. */
const publish = (prefix: string) =>
  Effect.gen(function* () {
    const kafka = yield* KafkaClient
    const codecs = yield* Codecs
    const results = [
      log("lost", "unknown", 1),
      log("known", "unknown", 1),
      log("known", "accepted", 2),
      log("replayed", "unknown", 3),
      { ...log("replayed", "skipped", 4), reason_code: "duplicate" },
      { ...log("redriven", "rejected", 1), attempted_at: 1 },
      log("redriven", "accepted", 5)
    ]
    yield* kafka.produce(
      results.map((value) => ({
        topic: `${prefix}delivery-results`,
        key: value.event_id,
        value: codecs.encode("delivery-results", "event-delivery-log", value)
      }))
    )
    const mapped = (id: string, connection: string, partition: number) => ({
      topic: `${prefix}mapped-events.whatsapp`,
      partition,
      key: id,
      value: Buffer.from(`payload of ${id}`),
      headers: { connection }
    })
    yield* kafka.produce([mapped("lost", "orders", 2), mapped("known", "orders", 1), mapped("lost", "others", 2)])
  })

const readMapped = (prefix: string) =>
  Effect.gen(function* () {
    const kafka = yield* KafkaClient
    const records: Array<FetchedRecord> = []
    const topic = `${prefix}mapped-events.whatsapp`
    const ends = yield* kafka.topicOffsets(topic)
    yield* kafka.read({
      topic,
      ranges: ends.filter(({ high }) => high > 0).map(({ partition, high }) => ({ partition, from: 0, to: high })),
      onRecords: (some) => void records.push(...some)
    })
    return records
  })
