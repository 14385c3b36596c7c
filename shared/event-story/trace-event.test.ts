import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as TestClock from "effect/testing/TestClock"
import { SettingsService } from "../config/settings.ts"
import { KafkaClient, KafkaError } from "../kafka/client.ts"
import { deadLetter } from "../model/dead-letter.ts"
import { deliveryResult } from "../model/delivery-result.ts"
import { topicNames } from "../model/topics.ts"
import { mappedEvent } from "../testing/connector-fixture.ts"
import { jane, properties, purchase, recordTime } from "../testing/event-fixture.ts"
import { makeMemoryCodecs, memoryCodecs } from "../testing/memory-codecs.ts"
import { MemoryKafka } from "../testing/memory-kafka.ts"
import { indexedTopics, rawTopics, termsOf } from "./event-topics.ts"
import { positionName, type StoryQuery } from "./story.ts"
import { traceEvent } from "./trace-event.ts"

const codecs = makeMemoryCodecs()
const source = { topic: topicNames.raw, partition: 0, offset: 0, timestamp: recordTime }
const mappedTopic = indexedTopics.find(({ stage }) => stage === "mapped")!.topic
const at = (
  millis: number,
  record: { topic: string; key: string; value: Buffer | null; headers?: Record<string, string> }
) => ({
  ...record,
  timestamp: recordTime + millis
})

/** An event that is delivered to one connection, given up at another and redriven there. */
const journey = (id: string) => {
  const event = purchase({ event_id: id, source, properties: properties({ order_id: `order-${id}` }) })
  const mapped = (connection: string) => ({ ...mappedEvent(1), event_id: id, connection_id: connection, source })
  const result = (connection: string, outcome: string, more: object = {}) =>
    deliveryResult({
      event_id: id,
      event_name: "purchase",
      platform: "p",
      connection_id: connection,
      timestamp: recordTime + 400,
      outcome,
      source,
      ...more
    })
  const entry = deadLetter(
    { topic: mappedTopic, partition: 0, offset: 1, timestamp: recordTime + 30 },
    {
      stage: "delivery-p",
      reason_code: "invalid",
      message: "bad",
      timestamp: recordTime,
      event_id: id,
      connection_id: "b"
    }
  )
  const log = (name: Parameters<typeof codecs.encode>[1], topic: string, value: object) =>
    codecs.encode(topic, name, value as never)
  return [
    at(0, { topic: topicNames.raw, key: "shop", value: Buffer.from(JSON.stringify({ event_id: id })) }),
    at(12, { topic: topicNames.normalized, key: id, value: log("normalized-event", topicNames.normalized, event) }),
    at(30, { topic: mappedTopic, key: id, value: log("mapped-event", mappedTopic, mapped("a")) }),
    at(30, { topic: mappedTopic, key: id, value: log("mapped-event", mappedTopic, mapped("b")) }),
    at(200, {
      topic: topicNames.results,
      key: id,
      value: log(
        "event-delivery-log",
        topicNames.results,
        result("a", "delivered", { attempted_at: recordTime + 90, request_id: "r-1", latency_ms: 70 })
      )
    }),
    at(210, {
      topic: topicNames.results,
      key: id,
      value: log("event-delivery-log", topicNames.results, result("b", "dead_lettered"))
    }),
    at(210, { topic: topicNames.deadLetters, key: id, value: log("dead-letter", topicNames.deadLetters, entry) }),
    at(900, { topic: topicNames.deadLetters, key: id, value: null, headers: { redriven: "0:0" } }),
    at(900, {
      topic: mappedTopic,
      key: id,
      value: log("mapped-event", mappedTopic, mapped("b")),
      headers: { redrive: "0:0", connection: "b" }
    })
  ]
}

/** @param hidden a topic on which the user has no right: it is not listed, and to ask for it is refused */
const traced = (query: StoryQuery, records: ReturnType<typeof journey>, hidden: string | null = null) =>
  Effect.map(tracedWithReads(query, records, hidden), ({ story }) => story)

/** And how many records were read one by one. */
const tracedWithReads = (query: StoryQuery, records: ReturnType<typeof journey>, hidden: string | null = null) => {
  const kafka = new MemoryKafka()
  const { listTopics, topicOffsets } = kafka.client
  let reads = 0
  const client = Layer.succeed(KafkaClient, {
    ...kafka.client,
    listTopics: Effect.map(listTopics, (names) => names.filter((name) => name !== hidden)),
    topicOffsets: (name) => (name === hidden ? refused : topicOffsets(name)),
    read: (options) => {
      if (options.fetchBytes !== undefined) reads++
      return kafka.client.read(options)
    }
  })
  for (const { topic } of [...rawTopics, ...indexedTopics]) kafka.log.create(topic, 1)
  const settings = Layer.succeed(SettingsService, { topicPrefix: "" } as SettingsService["Service"])
  return Effect.gen(function* () {
    yield* TestClock.setTime(recordTime + 60_000)
    yield* kafka.client.produce(records)
    const story = yield* traceEvent(query, { view: (schema) => ({ shown: schema }) })
    return { story, reads }
  }).pipe(Effect.provide(Layer.mergeAll(client, memoryCodecs, settings)))
}

const refused = Effect.fail(
  new KafkaError({ code: "unauthorized", operation: "read", message: "No right.", nextStep: "Grant it.", cause: null })
)

describe("the story of an event", () => {
  it.effect("has every record in order, what each follows and how long it took", () =>
    Effect.gen(function* () {
      const { events, coverage } = yield* traced({ text: "e1", kind: "event" }, journey("e1"))
      assert.strictEqual(coverage.by, "scan")
      assert.deepStrictEqual(
        events[0]!.entries.map((entry) => [entry.stage, entry.connection_id, entry.follows, entry.latency_ms]),
        [
          ["raw", null, null, null],
          ["normalized", null, "raw-events/0/0", 12],
          ["mapped", "a", "normalized-events/0/0", 18],
          ["mapped", "b", "normalized-events/0/0", 18],
          ["result", "a", `${mappedTopic}/0/0`, 170],
          ["result", "b", `${mappedTopic}/0/1`, 180],
          ["dead_letter", "b", `${mappedTopic}/0/1`, 180],
          ["mapped", "b", "dead-letters/0/0", 690],
          ["mark", null, "dead-letters/0/0", 690]
        ]
      )
      assert.deepStrictEqual(
        events[0]!.connections.map(({ outcome, total_ms }) => [outcome, total_ms]),
        [
          ["delivered", 400],
          ["dead_lettered", 400]
        ]
      )
      const [delivered] = events[0]!.entries.filter(({ stage }) => stage === "result")
      assert.deepInclude(delivered!.request, { request_id: "r-1", latency_ms: 70, sent_at: recordTime + 90 })
      assert.deepStrictEqual(delivered!.record, { shown: "event-delivery-log" })
    })
  )

  it.effect("says that an event waits, though its producer sent it twice and the second one was skipped", () =>
    Effect.gen(function* () {
      const waiting = journey("e1").filter(({ topic }) => topic !== topicNames.results)
      const again = (reason_code: string) =>
        at(300, {
          topic: topicNames.results,
          key: "e1",
          value: codecs.encode(
            topicNames.results,
            "event-delivery-log",
            deliveryResult({
              ...{ event_id: "e1", event_name: "purchase", platform: "p", connection_id: "a" },
              ...{ timestamp: recordTime + 300, outcome: "skipped", reason_code, source: { ...source, offset: 7 } }
            })
          )
        })
      const known = (records: typeof waiting) =>
        Effect.map(traced({ text: "e1", kind: "event" }, records), ({ events }) => events[0]!.connections[0])
      assert.deepInclude(yield* known([...waiting, again("duplicate")]), { outcome: "waiting", reason_code: null })
      const skipped = { outcome: "skipped", reason_code: "duplicate" }
      const notMapped = waiting.filter(({ topic }) => topic !== mappedTopic)
      assert.deepInclude(yield* known([...notMapped, again("duplicate")]), skipped)
      assert.deepInclude(yield* known([...journey("e1"), again("duplicate")]), { outcome: "delivered" })
    })
  )

  it.effect("is found by the order id, by a click id, and of no other event", () =>
    Effect.gen(function* () {
      const records = [...journey("e1"), ...journey("e2")]
      const [byOrder] = (yield* traced({ text: "order-e2", kind: "any" }, records)).events
      assert.strictEqual(byOrder!.event_id, "e2")
      assert.strictEqual(byOrder!.entries.length, 9)
      const clickId = termsOf(purchase()).find(([kind]) => kind === "click")![1]
      const byClick = yield* traced({ text: clickId, kind: "click" }, records)
      assert.deepStrictEqual(byClick.events.map(({ event_id }) => event_id).sort(), ["e1", "e2"])
      assert.deepStrictEqual((yield* traced({ text: "order-e2", kind: "event" }, records)).events, [])
    })
  )

  it.effect("is read of the newest events alone, where thousands have the click id", () =>
    Effect.gen(function* () {
      const records = Array.from({ length: 60 }, (_, index) =>
        journey(`e${index}`).map((record) => ({ ...record, timestamp: record.timestamp + index }))
      ).flat()
      const clickId = termsOf(purchase()).find(([kind]) => kind === "click")![1]
      const { story, reads } = yield* tracedWithReads({ text: clickId, kind: "click" }, records)
      const names = story.events.map(({ event_id }) => event_id)
      assert.deepStrictEqual(
        [story.more_events, names.sort()],
        [50, Array.from({ length: 10 }, (_, n) => `e${50 + n}`)]
      )
      // All of them come from one raw record.
      assert.strictEqual(reads, 10 * 8 + 1)
    })
  )

  it.effect("has the newest thousand records of an event, and says how many there are before", () =>
    Effect.gen(function* () {
      const result = journey("e1").find(({ topic }) => topic === topicNames.results)!
      const results = Array.from({ length: 1_200 }, (_, index) => ({
        ...result,
        timestamp: recordTime + 1_000 + index
      }))
      const { story, reads } = yield* tracedWithReads({ text: "e1", kind: "event" }, [...journey("e1"), ...results])
      assert.strictEqual(reads, 1_001)
      const [timeline] = story.events
      assert.strictEqual(timeline!.entries.filter(({ stage }) => stage === "result").length, 1_000)
      assert.include(story.coverage.notes.join(" "), "These events have 208 earlier records, which are not shown.")
    })
  )

  it.effect("is what the user may see, where topics of other platforms are not the user's", () =>
    Effect.gen(function* () {
      const others = indexedTopics.findLast(({ stage }) => stage === "mapped")!.topic
      assert.notStrictEqual(others, mappedTopic)
      const { events } = yield* traced({ text: "e1", kind: "event" }, journey("e1"), others)
      assert.strictEqual(events[0]!.entries.length, 9)
    })
  )

  it("asks for the Meta cookie by the click id in it too", () => {
    const event = purchase({
      user: { ...jane, fbc: "fb.1.1795000000000.IwAR.x", fbclid: null, click_ids: { epik: "p1" } }
    })
    const clicks = termsOf(event).filter(([kind]) => kind === "click")
    assert.includeDeepMembers(clicks, [
      ["click", "fb.1.1795000000000.IwAR.x"],
      ["click", "IwAR.x"],
      ["click", "p1"]
    ])
  })

  it("names a position as topic, partition and offset", () => {
    assert.strictEqual(positionName({ topic: "t", partition: 1, offset: 2 }), "t/1/2")
  })
})
