import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as TestClock from "effect/testing/TestClock"
import type { UnreadEvents } from "../../shared/ledger/unread-events.ts"
import { recordTime } from "../../shared/testing/event-fixture.ts"
import { memoryCodecs } from "../../shared/testing/memory-codecs.ts"
import { batchOf, openPartition } from "../../shared/testing/run-batches.ts"
import { type Backlog, nothingWaits } from "./backlog.ts"
import { health } from "./health.ts"
import { republishMillis } from "./published.ts"

import { alerts, failed, opened, recorded, result, state, statuses } from "./testing.ts"

const now = recordTime

describe("the health processor", () => {
  it.effect("publishes each connection's hour over all partitions, and no alert while all is well", () =>
    Effect.gen(function* () {
      const { feed, check } = yield* opened()
      yield* feed(
        "delivery-results",
        Array.from({ length: 20 }, () => result({}))
      )
      const step = yield* check
      assert.deepStrictEqual(
        statuses(step).map((status) => [status.connection_id, status.status, status.events_processed_1h]),
        [["meta-main", "healthy", 20]]
      )
      assert.deepStrictEqual(alerts(step), [])
    }).pipe(Effect.provide(memoryCodecs))
  )

  it.effect("alerts once when a connection gets bad, and once when it is well again", () =>
    Effect.gen(function* () {
      const { feed, check } = yield* opened()
      yield* feed("delivery-results", [result({}), failed, failed, failed])
      const bad = alerts(yield* check)
      assert.deepStrictEqual(
        bad.map((alert) => [alert.previous_status, alert.status, alert.cause]),
        [["unknown", "unhealthy", "success_rate"]]
      )
      assert.deepStrictEqual(alerts(yield* check), [])
      yield* TestClock.adjust("61 minutes")
      const good = alerts(yield* check)
      assert.deepStrictEqual(
        good.map((alert) => [alert.previous_status, alert.status, alert.cause]),
        [["unhealthy", "healthy", "recovered"]]
      )
    }).pipe(Effect.provide(memoryCodecs))
  )

  it.effect("shows at once that one of two events failed, but alerts only when it is no chance any more", () =>
    Effect.gen(function* () {
      const { feed, check } = yield* opened()
      yield* feed("delivery-results", [result({}), failed])
      const first = yield* check
      assert.deepStrictEqual(
        statuses(first).map(({ status, alerted_status }) => [status, alerted_status]),
        [["unhealthy", "unknown"]]
      )
      assert.deepStrictEqual(alerts(first), [])
      yield* feed("delivery-results", [failed, failed])
      assert.deepStrictEqual(
        alerts(yield* check).map(({ status, message }) => [status, message]),
        [
          [
            "unhealthy",
            "meta-main is unhealthy: success rate is 25 % in the last hour (3 of 4 failed, 3 as unknown), below 90 %; `./capi results --connection meta-main --summary` has every reason"
          ]
        ]
      )
    }).pipe(Effect.provide(memoryCodecs))
  )

  it.effect("an alert held back never comes where the connection is well again", () =>
    Effect.gen(function* () {
      const { feed, check } = yield* opened()
      yield* feed("delivery-results", [result({}), failed])
      yield* check
      yield* TestClock.adjust("61 minutes")
      const step = yield* check
      assert.deepStrictEqual(
        statuses(step).map(({ status, alerted_status }) => [status, alerted_status]),
        [["healthy", "healthy"]]
      )
      assert.deepStrictEqual(alerts(step), [])
    }).pipe(Effect.provide(memoryCodecs))
  )

  it.effect("a connection with few events that keeps failing raises its alert after an hour", () =>
    Effect.gen(function* () {
      const { feed, check } = yield* opened()
      const raised: Array<string> = []
      for (let tenMinutes = 0; tenMinutes <= 6; tenMinutes++) {
        if (tenMinutes % 3 === 0) {
          const at = { timestamp: now + tenMinutes * 600_000 }
          yield* feed("delivery-results", [result({ ...at, success: false, outcome: "rejected" })])
        }
        raised.push(...alerts(yield* check).map(({ cause }) => `${cause} after ${tenMinutes}0 minutes`))
        yield* TestClock.adjust("10 minutes")
      }
      assert.deepStrictEqual(raised, ["success_rate after 60 minutes"])
    }).pipe(Effect.provide(memoryCodecs))
  )

  it.effect("follows the circuit and the credential of a connection that has no results yet", () =>
    Effect.gen(function* () {
      const { feed, check } = yield* opened()
      yield* feed("connector-state", [
        state({ paused: true, cause: "auth", message: "token expired", circuit_state: "OPEN" })
      ])
      const step = yield* check
      assert.deepStrictEqual(
        alerts(step).map((alert) => [alert.status, alert.cause]),
        [["unhealthy", "auth"]]
      )
      yield* feed("connector-state", [state({})])
      assert.deepStrictEqual(
        alerts(yield* check).map((alert) => [alert.previous_status, alert.status]),
        [["unhealthy", "healthy"]]
      )
    }).pipe(Effect.provide(memoryCodecs))
  )

  it.effect("ends the alert of a connection that is disabled or removed while it is paused", () =>
    Effect.gen(function* () {
      let enabled = true
      const { feed, check } = yield* opened([], { isEnabled: () => enabled })
      yield* feed("connector-state", [state({ paused: true, cause: "auth", circuit_state: "OPEN" })])
      assert.deepStrictEqual(
        alerts(yield* check).map(({ status, cause }) => [status, cause]),
        [["unhealthy", "auth"]]
      )
      enabled = false
      const step = yield* check
      assert.deepStrictEqual(
        alerts(step).map(({ status, cause }) => [status, cause]),
        [["healthy", "recovered"]]
      )
      assert.deepStrictEqual(
        statuses(step).map(({ status, issues }) => [status, issues]),
        [["healthy", []]]
      )
    }).pipe(Effect.provide(memoryCodecs))
  )

  it.effect("alerts once of a circuit that opens, is tried again and again, and closes", () =>
    Effect.gen(function* () {
      const { feed, check } = yield* opened()
      const seen: Array<string> = []
      for (const circuit_state of ["OPEN", "HALF_OPEN", "OPEN", "HALF_OPEN", "CLOSED"]) {
        yield* feed("connector-state", [state({ circuit_state })])
        const step = yield* check
        seen.push(...statuses(step).map(({ status }) => status), ...alerts(step).map(({ status }) => `alert ${status}`))
      }
      assert.deepStrictEqual(seen, [
        "unhealthy",
        "alert unhealthy",
        "degraded",
        "unhealthy",
        "degraded",
        "healthy",
        "alert healthy"
      ])
    }).pipe(Effect.provide(memoryCodecs))
  )

  it.effect("writes an unchanged status again only when it is due", () =>
    Effect.gen(function* () {
      const { feed, check } = yield* opened()
      yield* feed("delivery-results", [result({})])
      assert.strictEqual(statuses(yield* check).length, 1)
      assert.strictEqual(statuses(yield* check).length, 0)
      yield* TestClock.adjust(republishMillis)
      assert.strictEqual(statuses(yield* check).length, 1)
    }).pipe(Effect.provide(memoryCodecs))
  )

  it.effect("restores its hour and what it said last, so that a restart raises no alert", () =>
    Effect.gen(function* () {
      const before = yield* opened()
      yield* before.feed("delivery-results", [result({}), failed, failed, failed])
      const published = (yield* before.check).outputs.find((output) => output.topic === "connector-health")!.value!
      const after = yield* opened([
        ...[result({}), failed, failed, failed].map((value) => recorded("delivery-results", value)),
        recorded("delivery-results", result({ timestamp: now - 7_200_000 }), now - 7_200_000),
        recorded("connector-health", published)
      ])
      yield* TestClock.adjust(republishMillis)
      const step = yield* after.check
      assert.deepStrictEqual(
        statuses(step).map((status) => [status.status, status.events_processed_1h]),
        [["unhealthy", 4]]
      )
      assert.deepStrictEqual(alerts(step), [])
    }).pipe(Effect.provide(memoryCodecs))
  )

  it.effect("says nothing before the whole hour is restored", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(now)
      const processor = health()
      const results = yield* openPartition(processor, { topic: "delivery-results", partition: 0 })
      const states = yield* openPartition(processor, { topic: "connector-state", partition: 0 })
      yield* states.step(batchOf("connector-state", [{ value: state({}) }]))
      assert.deepStrictEqual((yield* states.tick!.step).outputs, [])
      yield* results.tick!.step
      yield* results.tick!.step
      assert.strictEqual(statuses(yield* states.tick!.step).length, 1)
    }).pipe(Effect.provide(memoryCodecs))
  )

  it.effect("reads past a record that it cannot decode", () =>
    Effect.gen(function* () {
      const { feed, check } = yield* opened()
      yield* feed("delivery-results", [Buffer.from("nonsense"), result({})])
      assert.strictEqual(statuses(yield* check)[0]?.events_processed_1h, 1)
    }).pipe(Effect.provide(memoryCodecs))
  )
})

it.effect("a connection that was removed while events wait for it is unhealthy, until they are given up", () =>
  Effect.gen(function* () {
    const one = { connectionId: "old", platform: "meta", state: "removed", events: 12 } as const
    let waiting: ReadonlyMap<string, UnreadEvents> = new Map([["old", one]])
    const { check } = yield* opened([], { unread: () => waiting })
    const found = yield* check
    assert.deepStrictEqual(
      statuses(found).map(({ connection_id, status }) => [connection_id, status]),
      [["old", "unhealthy"]]
    )
    assert.match(alerts(found)[0]?.issues[0] ?? "", /^12 events wait for the connection old \(meta\), which is not in/)
    assert.strictEqual(alerts(found)[0]?.cause, "unread")
    waiting = new Map([["old", { ...one, state: "disabled" }]])
    assert.deepStrictEqual(statuses(yield* check)[0]?.status, "degraded")
  }).pipe(Effect.provide(memoryCodecs))
)

describe("a restart while a connection's events wait", () => {
  const stalled: Backlog = { ...nothingWaits, events: 5, since: now - 900_000, newSince: now - 900_000 }
  const removed = { connectionId: "meta-main", platform: "meta", state: "removed", events: 12 } as const

  const cases = {
    stalled: {
      backlogs: new Map([["meta-main", stalled]]),
      unread: new Map<string, UnreadEvents>()
    },
    unread: { backlogs: new Map<string, Backlog>(), unread: new Map<string, UnreadEvents>([["meta-main", removed]]) }
  }

  it.effect.each(Object.entries(cases))("ends no alert before it was looked: %s", ([cause, found]) =>
    Effect.gen(function* () {
      const isEnabled = () => cause === "stalled"
      const of = { isEnabled, unread: () => found.unread, backlogs: () => found.backlogs }
      const first = yield* opened([], of)
      yield* first.feed("connector-state", [state({})])
      const raised = yield* first.check
      assert.deepStrictEqual(
        alerts(raised).map((alert) => alert.cause),
        [cause]
      )

      const log = [
        recorded("connector-state", state({})),
        recorded("connector-health", raised.outputs.find(({ topic }) => topic === "connector-health")!.value!)
      ]
      let looked = false
      const after = yield* opened(log, {
        isEnabled,
        unread: () => (looked ? found.unread : null),
        backlogs: () => (looked ? found.backlogs : null)
      })
      assert.deepStrictEqual(statuses(yield* after.check), [])
      looked = true
      yield* TestClock.adjust(republishMillis)
      const seen = yield* after.check
      assert.deepStrictEqual(
        statuses(seen).map((one) => one.cause),
        [cause]
      )
      assert.deepStrictEqual(alerts(seen), [])
    }).pipe(Effect.provide(memoryCodecs))
  )
})
