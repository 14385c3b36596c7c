import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Metric from "effect/Metric"
import * as TestClock from "effect/testing/TestClock"
import type { NormalizedEvent } from "../../../schemas/types.gen.ts"
import { connectorFor } from "../../../shared/connectors/registry.ts"
import { placeOf } from "../../../shared/dedup/deduplicator.ts"
import { refusalRecord, refusalsTopic } from "../../../shared/dedup/refusals.ts"
import { KafkaClient } from "../../../shared/kafka/client.ts"
import type { Inbound, Outbound } from "../../../shared/runtime/contract.ts"
import { connectionOf, consent, eventTime, purchase, testSealer } from "../../../shared/testing/event-fixture.ts"
import { makeMemoryCodecs, memoryCodecs } from "../../../shared/testing/memory-codecs.ts"
import { MemoryKafka } from "../../../shared/testing/memory-kafka.ts"
import { batchOf, openPartition } from "../../../shared/testing/run-batches.ts"
import type { Target } from "../decide.ts"
import { mapper } from "../mapper.ts"
import { duplicatesTopic } from "./duplicate-filter.ts"

const codecs = makeMemoryCodecs()
const targets: ReadonlyArray<Target> = [
  connectionOf("meta", {}, { id: "meta-1" }),
  connectionOf("tiktok", {}, { id: "tiktok-1", consent: { onUnknown: "skip", onSaleDenied: "restrict" } })
].map((connection) => ({ connection, connector: connectorFor(connection.kind) }))

/** The raw record's offset distinguishes occurrences. */
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

const summary = ({ topic, value, headers }: Outbound) => {
  const where = headers?.["connection"] ?? "-"
  if (topic !== "delivery-results") return `${where} ${topic}`
  const decoded = codecs.decode("event-delivery-log", value)
  return decoded._tag === "Decoded" ? `${where} ${decoded.value.outcome} ${decoded.value.reason_code}` : "?"
}

/** A freshly opened partition with what an earlier one left in the changelog. */
const opened = (log: ReadonlyArray<Outbound> = []) =>
  openPartition(
    mapper(targets, testSealer),
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
          headers: record.headers ?? {}
        })
      )
  )

const both = ["meta-1 mapped-events.meta", "tiktok-1 mapped-events.tiktok"]
const skippedAs = (reason: string) => [`meta-1 skipped ${reason}`, `tiktok-1 skipped ${reason}`]
const unknownConsent = [both[0], "tiktok-1 skipped consent"]
const services = (kafka = new MemoryKafka()) => {
  kafka.log.create(refusalsTopic, 4)
  return Layer.merge(memoryCodecs, Layer.succeed(KafkaClient, kafka.client))
}
const granted = { consent: consent({ ad_user_data: "granted" }) }

describe("the mapper's duplicates", () => {
  it.effect("skips a repeat for every connection, within a batch and across batches", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(eventTime)
      const { step } = yield* opened()
      const first = (yield* step(batch(at(1, granted), at(2, granted)))).outputs
      assert.deepStrictEqual(first.map(summary), [...both, ...skippedAs("duplicate"), `- ${duplicatesTopic}`])
      assert.strictEqual(first.at(-1)?.partition, 0)
      const second = (yield* step(batch(at(3, granted)))).outputs
      assert.deepStrictEqual(second.map(summary), skippedAs("duplicate"))
    }).pipe(Effect.provide(services()))
  )

  it.effect("reports a repeat with other content as a conflict, and counts it", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(eventTime)
      const { step } = yield* opened()
      const outputs = (yield* step(batch(at(1, granted), at(2, { ...granted, action_source: "app" })))).outputs
      assert.deepStrictEqual(outputs.map(summary).slice(2, 4), skippedAs("duplicate_conflict"))
      const metrics = yield* Metric.snapshot
      const conflicts = metrics.find(({ id }) => id === "capi_dedup_conflicts_total")
      assert.deepInclude(conflicts?.state, { count: 1 })
    }).pipe(Effect.provide(services()))
  )

  it.effect("lets the same raw record pass again: a replay is no duplicate", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(eventTime)
      const { step } = yield* opened()
      yield* step(batch(at(1, granted)))
      const again = (yield* step(batch(at(1, granted), at(2, granted)))).outputs
      assert.deepStrictEqual(again.map(summary), [...both, ...skippedAs("duplicate")])
    }).pipe(Effect.provide(services()))
  )

  it.effect("takes a record of a topic that was made again for no replay, though it has the same position", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(eventTime)
      const { step } = yield* opened()
      const first = at(1, granted)
      yield* step(batch(first))
      const later = { ...first, source: { ...first.source, timestamp: first.source.timestamp + 1 } }
      assert.deepStrictEqual((yield* step(batch(later))).outputs.map(summary), skippedAs("duplicate"))
    }).pipe(Effect.provide(services()))
  )

  it.effect("knows after a restart what was committed, and only that", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(eventTime)
      const before = yield* opened()
      const committed = (yield* before.step(batch(at(1, granted)))).outputs
      yield* before.step(batch(at(2, { ...granted, event_id: "not committed" })))
      const after = yield* opened(committed)
      const outputs = (yield* after.step(batch(at(3, granted), at(4, { ...granted, event_id: "not committed" }))))
        .outputs
      assert.deepStrictEqual(outputs.map(summary), [...both, ...skippedAs("duplicate"), `- ${duplicatesTopic}`])
    }).pipe(Effect.provide(services()))
  )

  it.effect("forgets an id after the window", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(eventTime)
      const { step } = yield* opened()
      yield* step(batch(at(1, granted)))
      yield* TestClock.setTime(eventTime + 24 * 3_600_000 + 1_000)
      assert.deepStrictEqual((yield* step(batch(at(2, granted)))).outputs.map(summary).slice(0, 2), both)
    }).pipe(Effect.provide(services()))
  )

  it.effect("doesn't remember what no connection took, so that it can be sent again", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(eventTime)
      const { step } = yield* opened()
      const denied = { consent: consent({ ad_user_data: "denied" }) }
      assert.deepStrictEqual((yield* step(batch(at(1, denied)))).outputs.map(summary), skippedAs("consent"))
      assert.deepStrictEqual((yield* step(batch(at(2, granted)))).outputs.map(summary).slice(0, 2), both)
    }).pipe(Effect.provide(services()))
  )

  describe("of an event that one connection took and another refused", () => {
    // tiktok-1 skips unknown consent.
    it.effect("sends a repaired one to those alone that refused it, and once", () =>
      Effect.gen(function* () {
        yield* TestClock.setTime(eventTime)
        const { step } = yield* opened()
        assert.deepStrictEqual((yield* step(batch(at(1)))).outputs.map(summary).slice(0, 2), unknownConsent)
        const repaired = (yield* step(batch(at(2, granted), at(3, granted)))).outputs
        assert.deepStrictEqual(repaired.map(summary), [
          "meta-1 skipped duplicate_conflict",
          both[1],
          ...skippedAs("duplicate_conflict"),
          `- ${duplicatesTopic}`
        ])
        assert.deepStrictEqual(
          (yield* step(batch(at(4, granted)))).outputs.map(summary),
          skippedAs("duplicate_conflict")
        )
      }).pipe(Effect.provide(services()))
    )

    it.effect("lets a replay go where the first and the repaired occurrence went", () =>
      Effect.gen(function* () {
        yield* TestClock.setTime(eventTime)
        const { step } = yield* opened()
        yield* step(batch(at(1), at(2, granted)))
        const again = (yield* step(batch(at(1), at(2, granted)))).outputs
        assert.deepStrictEqual(again.map(summary), [...unknownConsent, "meta-1 skipped duplicate_conflict", both[1]])
      }).pipe(Effect.provide(services()))
    )

    it.effect("knows after a restart who refused it and who has it since", () =>
      Effect.gen(function* () {
        yield* TestClock.setTime(eventTime)
        const log: Array<Outbound> = []
        for (const [offset, expected] of [
          [1, unknownConsent],
          [2, ["meta-1 skipped duplicate_conflict", both[1]]],
          [3, skippedAs("duplicate_conflict")]
        ] as const) {
          const { step } = yield* opened(log)
          const { outputs } = yield* step(batch(at(offset, offset === 1 ? {} : granted)))
          assert.deepStrictEqual(outputs.map(summary).slice(0, 2), expected)
          log.push(...outputs)
        }
      }).pipe(Effect.provide(services()))
    )

    it.effect("counts those that a redriven event was not for as refusing", () =>
      Effect.gen(function* () {
        yield* TestClock.setTime(eventTime)
        const { step } = yield* opened()
        const redriven = batch(at(1, granted))
        const forMeta = redriven.records.map((record) => ({ ...record, headers: { connection: "meta-1" } }))
        assert.deepStrictEqual((yield* step({ ...redriven, records: forMeta })).outputs.map(summary).slice(0, 1), [
          both[0]
        ])
        const repaired = (yield* step(batch(at(2, granted)))).outputs
        assert.deepStrictEqual(repaired.map(summary).slice(0, 2), ["meta-1 skipped duplicate", both[1]])
      }).pipe(Effect.provide(services()))
    )

    it.effect("sends it to a connection whose platform refused it, until that has it", () =>
      Effect.gen(function* () {
        yield* TestClock.setTime(eventTime)
        const kafka = new MemoryKafka()
        kafka.log.create(refusalsTopic, 4)
        const eventId = "o-1"
        const { partition, timestamp } = purchase().source
        const refuse = (offset: number, connectionId: string, state: "refused" | "taken" = "refused") =>
          kafka.client.produce([
            {
              ...refusalRecord(
                { eventId, connectionId, source: placeOf({ partition, offset, timestamp }) },
                state,
                eventTime
              )
            }
          ])
        yield* Effect.gen(function* () {
          const { step } = yield* opened()
          const next = (offset: number) =>
            Effect.map(step(batch(at(offset, { ...granted, event_id: eventId }))), ({ outputs }) =>
              outputs.map(summary).slice(0, 2)
            )
          assert.deepStrictEqual(yield* next(1), both)
          assert.deepStrictEqual(yield* next(2), skippedAs("duplicate"))
          yield* refuse(1, "meta-1")
          assert.deepStrictEqual(yield* next(3), [both[0], "tiktok-1 skipped duplicate"])
          assert.deepStrictEqual(yield* next(4), skippedAs("duplicate"))
          yield* refuse(3, "meta-1")
          assert.deepStrictEqual(yield* next(5), [both[0], "tiktok-1 skipped duplicate"])
          // A redrive takes the refusal back: the event is on its way to the connection by that.
          yield* refuse(5, "meta-1")
          yield* refuse(5, "meta-1", "taken")
          assert.deepStrictEqual(yield* next(6), skippedAs("duplicate"))
        }).pipe(Effect.provide(services(kafka)))
      })
    )
  })
})
