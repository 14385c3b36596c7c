import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { SettingsService } from "../../shared/config/settings.ts"
import { KafkaClient } from "../../shared/kafka/client.ts"
import { deliveryLog } from "../../shared/testing/event-fixture.ts"
import { MemoryKafka } from "../../shared/testing/memory-kafka.ts"
import { recordsToResend } from "./records-to-resend.ts"

it.effect("are the newest of each event, and hold nothing else of what was fetched with them", () =>
  Effect.gen(function* () {
    const kafka = new MemoryKafka()
    for (const topic of ["mapped-events.meta", "delivery-retry.meta"]) kafka.log.create(topic, 1)
    const headers = { connection: "shop" }
    const put = (topic: string, key: string, text: string) =>
      kafka.client.produce([{ topic, key, value: Buffer.from(text), headers }])
    yield* put("mapped-events.meta", "e1", "first ")
    yield* put("mapped-events.meta", "e2", "second")
    yield* put("mapped-events.meta", "e1", "third ")
    // As the client does: each record is a view of the response.
    const client = KafkaClient.of({
      ...kafka.client,
      read: (options) =>
        kafka.client.read({
          ...options,
          onRecords: (records) => {
            const response = Buffer.concat([...records.map(({ value }) => value!), Buffer.alloc(10_000_000)])
            const views = records.map((record, index) => ({
              ...record,
              value: response.subarray(6 * index, 6 * index + 6)
            }))
            return options.onRecords(views)
          }
        })
    })
    const chosen = ["e1", "e2", "e3"].map((id) =>
      deliveryLog({ event_id: id, connection_id: "shop", platform: "meta" })
    )
    const services = Layer.merge(
      Layer.succeed(KafkaClient, client),
      Layer.succeed(SettingsService, { topicPrefix: "" } as SettingsService["Service"])
    )
    const { records, missing } = yield* Effect.provide(recordsToResend(chosen), services)
    const marks = { connection: "shop", resend: "true", resend_of: String(chosen[0]!.timestamp) }
    assert.deepStrictEqual(
      records.map(({ key, value, headers }): ReadonlyArray<unknown> => [String(key), String(value), headers]),
      [
        ["e1", "third ", marks],
        ["e2", "second", marks]
      ]
    )
    assert.deepStrictEqual(
      missing.map(({ event_id }) => event_id),
      ["e3"]
    )
    for (const { value } of records) assert.isBelow(value!.buffer.byteLength, 100_000)

    yield* kafka.client.produce(records)
    const again = yield* Effect.provide(recordsToResend(chosen), services)
    assert.deepStrictEqual([again.records, again.underWay.map(({ event_id }) => event_id)], [[], ["e1", "e2"]])
    // It was sent again, and its outcome is unknown again.
    const later = chosen.map((log) => ({ ...log, timestamp: log.timestamp + 1 }))
    assert.strictEqual((yield* Effect.provide(recordsToResend(later), services)).records.length, 2)
  })
)
