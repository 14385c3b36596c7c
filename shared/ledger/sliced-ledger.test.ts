/** A ledger that is read in slices of its raw records: it says what one that holds all events says. */
import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as TestClock from "effect/testing/TestClock"
import fc from "fast-check"
import { KafkaClient } from "../kafka/client.ts"
import { deadLetter } from "../model/dead-letter.ts"
import { mappedEvent } from "../testing/connector-fixture.ts"
import { deliveryLog, purchase } from "../testing/event-fixture.ts"
import { makeMemoryCodecs, memoryCodecs } from "../testing/memory-codecs.ts"
import { MemoryKafka } from "../testing/memory-kafka.ts"
import { type ReadBalance, readLedger } from "./read-ledger.ts"
import { Slices } from "./slices.ts"

const codecs = makeMemoryCodecs()
const now = 1_795_424_000_000
const connections = ["shop", "old"].map((id) => ({ id, platform: "meta" as const, enabled: id === "shop" }))
const topics = ["raw-events", "normalized-events", "mapped-events.meta", "delivery-retry.meta", "delivery-results"]

/** What became of a raw record; `at` is where the later stages have it, since they handle events in another order. */
interface History {
  readonly stage: "nothing" | "dead" | "erased" | "normalized" | "unread" | "mapped" | "retried" | "result" | "twice"
  readonly outcome: string
  readonly at: number
}

const recordsOf = (history: History, index: number) => {
  const source = { topic: "raw-events", partition: index % 2, offset: Math.floor(index / 2), timestamp: now }
  const id = `e${index}`
  const log = (connection: string, outcome: string) => ({
    topic: "delivery-results",
    value: codecs.encode("delivery-results", "event-delivery-log", {
      ...deliveryLog({
        event_id: id,
        connection_id: connection,
        outcome,
        reason_code: "why",
        timestamp: now + history.at
      }),
      source
    })
  })
  const mapped = (topic: string) => ({
    topic,
    value: codecs.encode(topic, "mapped-event", { ...mappedEvent(1), event_id: id, connection_id: "shop", source })
  })
  const dead = (stage: string, at: typeof source) => ({
    topic: "dead-letters",
    value: codecs.encode(
      "dead-letters",
      "dead-letter",
      deadLetter({ ...at, key: null }, { stage, reason_code: "r", message: "", timestamp: now })
    )
  })
  const normalized = {
    topic: "normalized-events",
    value: codecs.encode("normalized-events", "normalized-event", purchase({ event_id: id, source }))
  }
  switch (history.stage) {
    case "nothing":
      return []
    case "dead":
      return [dead("normalizer", source)]
    case "erased":
      return [log("", "skipped")]
    case "normalized":
    case "unread":
      return [normalized]
    case "mapped":
      return [normalized, mapped("mapped-events.meta")]
    case "retried":
      return [normalized, mapped("mapped-events.meta"), mapped("delivery-retry.meta"), log("shop", "retry_scheduled")]
    case "result":
      return [normalized, mapped("mapped-events.meta"), log("shop", history.outcome), log("old", "delivered")]
    case "twice":
      return [normalized, log("shop", history.outcome), normalized, log("shop", "rejected")]
  }
}

const histories = fc.array(
  fc.record({
    stage: fc.constantFrom(
      ...(["nothing", "dead", "erased", "normalized", "unread", "mapped", "retried", "result", "twice"] as const)
    ),
    outcome: fc.constantFrom("delivered", "accepted", "skipped", "rejected", "unknown"),
    at: fc.integer({ min: 0, max: 60 })
  }),
  { minLength: 1, maxLength: 40 }
)

/** Kafka with these events, whose groups have passed some of what they read, and the most raw records of one read. */
const kafkaOf = Effect.fnUntraced(function* (events: ReadonlyArray<History>, passed: number) {
  const kafka = new MemoryKafka()
  for (const topic of [...topics, "dead-letters"]) kafka.log.create(topic, 2)
  yield* kafka.client.produce(
    events.map((_, index) => ({ topic: "raw-events", partition: index % 2, key: null, value: null, timestamp: now }))
  )
  const later = events
    .map((history, index) => ({ history, index }))
    .sort((left, right) => left.history.at - right.history.at)
    .flatMap(({ history, index }) =>
      recordsOf(history, index).map((record) => ({ ...record, partition: history.at % 2 }))
    )
  yield* kafka.client.produce(later.map((record) => ({ ...record, key: null, timestamp: now })))
  const unreadAt = kafka.log.records({ topic: "normalized-events", partition: 0 }).length - 1
  const unread = { topic: "normalized-events", partition: 0, offset: unreadAt, timestamp: now, key: null }
  yield* kafka.client.produce([
    {
      topic: "dead-letters",
      key: null,
      value: codecs.encode(
        "dead-letters",
        "dead-letter",
        deadLetter(unread, { stage: "mapper", reason_code: "unreadable", message: "", timestamp: now })
      )
    }
  ])
  for (const [group, topic] of [
    ["normalizer", "raw-events"],
    ["mapper", "normalized-events"]
  ] as const)
    yield* kafka.client.commitOffsets(
      group,
      [0, 1].map((partition) => ({
        topic,
        partition,
        next: Math.floor((kafka.log.records({ topic, partition }).length * passed) / 4)
      }))
    )
  let rawMax = 0
  const client = KafkaClient.of({
    ...kafka.client,
    read: (options) => {
      const records = options.ranges.reduce((sum, { from, to }) => sum + Math.max(0, (to ?? 0) - from), 0)
      if (options.topic === "raw-events") rawMax = Math.max(rawMax, records)
      return kafka.client.read(options)
    }
  })
  return { layer: Layer.merge(Layer.succeed(KafkaClient, client), memoryCodecs), rawMax: () => rawMax }
})

const sorted = (balance: ReadBalance) => ({
  ...balance,
  missingRaw: balance.missingRaw.toSorted(),
  withoutRaw: balance.withoutRaw.toSorted(),
  connections: balance.connections
    .map((one) => ({
      ...one,
      missing: one.missing.toSorted(),
      lostRetries: one.lostRetries.toSorted(),
      unread: one.unread.toSorted()
    }))
    .sort((left, right) => (left.connectionId < right.connectionId ? -1 : 1))
})

it.effect("says of each event what one says that holds all of them", () =>
  Effect.gen(function* () {
    yield* TestClock.setTime(now + 60_000)
    const run = Effect.runPromiseWith(yield* Effect.context<never>())
    const property = fc.asyncProperty(histories, fc.integer({ min: 0, max: 4 }), (events, passed) =>
      run(
        Effect.gen(function* () {
          const { layer, rawMax } = yield* kafkaOf(events, passed)
          const read = (bytes?: number) =>
            readLedger({ from: now - 1, to: now + 1 }, connections, "", undefined, bytes).pipe(Effect.provide(layer))
          const sliced = yield* read(5_000)
          // Two of each partition, at the most one more by rounding.
          assert.isAtMost(rawMax(), 6)
          const whole = yield* read()
          assert.strictEqual(rawMax(), events.length)
          assert.deepStrictEqual(sorted(sliced), sorted(whole))
        })
      )
    )
    yield* Effect.promise(() => fc.assert(property, { numRuns: 150 }))
  })
)

it("slices have each record once, and read what lies between two of theirs only where it is little", () => {
  const slices = new Slices(
    [
      { partition: 0, from: 100, to: 110 },
      { partition: 1, from: 0, to: 3 },
      { partition: 2, from: 7, to: 7 }
    ],
    4
  )
  assert.strictEqual(slices.count, 4)
  const found = Array.from({ length: slices.count }, (_, slice) =>
    slices.rawOf(slice).flatMap(({ partition, from, to }) =>
      Array.from({ length: to - from }, (_, index) => {
        assert.strictEqual(slices.indexOf({ partition, offset: from + index }), slice)
        return `${partition}:${from + index}`
      })
    )
  ).flat()
  assert.strictEqual(new Set(found).size, 13)
  for (const place of [
    { partition: 0, offset: 99 },
    { partition: 0, offset: 110 },
    { partition: 2, offset: 7 },
    { partition: 3, offset: 0 }
  ])
    assert.strictEqual(slices.indexOf(place), -1)
  for (const offset of [5, 5_000, 90_000, 90_001]) slices.note("t", 1, { partition: 0, offset })
  slices.note("t", 1, { partition: 1, offset: 3 })
  assert.deepStrictEqual(slices.noted("t", 1), [
    [
      { partition: 0, from: 5, to: 5_001 },
      { partition: 1, from: 3, to: 4 }
    ],
    [{ partition: 0, from: 90_000, to: 90_002 }]
  ])
  assert.deepStrictEqual(slices.noted("t", 2), [])
})
