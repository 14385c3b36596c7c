import { assert, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Metric from "effect/Metric"
import * as TestClock from "effect/testing/TestClock"
import { makeMemoryCodecs, memoryCodecs } from "../../shared/avro/memory.ts"
import { purchase } from "../../shared/mapping/event-fixture.ts"
import { MemoryKafka } from "../../shared/testing/memory-kafka.ts"
import { watchLedger } from "./ledger-watch.ts"

const codecs = makeMemoryCodecs()
const now = 1_795_424_000_000

/** Two raw events; the first is normalized, the second was passed without a trace if `isLost`. */
const world = (isLost: boolean) =>
  Effect.gen(function* () {
    yield* TestClock.setTime(now)
    const kafka = new MemoryKafka()
    const topics = ["raw-events", "normalized-events", "mapped-events.meta", "delivery-results", "dead-letters"]
    for (const topic of [...topics, "health-alerts"]) kafka.log.create(topic, 1)
    const raw = ["a", "b"].map((text) => ({ topic: "raw-events", key: null, value: Buffer.from(text) }))
    yield* kafka.client.produce(raw)
    const source = { topic: "raw-events", partition: 0, offset: 0, timestamp: now }
    const value = codecs.encode("normalized-events", "normalized-event", purchase({ source }))
    yield* kafka.client.produce([{ topic: "normalized-events", key: "e-1", value }])
    yield* kafka.client.resetOffsets("normalizer", "raw-events", [{ partition: 0, offset: isLost ? 2 : 1 }])
    const watch = watchLedger({
      connections: [{ id: "meta-1", platform: "meta" }],
      prefix: "",
      every: Duration.minutes(1),
      isActive: () => true
    })
    yield* Effect.forkChild(watch.pipe(Effect.provide(Layer.merge(kafka.layer, memoryCodecs))))
    const settle = Effect.repeat(Effect.yieldNow, { times: 100 })
    for (let minute = 0; minute < 4; minute++) {
      yield* settle
      yield* TestClock.adjust("1 minute")
    }
    yield* settle
    return kafka.log.records({ topic: "health-alerts", partition: 0 }).map(({ value: alert }) => {
      const decoded = codecs.decode("health-alert", alert)
      return decoded._tag === "Decoded" ? `${decoded.value.cause} ${decoded.value.issues.join()}` : "?"
    })
  })

// Red when `RunningLedger.missing` leaves out what was lost before normalizing.
it.effect("raises one alert for events that left no trace, and names them", () =>
  Effect.gen(function* () {
    assert.deepStrictEqual(yield* world(true), ["ledger raw-events 0:1"])
    const metrics = yield* Metric.snapshot
    const missing = metrics.find(({ id }) => id === "capi_ledger_missing_events")
    assert.deepInclude(missing?.state, { value: 1 })
  })
)

it.effect("is silent about what is only on its way", () =>
  Effect.gen(function* () {
    assert.deepStrictEqual(yield* world(false), [])
  })
)
