import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import * as TestClock from "effect/testing/TestClock"
import { connectorFor } from "../../shared/connectors/registry.ts"
import { deadLetterAad } from "../../shared/credentials/sealer.ts"
import { KafkaClient } from "../../shared/kafka/client.ts"
import { decidedConnectionsTopic } from "../../shared/ledger/decided-connections.ts"
import { connectionOf, eventTime, properties, purchase, testSealer } from "../../shared/testing/event-fixture.ts"
import { makeMemoryCodecs, memoryCodecs } from "../../shared/testing/memory-codecs.ts"
import { MemoryKafka } from "../../shared/testing/memory-kafka.ts"
import { batchOf, runBatches } from "../../shared/testing/run-batches.ts"
import { duplicatesTopic } from "./dedup/duplicate-filter.ts"
import { mapper } from "./mapper.ts"

it.effect("rejects an event whose payload the topic would refuse, keeps it as a dead letter, and goes on", () =>
  Effect.gen(function* () {
    yield* TestClock.setTime(eventTime)
    const codecs = makeMemoryCodecs()
    const connection = connectionOf("meta", {}, { id: "meta-1" })
    const item = {
      id: '"'.repeat(8_000),
      name: null,
      category: null,
      brand: null,
      quantity: 1,
      price: 1,
      variant: null
    }
    // JSON writes each of these quotation marks as two characters.
    const large = purchase({ properties: properties({ value: 1, currency: "USD", items: Array(300).fill(item) }) })
    const records = [large, purchase({ event_id: "e-2" })].map((event) => ({
      key: event.event_id,
      value: codecs.encode("normalized-events", "normalized-event", event)
    }))
    const targets = [{ connection, connector: connectorFor(connection.kind) }]
    const journal = yield* runBatches(mapper(targets, testSealer), [batchOf("normalized-events", records)])
    const outputs = journal
      .flatMap((step) => step.outputs)
      .filter(({ topic }) => topic !== duplicatesTopic && topic !== decidedConnectionsTopic)
    assert.deepStrictEqual(
      outputs.map(({ topic }) => topic),
      ["delivery-results", "dead-letters", "mapped-events.meta"]
    )
    const deadLetter = codecs.decode("dead-letter", outputs[1]!.value)
    if (deadLetter._tag !== "Decoded") return assert.fail(deadLetter.message)
    assert.strictEqual(deadLetter.value.reason_code, "payload_too_large")
    const { original, source_offset, source_partition, source_topic } = deadLetter.value
    const opened = testSealer.open(original!, deadLetterAad("value", source_topic, source_partition, source_offset))
    assert.deepStrictEqual(opened, Result.succeed(records[0]!.value))
  }).pipe(Effect.provide(Layer.merge(memoryCodecs, Layer.succeed(KafkaClient, new MemoryKafka().client))))
)
