import { assert, describe, it } from "@effect/vitest"
import type { MappingOptions } from "../../connections/connection.ts"
import { type ConnectorKind, connectorKinds } from "../../model/platform.ts"
import { connectionOf, eventTime, purchase } from "../../testing/event-fixture.ts"
import { connectorFor } from "../registry.ts"
import { mapForConnection } from "./map.ts"
import { dueAt, futureToleranceMillis } from "./start.ts"

const minute = 60_000

/** As it is mapped when its raw record arrived `ahead` milliseconds before the event's time. */
const mapped = (ahead: number, kind: ConnectorKind = "meta", mapping: Partial<MappingOptions> = {}) => {
  const source = { topic: "raw-events", partition: 0, offset: 1, timestamp: eventTime - ahead }
  const result = mapForConnection(purchase({ source }), connectionOf(kind, mapping), connectorFor(kind), null)
  return result._tag === "Mapped" ? result.event : assert.fail(result.message)
}
const timeOf = (event: { readonly payload: string }) => (JSON.parse(event.payload) as { event_time: number }).event_time
const notes = ({ dropped_fields }: ReturnType<typeof mapped>) =>
  dropped_fields.filter(({ field }) => field === "event_time").map(({ reason }) => reason)

describe("an event ahead of its arrival", () => {
  it("goes out as it is up to the platform's bound", () => {
    const event = mapped(minute)
    assert.deepStrictEqual([event.not_before, notes(event)], [null, []])
    assert.strictEqual(timeOf(event), Math.floor(eventTime / 1000))
  })

  it("is held until it is due beyond it, and the trace names it", () => {
    const event = mapped(minute + 1)
    assert.strictEqual(event.not_before, eventTime - minute)
    assert.deepStrictEqual(notes(event), ["held_until_due"])
    assert.strictEqual(timeOf(event), Math.floor(eventTime / 1000))
    assert.strictEqual(event.deadline, eventTime + 7 * 86_400_000)
  })

  it("has the time of its arrival by configuration, in the record as in the payload, and the same at a replay", () => {
    const event = mapped(10 * minute, "meta", { futureEvents: "arrival_time" })
    const arrival = eventTime - 10 * minute
    assert.deepStrictEqual([event.not_before, notes(event)], [null, ["arrival_time"]])
    assert.deepStrictEqual([event.event_time, timeOf(event)], [arrival, Math.floor(arrival / 1000)])
    assert.strictEqual(event.deadline, arrival + 7 * 86_400_000)
    assert.deepStrictEqual(mapped(10 * minute, "meta", { futureEvents: "arrival_time" }), event)
    assert.deepStrictEqual(notes(mapped(minute, "meta", { futureEvents: "arrival_time" })), [])
  })

  it("has its bound at each kind of platform, and a connection may change it", () => {
    const bounds = connectorKinds.map((kind) => [kind, futureToleranceMillis(connectionOf(kind), connectorFor(kind))])
    assert.deepInclude(Object.fromEntries(bounds), {
      meta: minute,
      google: 0,
      "google-ads": 0,
      tiktok: minute,
      snapchat: minute,
      whatsapp: null
    })
    assert.strictEqual(mapped(1_001, "google").not_before, eventTime)
    assert.isNull(mapped(1_000, "google").not_before)
    assert.isNull(mapped(5 * minute, "meta", { futureToleranceMillis: 5 * minute }).not_before)
    assert.strictEqual(mapped(2_000, "meta", { futureToleranceMillis: 10 }).not_before, eventTime - 10)
  })

  it("waits for what a platform asked too, whichever is later", () => {
    assert.strictEqual(dueAt({ event_time: 100, not_before: null }, 60), 40)
    assert.strictEqual(dueAt({ event_time: 100, not_before: 70 }, 60), 70)
    assert.strictEqual(dueAt({ event_time: 100, not_before: 30 }, 60), 40)
    assert.strictEqual(dueAt({ event_time: 100, not_before: null }, null), 0)
  })
})
