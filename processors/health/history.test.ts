import { assert, describe, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import type { ConnectorHealthPoint, EventDeliveryLog } from "../../schemas/types.gen.ts"
import { deliveryLog, healthStatus } from "../../shared/testing/event-fixture.ts"
import { makeMemoryCodecs } from "../../shared/testing/memory-codecs.ts"
import { History, MinuteCounts, minuteMillis, settleMillis } from "./history.ts"

const noon = Date.UTC(2026, 10, 23, 12, 0)
const minute = (number: number) => noon + number * minuteMillis
/** When the minute is written. */
const written = (number: number) => minute(number + 1) + settleMillis

const countsOf = (logs: ReadonlyArray<EventDeliveryLog>): MinuteCounts => {
  const counts = new MinuteCounts()
  for (const log of logs) counts.add(log)
  return counts
}
const delivered = (timestamp: number) => deliveryLog({ timestamp })
const due = (history: History, logs: ReadonlyArray<EventDeliveryLog>, now: number, since = minute(-60)) =>
  history.due([{ health: healthStatus(), counts: [countsOf(logs)] }], now, since)
const figures = (points: ReadonlyArray<ConnectorHealthPoint>) =>
  points.map((point) => [(point.minute - noon) / minuteMillis, point.status, point.succeeded])

describe("the history", () => {
  it("has a record for each minute, also without events, once the minute has ended and its results have come", () => {
    const history = new History()
    assert.isTrue(history.isDue(written(0)))
    assert.deepStrictEqual(figures(due(history, [delivered(minute(0))], written(0))), [[0, "healthy", 1]])
    assert.isFalse(history.isDue(written(1) - 1))
    assert.deepStrictEqual(figures(due(history, [delivered(minute(0))], written(1))), [[1, "healthy", 0]])
  })

  it("goes on where the clock was set back", () => {
    const history = new History()
    due(history, [], written(30))
    assert.isFalse(history.isDue(written(30)))
    assert.isTrue(history.isDue(written(0)))
    assert.deepStrictEqual(figures(due(history, [delivered(minute(0))], written(0))), [[0, "healthy", 1]])
    assert.isFalse(history.isDue(written(0)))
    assert.isTrue(history.isDue(written(1)))
  })

  it("counts each result in the minute of its time, and says what the skipped, duplicate and invalid ones were", () => {
    const logs = [
      deliveryLog({ timestamp: minute(1) - 1 }),
      deliveryLog({ timestamp: minute(0), latency_ms: 300 }),
      deliveryLog({ timestamp: minute(0), outcome: "skipped", latency_ms: 0, reason_code: "duplicate" }),
      deliveryLog({ timestamp: minute(0), outcome: "rejected", latency_ms: 0, error_class: "invalid_event" }),
      deliveryLog({ timestamp: minute(0), outcome: "dead_lettered", latency_ms: 0, error_class: "transient" }),
      // The final outcome of what was counted when it was accepted.
      deliveryLog({ timestamp: minute(0), outcome: "delivered", latency_ms: 50, accepted_at: minute(-1) }),
      delivered(minute(1))
    ]
    const [point] = due(new History(), logs, written(0))
    assert.deepInclude(point, { succeeded: 2, skipped: 1, invalid: 1, failed: 1, latency_ms: 200 })
  })

  it("replaces the record of a minute whose result came late, and keeps its status", () => {
    const history = new History()
    due(history, [], written(0))
    const unwell = { health: healthStatus({ status: "unhealthy" }), counts: [countsOf([delivered(minute(0))])] }
    assert.deepStrictEqual(figures(history.due([unwell], written(1), minute(-60))), [
      [0, "healthy", 1],
      [1, "unhealthy", 0]
    ])
  })

  it("writes after a restart what was missed, as unknown, and nothing that is there already", () => {
    const before = new History()
    const logs = [delivered(minute(0)), delivered(minute(2))]
    const first = [...due(before, logs, written(0)), ...due(before, logs, written(1))]
    const after = new History()
    for (const point of first) after.restore(point)
    assert.deepStrictEqual(figures(due(after, logs, written(4))), [
      [2, "unknown", 1],
      [3, "unknown", 0],
      [4, "healthy", 0]
    ])
  })

  it("leaves minutes alone of which it has not counted all results", () => {
    const history = new History()
    history.restore({ ...due(new History(), [delivered(minute(0))], written(0))[0]! })
    assert.deepStrictEqual(figures(due(history, [], written(1), minute(0) + 1)), [[1, "healthy", 0]])
  })

  it.prop(
    "is the same wherever the processor was killed",
    {
      times: Schema.Array(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 9 }))),
      killedAfter: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 9 }))
    },
    ({ times, killedAfter }) => {
      const logs = times.map((number) => delivered(minute(number)))
      const topic = new Map<number, number>()
      const write = (points: ReadonlyArray<ConnectorHealthPoint>) => {
        for (const point of points) topic.set((point.minute - noon) / minuteMillis, point.succeeded)
        return points
      }
      const first = new History()
      const log: Array<ConnectorHealthPoint> = []
      for (let number = 0; number <= killedAfter; number++) {
        // The last results of the minute before the kill had not arrived.
        const known = logs.filter(({ timestamp }) => timestamp < minute(killedAfter))
        log.push(...write(due(first, known, written(number), noon)))
      }
      const second = new History()
      for (const point of log) second.restore(point)
      for (let number = killedAfter + 1; number <= 10; number++) write(due(second, logs, written(number), noon))
      for (let number = 0; number <= 10; number++)
        assert.strictEqual(topic.get(number), times.filter((time) => time === number).length, `minute ${number}`)
    }
  )

  it("costs less than 30 MB a day for 200 connections, whatever the number of events", () => {
    const codecs = makeMemoryCodecs()
    const logs = Array.from({ length: 5_000 }, () => delivered(minute(0)))
    const health = healthStatus({ connection_id: "meta-europe-shop", waiting_events: 3_120, oldest_expires_at: noon })
    const [point] = new History().due([{ health, counts: [countsOf(logs)] }], written(0), noon)
    const value = codecs.encode("connector-health-history", "connector-health-history", point!)
    // Key, lengths, offset and time of a record in a batch.
    const recordBytes = value.length + health.connection_id.length + 12
    assert.isBelow((recordBytes * 200 * 1_440) / 1_000_000, 30)
  })
})
