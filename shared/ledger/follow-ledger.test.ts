import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { KafkaClient } from "../kafka/client.ts"
import { purchase } from "../testing/event-fixture.ts"
import { makeMemoryCodecs, memoryCodecs } from "../testing/memory-codecs.ts"
import { MemoryKafka } from "../testing/memory-kafka.ts"
import { followLedger } from "./follow-ledger.ts"

const codecs = makeMemoryCodecs()
const topics = ["raw-events", "normalized-events", "mapped-events.meta", "delivery-results", "dead-letters"]

/** Kafka in memory, where one more event passes the normalizer each time that raw events are read. */
const busyWorld = () => {
  const kafka = new MemoryKafka()
  for (const topic of topics) kafka.log.create(topic, 1)
  let offset = 0
  const pass = Effect.gen(function* () {
    yield* kafka.client.produce([{ topic: "raw-events", key: null, value: Buffer.from("a") }])
    const source = { topic: "raw-events", partition: 0, offset, timestamp: 0 }
    const value = codecs.encode("normalized-events", "normalized-event", purchase({ source }))
    yield* kafka.client.produce([{ topic: "normalized-events", key: "e", value }])
    yield* kafka.client.resetOffsets("normalizer", "raw-events", [{ partition: 0, offset: ++offset }])
  }).pipe(Effect.orDie)
  const client = KafkaClient.of({
    ...kafka.client,
    read: (options) => Effect.andThen(kafka.client.read(options), options.topic === "raw-events" ? pass : Effect.void)
  })
  return Layer.merge(Layer.succeed(KafkaClient, client), memoryCodecs)
}

// Red when each topic is read to the end that it has when its turn comes.
it.effect("names nothing that passed a stage between the reading of two topics", () =>
  Effect.gen(function* () {
    const round = yield* followLedger(0, [{ id: "meta", platform: "meta" }], "")
    for (let count = 0; count < 4; count++) assert.deepStrictEqual((yield* round).missing, [])
    assert.strictEqual((yield* round).inFlight, 4)
  }).pipe(Effect.provide(busyWorld()))
)

// Red when every topic is read from the same time on.
it.effect("finds the traces of an event whose producer's clock was ahead", () =>
  Effect.gen(function* () {
    const kafka = new MemoryKafka()
    for (const topic of topics) kafka.log.create(topic, 1)
    const since = 1_795_424_000_000
    const raw = { topic: "raw-events", key: null, value: Buffer.from("a"), timestamp: since + 1_000 }
    const source = { topic: "raw-events", partition: 0, offset: 0, timestamp: raw.timestamp }
    const value = codecs.encode("normalized-events", "normalized-event", purchase({ source }))
    yield* kafka.client.produce([raw, { topic: "normalized-events", key: "e", value, timestamp: since - 1_000 }])
    yield* kafka.client.resetOffsets("normalizer", "raw-events", [{ partition: 0, offset: 1 }])
    const rounds = Effect.gen(function* () {
      const round = yield* followLedger(since, [{ id: "meta", platform: "meta" }], "")
      return [yield* round, yield* round].map(({ missing }) => missing.length)
    })
    assert.deepStrictEqual(yield* Effect.provide(rounds, Layer.merge(kafka.layer, memoryCodecs)), [0, 0])
  })
)
