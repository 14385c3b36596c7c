import { assert, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as TestClock from "effect/testing/TestClock"
import { memoryCodecs } from "../codec/memory.ts"
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
