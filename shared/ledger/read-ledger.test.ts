import { assert, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as TestClock from "effect/testing/TestClock"
import { purchase } from "../testing/event-fixture.ts"
import { makeMemoryCodecs, memoryCodecs } from "../testing/memory-codecs.ts"
import { MemoryKafka } from "../testing/memory-kafka.ts"
import { readLedger } from "./read-ledger.ts"

// Red when raw records count for as long as they happen to be there.
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
    yield* kafka.client.resetOffsets("normalizer", "raw-events", [{ partition: 0, offset: 2 }])
    const read = readLedger({ from: 0, to: now + 1 }, [], "")
    const balance = yield* Effect.provide(read, Layer.merge(kafka.layer, memoryCodecs))
    assert.deepStrictEqual([balance.raw, balance.missingRaw], [1, ["0:1"]])
  })
)

// Red when a normalized event is looked for among the raw records only to be counted.
it.effect("names a normalized event of the range that no raw record stands behind", () =>
  Effect.gen(function* () {
    const now = 1_795_424_000_000
    yield* TestClock.setTime(now)
    const kafka = new MemoryKafka()
    for (const topic of ["raw-events", "normalized-events", "delivery-results", "dead-letters"])
      kafka.log.create(topic, 1)
    const timestamp = now - 1_000
    yield* kafka.client.produce([0, 1].map(() => ({ topic: "raw-events", key: null, value: null, timestamp })))
    const codecs = makeMemoryCodecs()
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
