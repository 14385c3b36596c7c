import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import * as TestClock from "effect/testing/TestClock"
import type { NormalizedEvent } from "../../schemas/types.gen.ts"
import type { Connection } from "../../shared/connections/connection.ts"
import { connectorFor } from "../../shared/connectors/registry.ts"
import { deadLetterAad } from "../../shared/credentials/sealer.ts"
import { KafkaClient } from "../../shared/kafka/client.ts"
import { decidedConnectionsTopic } from "../../shared/ledger/decided-connections.ts"
import { SuppressionTable, suppressionKey } from "../../shared/suppression/suppressions.ts"
import {
  connectionOf,
  consent,
  eventTime,
  properties,
  purchase,
  testSealer
} from "../../shared/testing/event-fixture.ts"
import { makeMemoryCodecs, memoryCodecs } from "../../shared/testing/memory-codecs.ts"
import { MemoryKafka } from "../../shared/testing/memory-kafka.ts"
import { batchOf, runBatches } from "../../shared/testing/run-batches.ts"
import type { Target } from "./decide.ts"
import { duplicatesTopic } from "./dedup/duplicate-filter.ts"
import { mapper } from "./mapper.ts"

const codecs = makeMemoryCodecs()
const target = (connection: Connection): Target => ({ connection, connector: connectorFor(connection.kind) })
const encoded = (event: NormalizedEvent) => ({
  key: event.event_id,
  value: codecs.encode("normalized-events", "normalized-event", event)
})

/** What the mapper writes for the events, as `topic connection: what`. */
const written = (
  connections: ReadonlyArray<Connection>,
  records: ReadonlyArray<{
    readonly key: string
    readonly value: Buffer | null
    readonly headers?: Readonly<Record<string, string>>
  }>,
  suppressions?: SuppressionTable
) =>
  Effect.gen(function* () {
    yield* TestClock.setTime(eventTime)
    const journal = yield* runBatches(mapper(connections.map(target), testSealer, undefined, suppressions), [
      batchOf("normalized-events", records)
    ])
    return journal
      .flatMap(({ outputs }) => outputs)
      .filter(({ topic }) => topic !== duplicatesTopic && topic !== decidedConnectionsTopic)
  }).pipe(Effect.provide(Layer.merge(memoryCodecs, Layer.succeed(KafkaClient, new MemoryKafka().client))))

const summary = (output: { topic: string; value: Buffer | null; headers?: Readonly<Record<string, string>> }) => {
  const where = `${output.topic} ${output.headers?.["connection"] ?? "-"}`
  if (output.topic === "delivery-results") {
    const decoded = codecs.decode("event-delivery-log", output.value)
    if (decoded._tag === "Decoded") return `${where} ${decoded.value.outcome} ${decoded.value.reason_code}`
  }
  if (output.topic === "dead-letters") {
    const decoded = codecs.decode("dead-letter", output.value)
    if (decoded._tag === "Decoded") return `${where} ${decoded.value.reason_code} ${decoded.value.source_offset}`
  }
  const decoded = codecs.decode("mapped-event", output.value)
  return decoded._tag === "Decoded" ? `${where} ${decoded.value.platform_event}` : where
}

const connections = [
  connectionOf("meta", {}, { id: "meta-1" }),
  connectionOf("tiktok", {}, { id: "tiktok-1" }),
  connectionOf("google", {}, { id: "off", enabled: false })
]

it.effect("writes one record for every event and enabled connection, in order", () =>
  Effect.gen(function* () {
    const outputs = yield* written(connections, [
      encoded(purchase()),
      encoded(purchase({ event_id: "e-2", consent: consent({ ad_user_data: "denied" }) })),
      encoded(purchase({ event_id: "e-3", properties: properties() })),
      encoded(purchase({ event_id: "e-4", event_time: eventTime - 8 * 86_400_000 }))
    ])
    assert.deepStrictEqual(
      outputs.map((output) => `${output.key} ${summary(output)}`),
      [
        "e-1 mapped-events.meta meta-1 Purchase",
        "e-1 mapped-events.tiktok tiktok-1 CompletePayment",
        "e-2 delivery-results meta-1 skipped consent",
        "e-2 delivery-results tiktok-1 skipped consent",
        "e-3 delivery-results meta-1 rejected missing_value",
        "e-3 dead-letters meta-1 missing_value 2",
        "e-3 mapped-events.tiktok tiktok-1 CompletePayment",
        "e-4 delivery-results meta-1 expired event_too_old",
        "e-4 dead-letters meta-1 event_too_old 3",
        "e-4 delivery-results tiktok-1 expired event_too_old",
        "e-4 dead-letters tiktok-1 event_too_old 3"
      ]
    )
  })
)

it.effect("sends what is no normalized event to the dead letters, and goes on with its neighbours", () =>
  Effect.gen(function* () {
    const outputs = yield* written(connections.slice(0, 1), [
      { key: "x", value: Buffer.from("nonsense") },
      { key: "y", value: null },
      encoded(purchase())
    ])
    assert.deepStrictEqual(outputs.map(summary), [
      "dead-letters - not_avro 0",
      "dead-letters - empty 1",
      "mapped-events.meta meta-1 Purchase"
    ])
    assert.strictEqual(outputs[0]?.key, "normalized-events/0/0")
    const deadLetter = codecs.decode("dead-letter", outputs[0]!.value)
    if (deadLetter._tag !== "Decoded") return assert.fail(deadLetter.message)
    const { original, original_key, sealed } = deadLetter.value
    assert.isTrue(sealed)
    assert.notInclude(outputs[0]!.value!.toString("latin1"), "nonsense")
    const opened = (part: "key" | "value", bytes: Buffer | null) =>
      Result.getOrThrow(testSealer.open(bytes!, deadLetterAad(part, "normalized-events", 0, 0))).toString()
    assert.deepStrictEqual([opened("value", original), opened("key", original_key)], ["nonsense", "x"])
  })
)

it.effect("maps a redriven event for its connection alone", () =>
  Effect.gen(function* () {
    const redriven = { ...encoded(purchase()), headers: { connection: "tiktok-1" } }
    const outputs = yield* written(connections, [encoded(purchase()), redriven])
    assert.deepStrictEqual(outputs.map(summary), [
      "mapped-events.meta meta-1 Purchase",
      "mapped-events.tiktok tiktok-1 CompletePayment",
      "mapped-events.tiktok tiktok-1 CompletePayment"
    ])
  })
)

it.effect("makes a dead letter again of a redriven event whose connection it does not have", () =>
  Effect.gen(function* () {
    const suppressions = new SuppressionTable()
    const never = { ad_user_data: null, ad_personalization: null, sale_of_data: null }
    suppressions.apply(suppressionKey("erased", "erased0erased0er"), {
      ...{ at: eventTime, erasure: null, destroy_at: null },
      ...never
    })
    const headers = { redrive: "2:7", connection: "off", platform: "google" }
    const outputs = yield* written(
      connections,
      [
        { ...encoded(purchase()), headers },
        { ...encoded(purchase({ event_id: "e-2" })), headers: { connection: "gone" } },
        { ...encoded(purchase({ event_id: "e-3", person_ids: "erased0erased0er" })), headers }
      ],
      suppressions
    )
    assert.deepStrictEqual(outputs.map(summary), [
      "delivery-results off rejected connection_not_enabled",
      "dead-letters off connection_not_enabled 0",
      "delivery-results gone rejected connection_not_enabled",
      "dead-letters gone connection_not_enabled 1",
      "delivery-results off skipped erased"
    ])
    const letter = codecs.decode("dead-letter", outputs[1]!.value)
    assert.strictEqual(letter._tag, "Decoded")
    if (letter._tag !== "Decoded") return
    const { stage, connection_id, platform, event_id, original } = letter.value
    assert.deepStrictEqual([stage, connection_id, platform, event_id], ["mapper", "off", "google", "e-1"])
    const opened = testSealer.open(original!, deadLetterAad("value", "normalized-events", 0, 0))
    assert.deepStrictEqual(Result.getOrThrow(opened), encoded(purchase()).value)
  })
)

it.effect("writes the same bytes for the same event", () =>
  Effect.gen(function* () {
    const once = yield* written(connections, [encoded(purchase())])
    assert.deepStrictEqual(yield* written(connections, [encoded(purchase())]), once)
  })
)

it.effect(
  "maps an erased person's event for no connection, and one after a withdrawal with the consent that is left",
  () =>
    Effect.gen(function* () {
      const [erased, withdrew, restricted] = ["erased0erased0er", "withdrew0withdre", "restrict0restric"] as const
      const denied = {
        erasure: null,
        destroy_at: null,
        ad_user_data: null,
        ad_personalization: null,
        sale_of_data: null
      }
      const suppressions = new SuppressionTable()
      suppressions.apply(suppressionKey("erased", erased), { ...denied, at: eventTime })
      suppressions.apply(suppressionKey("consent", withdrew), { ...denied, at: eventTime, ad_user_data: "denied" })
      suppressions.apply(suppressionKey("consent", restricted), { ...denied, at: eventTime, sale_of_data: "denied" })
      const granted = consent({ ad_user_data: "granted", sale_of_data: "granted" })
      const events = [erased, withdrew, restricted, "stranger0strange"].map((person) =>
        encoded({ ...purchase(), event_id: person, person_ids: person, consent: granted })
      )
      const outputs = yield* written([connectionOf("meta"), connectionOf("tiktok")], events, suppressions)
      const of = (person: string) => outputs.filter(({ key }) => key === person)
      assert.deepStrictEqual(of(erased).map(summary), [
        "delivery-results builtin-meta skipped erased",
        "delivery-results builtin-tiktok skipped erased"
      ])
      assert.deepStrictEqual(of(withdrew).map(summary), [
        "delivery-results builtin-meta skipped consent_withdrawn",
        "delivery-results builtin-tiktok skipped consent_withdrawn"
      ])
      const mapped = [...of(restricted), ...of("stranger0strange")].map(({ value }) => {
        const decoded = codecs.decode("mapped-event", value)
        return decoded._tag === "Decoded" ? decoded.value : null
      })
      assert.deepStrictEqual(
        mapped.map((event) => event?.consent?.sale_of_data),
        ["denied", "denied", "granted", "granted"]
      )
      assert.include(mapped[0]?.payload, "LDU")
      assert.notInclude(mapped[2]?.payload, "LDU")
      assert.deepStrictEqual(
        mapped.map((event) => event?.person_ids),
        [restricted, restricted, "stranger0strange", "stranger0strange"]
      )
    })
)
