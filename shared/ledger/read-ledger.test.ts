import { assert, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as TestClock from "effect/testing/TestClock"
import { mapForConnection } from "../connectors/mapping/map.ts"
import { connectorFor } from "../connectors/registry.ts"
import { KafkaClient } from "../kafka/client.ts"
import { connectionOf, purchase } from "../testing/event-fixture.ts"
import { makeMemoryCodecs, memoryCodecs } from "../testing/memory-codecs.ts"
import { MemoryKafka } from "../testing/memory-kafka.ts"
import { followLedger, readLedger } from "./read-ledger.ts"

const codecs = makeMemoryCodecs()
const topics = ["raw-events", "normalized-events", "mapped-events.meta", "delivery-results", "dead-letters"]

/** Kafka in memory, where one more event passes the normalizer each time that raw events are read, or that a topic's place at a time is asked for. */
const busyKafka = (at: "read" | "offsetsAt" = "read") => {
  const kafka = new MemoryKafka()
  for (const topic of topics) kafka.log.create(topic, 1)
  let offset = 0
  const pass = Effect.gen(function* () {
    yield* kafka.client.produce([{ topic: "raw-events", key: null, value: Buffer.from("a") }])
    const source = { topic: "raw-events", partition: 0, offset, timestamp: 0 }
    const value = codecs.encode("normalized-events", "normalized-event", purchase({ source }))
    yield* kafka.client.produce([{ topic: "normalized-events", key: "e", value }])
    yield* kafka.client.commitOffsets("normalizer", [{ topic: "raw-events", partition: 0, next: ++offset }])
  }).pipe(Effect.orDie)
  const client = KafkaClient.of({
    ...kafka.client,
    offsetsAt: (topic, time) =>
      Effect.tap(kafka.client.offsetsAt(topic, time), at === "offsetsAt" ? pass : Effect.void),
    read: (options) =>
      Effect.tap(kafka.client.read(options), at === "read" && options.topic === "raw-events" ? pass : Effect.void)
  })
  return Layer.merge(Layer.succeed(KafkaClient, client), memoryCodecs)
}

it.effect("names nothing that passed a stage between the reading of two topics", () =>
  Effect.gen(function* () {
    const round = yield* followLedger(0, [{ id: "meta", platform: "meta" }], "")
    for (let count = 0; count < 4; count++) assert.deepStrictEqual((yield* round).missing, [])
    assert.strictEqual((yield* round).inFlight, 4)
  }).pipe(Effect.provide(busyKafka()))
)

it.effect("names nothing that passed a stage while it began with a clock that was ahead of the topics", () =>
  Effect.gen(function* () {
    const round = yield* followLedger(1_795_424_000_000, [{ id: "meta", platform: "meta" }], "")
    for (let count = 0; count < 4; count++) assert.deepStrictEqual((yield* round).missing, [])
  }).pipe(Effect.provide(busyKafka("offsetsAt")))
)

it.effect("finds the traces of an event whose producer's clock was ahead", () =>
  Effect.gen(function* () {
    const kafka = new MemoryKafka()
    for (const topic of topics) kafka.log.create(topic, 1)
    const since = 1_795_424_000_000
    const raw = { topic: "raw-events", key: null, value: Buffer.from("a"), timestamp: since + 1_000 }
    const source = { topic: "raw-events", partition: 0, offset: 0, timestamp: raw.timestamp }
    const value = codecs.encode("normalized-events", "normalized-event", purchase({ source }))
    yield* kafka.client.produce([raw, { topic: "normalized-events", key: "e", value, timestamp: since - 1_000 }])
    yield* kafka.client.commitOffsets("normalizer", [{ topic: "raw-events", partition: 0, next: 1 }])
    const rounds = Effect.gen(function* () {
      const round = yield* followLedger(since, [{ id: "meta", platform: "meta" }], "")
      return [yield* round, yield* round].map(({ missing }) => missing.length)
    })
    assert.deepStrictEqual(yield* Effect.provide(rounds, Layer.merge(kafka.layer, memoryCodecs)), [0, 0])
  })
)

it.effect("does not judge raw records that are older than results are kept", () =>
  Effect.gen(function* () {
    const now = 1_795_424_000_000
    yield* TestClock.setTime(now)
    const kafka = new MemoryKafka()
    for (const topic of ["raw-events", "normalized-events", "delivery-results", "dead-letters"])
      kafka.log.create(topic, 1)
    const ages = [Duration.days(31), Duration.days(29)]
    yield* kafka.client.produce(
      ages.map((age) => ({ topic: "raw-events", key: null, value: null, timestamp: now - Duration.toMillis(age) }))
    )
    yield* kafka.client.commitOffsets("normalizer", [{ topic: "raw-events", partition: 0, next: 2 }])
    const read = readLedger({ from: 0, to: now + 1 }, [], "")
    const balance = yield* Effect.provide(read, Layer.merge(kafka.layer, memoryCodecs))
    assert.deepStrictEqual([balance.raw, balance.missingRaw], [1, ["0:1"]])
  })
)

it.effect("names a normalized event of the range that no raw record stands behind", () =>
  Effect.gen(function* () {
    const now = 1_795_424_000_000
    yield* TestClock.setTime(now)
    const kafka = new MemoryKafka()
    for (const topic of ["raw-events", "normalized-events", "delivery-results", "dead-letters"])
      kafka.log.create(topic, 1)
    const timestamp = now - 1_000
    yield* kafka.client.produce([0, 1].map(() => ({ topic: "raw-events", key: null, value: null, timestamp })))
    const events = [
      { event_id: "known", offset: 0, timestamp },
      { event_id: "stranger", offset: 1, timestamp: timestamp + 500 },
      { event_id: "outside", offset: 1, timestamp: now - Duration.toMillis(Duration.days(2)) }
    ]
    yield* kafka.client.produce(
      events.map(({ event_id, ...at }) => {
        const source = { topic: "raw-events", partition: 0, ...at }
        const value = codecs.encode("normalized-events", "normalized-event", purchase({ event_id, source }))
        return { topic: "normalized-events", key: event_id, value }
      })
    )
    const read = readLedger({ from: now - Duration.toMillis(Duration.days(1)), to: now + 1 }, [], "")
    const balance = yield* Effect.provide(read, Layer.merge(kafka.layer, memoryCodecs))
    assert.deepStrictEqual([balance.normalized, balance.withoutRaw], [1, ["stranger"]])
  })
)

it.effect("does not take what waits under a connection's former platform for lost", () =>
  Effect.gen(function* () {
    const now = 1_795_424_000_000
    yield* TestClock.setTime(now)
    const kafka = new MemoryKafka()
    for (const topic of [...topics, "mapped-events.tiktok"]) kafka.log.create(topic, 1)
    const timestamp = now - 1_000
    const event = purchase({ source: { topic: "raw-events", partition: 0, offset: 0, timestamp } })
    const mapping = mapForConnection(event, connectionOf("meta", {}, { id: "shop" }), connectorFor("meta"), null)
    if (mapping._tag !== "Mapped") return assert.fail(mapping.reason)
    const of = (topic: string, value: Buffer) => ({ topic, key: "e", value, timestamp })
    yield* kafka.client.produce([
      of("raw-events", Buffer.from("a")),
      of("normalized-events", codecs.encode("normalized-events", "normalized-event", event)),
      of("mapped-events.meta", codecs.encode("mapped-events.meta", "mapped-event", mapping.event)),
      of("mapped-events.tiktok", Buffer.from("of another connection"))
    ])
    const passed = (group: string, topic: string) =>
      kafka.client.commitOffsets(group, [{ topic, partition: 0, next: 1 }])
    yield* passed("normalizer", "raw-events")
    yield* passed("mapper", "normalized-events")
    yield* passed("delivery-tiktok.shop", "mapped-events.tiktok")
    const connections = [
      { id: "shop", platform: "tiktok" },
      { id: "other", platform: "meta" }
    ] as const
    const read = readLedger({ from: 0, to: now + 1 }, connections, "")
    const balance = yield* Effect.provide(read, Layer.merge(kafka.layer, memoryCodecs))
    const shop = balance.connections.find(({ connectionId }) => connectionId === "shop")
    assert.deepStrictEqual([shop?.missing, shop?.inFlight], [[], 1])
  })
)
