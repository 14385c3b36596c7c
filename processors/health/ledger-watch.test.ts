import { assert, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Metric from "effect/Metric"
import * as TestClock from "effect/testing/TestClock"
import { purchase } from "../../shared/testing/event-fixture.ts"
import { makeMemoryCodecs, memoryCodecs } from "../../shared/testing/memory-codecs.ts"
import { MemoryKafka } from "../../shared/testing/memory-kafka.ts"
import { mappedEvent } from "../delivery/engine/testing.ts"
import { watchLedger } from "./ledger-watch.ts"

const codecs = makeMemoryCodecs()
const now = 1_795_424_000_000

const eventAt = (offset: number) => {
  const source = { topic: "raw-events", partition: 0, offset, timestamp: now }
  const value = codecs.encode("normalized-events", "normalized-event", purchase({ event_id: `e-${offset}`, source }))
  return { topic: "normalized-events", key: `e-${offset}`, value }
}

/** Three raw events, the first of them normalized; the watch runs, and time goes on by minutes. */
const start = Effect.gen(function* () {
  yield* TestClock.setTime(now)
  const kafka = new MemoryKafka()
  const topics = [
    "raw-events",
    "normalized-events",
    "mapped-events.meta",
    "delivery-retry.meta",
    "delivery-results",
    "dead-letters"
  ]
  for (const topic of [...topics, "health-alerts"]) kafka.log.create(topic, 1)
  const raw = ["a", "b", "c"].map((text) => ({ topic: "raw-events", key: null, value: Buffer.from(text) }))
  yield* kafka.client.produce(raw)
  yield* kafka.client.produce([eventAt(0)])
  const watch = watchLedger({
    connections: [{ id: "meta-1", platform: "meta" }],
    prefix: "",
    every: Duration.minutes(1),
    isActive: () => true
  })
  yield* Effect.forkChild(watch.pipe(Effect.provide(Layer.merge(kafka.layer, memoryCodecs))))
  const settle = Effect.repeat(Effect.yieldNow, { times: 100 })
  const minutes = Effect.repeat(Effect.andThen(settle, TestClock.adjust("1 minute")), { times: 3 })
  const commit = (offset: number) =>
    kafka.client.commitOffsets("normalizer", [{ topic: "raw-events", partition: 0, next: offset }])
  const alerts = Effect.map(Effect.andThen(minutes, settle), () =>
    kafka.log.records({ topic: "health-alerts", partition: 0 }).map(({ value: alert }) => {
      const decoded = codecs.decode("health-alert", alert)
      return decoded._tag === "Decoded"
        ? `${decoded.value.cause} ${decoded.value.status} ${decoded.value.issues.join()}`
        : "?"
    })
  )
  return { kafka, commit, alerts }
})

it.effect(
  "raises an alert for events that left no trace and names them, one for each further loss, one when they are found",
  () =>
    Effect.gen(function* () {
      const { kafka, commit, alerts } = yield* start
      yield* commit(2)
      const first = "ledger unhealthy raw-events 0:1"
      assert.deepStrictEqual(yield* alerts, [first])
      const metrics = yield* Metric.snapshot
      const missing = metrics.find(({ id }) => id === "capi_ledger_missing_events")
      assert.deepInclude(missing?.state, { value: 1 })
      yield* commit(3)
      const second = "ledger unhealthy raw-events 0:2"
      assert.deepStrictEqual(yield* alerts, [first, second])
      yield* kafka.client.produce([eventAt(1), eventAt(2)])
      assert.deepStrictEqual(yield* alerts, [first, second, "ledger healthy "])
    })
)

it.effect("is silent about what is only on its way", () =>
  Effect.gen(function* () {
    const { commit, alerts } = yield* start
    yield* commit(1)
    assert.deepStrictEqual(yield* alerts, [])
  })
)

it.effect("raises an alert for a delayed retry that is lost, though its event began long before", () =>
  Effect.gen(function* () {
    const { kafka, alerts } = yield* start
    const source = { topic: "raw-events", partition: 0, offset: 0, timestamp: now - 6 * 3_600_000 }
    const event = mappedEvent("late", { connection_id: "meta-1", source })
    const value = codecs.encode("delivery-retry.meta", "mapped-event", event)
    const timestamp = now - 5 * 3_600_000
    yield* kafka.client.produce([{ topic: "delivery-retry.meta", key: "late", value, timestamp }])
    assert.deepStrictEqual(yield* alerts, [])
    yield* kafka.client.commitOffsets("delivery-meta.meta-1", [{ topic: "delivery-retry.meta", partition: 0, next: 1 }])
    assert.deepStrictEqual(yield* alerts, ["ledger unhealthy raw-events 0:0 (late), its delayed retry is gone"])
  })
)
