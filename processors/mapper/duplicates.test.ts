import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Metric from "effect/Metric"
import * as TestClock from "effect/testing/TestClock"
import type { NormalizedEvent } from "../../schemas/types.gen.ts"
import { makeMemoryCodecs, memoryCodecs } from "../../shared/avro/memory.ts"
import { connectionOf, consent, eventTime, purchase } from "../../shared/mapping/event-fixture.ts"
import { connectorFor } from "../../shared/platforms/registry.ts"
import type { Inbound, Outbound } from "../../shared/stream/contract.ts"
import { batchOf, openPartition } from "../../shared/testing/run-batches.ts"
import { duplicateDefaults } from "./config.ts"
import type { Target } from "./decide.ts"
import { type DuplicateOptions, duplicatesTopic } from "./duplicates.ts"
import { mapper } from "./mapper.ts"

const codecs = makeMemoryCodecs()
const targets: ReadonlyArray<Target> = [
  connectionOf("meta", {}, { id: "meta-1" }),
  connectionOf("tiktok", {}, { id: "tiktok-1", consent: { onUnknown: "skip", onSaleDenied: "restrict" } })
].map((connection) => ({ connection, connector: connectorFor(connection.kind) }))

/** The raw record's offset tells occurrences apart. */
const at = (offset: number, fields: Partial<NormalizedEvent> = {}) => {
  const event = purchase(fields)
  return { ...event, source: { ...event.source, offset } }
}

const batch = (...events: ReadonlyArray<NormalizedEvent>) =>
  batchOf(
    "normalized-events",
    events.map((event) => ({
      key: event.event_id,
      value: codecs.encode("normalized-events", "normalized-event", event)
    }))
  )

const told = ({ topic, value, headers }: Outbound) => {
  const where = headers?.["connection"] ?? "-"
  if (topic !== "delivery-results") return `${where} ${topic}`
  const decoded = codecs.decode("event-delivery-log", value)
  return decoded._tag === "Decoded" ? `${where} ${decoded.value.outcome} ${decoded.value.reason_code}` : "?"
}

/** A freshly opened partition with what an earlier one left in the changelog. */
const opened = (log: ReadonlyArray<Outbound> = [], options: Partial<DuplicateOptions> = {}) =>
  openPartition(
    mapper(targets, { ...duplicateDefaults, ...options }),
    { topic: "normalized-events", partition: 0 },
    log
      .filter(({ topic }) => topic === duplicatesTopic)
      .map(
        (record, offset): Inbound => ({
          topic: duplicatesTopic,
          partition: record.partition!,
          offset,
          timestamp: eventTime,
          key: null,
          value: record.value,
          headers: {}
        })
      )
  )

const both = ["meta-1 mapped-events.meta", "tiktok-1 mapped-events.tiktok"]
const skippedAs = (reason: string) => [`meta-1 skipped ${reason}`, `tiktok-1 skipped ${reason}`]
const granted = { consent: consent({ ad_user_data: "granted" }) }

describe("the mapper's duplicates", () => {
  // Red when `Duplicates.next` always answers null.
  it.effect("skips a repeat for every connection, within a batch and across batches", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(eventTime)
      const { step } = yield* opened()
      const first = (yield* step(batch(at(1, granted), at(2, granted)))).outputs
      assert.deepStrictEqual(first.map(told), [...both, ...skippedAs("duplicate"), `- ${duplicatesTopic}`])
      assert.strictEqual(first.at(-1)?.partition, 0)
      const second = (yield* step(batch(at(3, granted)))).outputs
      assert.deepStrictEqual(second.map(told), skippedAs("duplicate"))
    }).pipe(Effect.provide(memoryCodecs))
  )

  it.effect("tells a repeat with other content as a conflict, and counts it", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(eventTime)
      const { step } = yield* opened()
      const outputs = (yield* step(batch(at(1, granted), at(2, { ...granted, action_source: "app" })))).outputs
      assert.deepStrictEqual(outputs.map(told).slice(2, 4), skippedAs("duplicate_conflict"))
      const metrics = yield* Metric.snapshot
      const conflicts = metrics.find(({ id }) => id === "capi_dedup_conflicts_total")
      assert.deepInclude(conflicts?.state, { count: 1 })
    }).pipe(Effect.provide(memoryCodecs))
  )

  // Red when the offset is left out of the comparison in the table.
  it.effect("lets the same raw record pass again: a replay is no duplicate", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(eventTime)
      const { step } = yield* opened()
      yield* step(batch(at(1, granted)))
      const again = (yield* step(batch(at(1, granted), at(2, granted)))).outputs
      assert.deepStrictEqual(again.map(told), [...both, ...skippedAs("duplicate")])
    }).pipe(Effect.provide(memoryCodecs))
  )

  // Red when the task has no `restore`.
  it.effect("knows after a restart what was committed, and only that", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(eventTime)
      const before = yield* opened()
      const committed = (yield* before.step(batch(at(1, granted)))).outputs
      yield* before.step(batch(at(2, { ...granted, event_id: "not committed" })))
      const after = yield* opened(committed)
      const outputs = (yield* after.step(batch(at(3, granted), at(4, { ...granted, event_id: "not committed" }))))
        .outputs
      assert.deepStrictEqual(outputs.map(told), [...skippedAs("duplicate"), ...both, `- ${duplicatesTopic}`])
    }).pipe(Effect.provide(memoryCodecs))
  )

  it.effect("forgets an id after the window", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(eventTime)
      const { step } = yield* opened()
      yield* step(batch(at(1, granted)))
      yield* TestClock.setTime(eventTime + 24 * 3_600_000 + 1_000)
      assert.deepStrictEqual((yield* step(batch(at(2, granted)))).outputs.map(told).slice(0, 2), both)
    }).pipe(Effect.provide(memoryCodecs))
  )

  it.effect("doesn't remember what no connection took, so that it can be sent again", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(eventTime)
      const { step } = yield* opened()
      const denied = { consent: consent({ ad_user_data: "denied" }) }
      assert.deepStrictEqual((yield* step(batch(at(1, denied)))).outputs.map(told), skippedAs("consent"))
      assert.deepStrictEqual((yield* step(batch(at(2, granted)))).outputs.map(told).slice(0, 2), both)
    }).pipe(Effect.provide(memoryCodecs))
  )

  it.effect("remembers ids for each connection where it is asked to", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(eventTime)
      const { step } = yield* opened([], { scope: "connection" })
      const first = (yield* step(batch(at(1)))).outputs
      assert.deepStrictEqual(first.map(told).slice(0, 2), [both[0], "tiktok-1 skipped consent"])
      const second = (yield* step(batch(at(2, granted)))).outputs
      assert.deepStrictEqual(second.map(told).slice(0, 2), ["meta-1 skipped duplicate_conflict", both[1]])
    }).pipe(Effect.provide(memoryCodecs))
  )
})
