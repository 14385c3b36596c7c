import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as TestClock from "effect/testing/TestClock"
import { SettingsService } from "../../shared/config/settings.ts"
import { makeIdentityKey } from "../../shared/credentials/identity-key.ts"
import { indexedTopics, termsOf } from "../../shared/event-story/event-topics.ts"
import { topicNames } from "../../shared/model/topics.ts"
import { Readiness } from "../../shared/runtime/health.ts"
import { properties, purchase, recordTime } from "../../shared/testing/event-fixture.ts"
import { committedOffsets } from "../../shared/testing/kafka-probe.ts"
import { makeMemoryCodecs, memoryCodecs } from "../../shared/testing/memory-codecs.ts"
import { MemoryKafka } from "../../shared/testing/memory-kafka.ts"
import { beginning, followTopics } from "./follower.ts"
import { IndexStore } from "./index-store.ts"
import { makeTermHasher } from "./terms.ts"

const codecs = makeMemoryCodecs()
const hasher = makeTermHasher(makeIdentityKey(Buffer.alloc(32, 1)))
const retention = Duration.days(7)
const newStore = () =>
  new IndexStore({ file: ":memory:", owner: hasher.keyName, retentionMillis: Duration.toMillis(retention) })

const prefix = "shop."
const rig = () => {
  const kafka = new MemoryKafka()
  for (const { topic } of indexedTopics) kafka.log.create(prefix + topic, 2)
  const settings = Layer.succeed(SettingsService, { topicPrefix: prefix } as SettingsService["Service"])
  const services = Layer.mergeAll(kafka.layer, memoryCodecs, settings, Readiness.layer)
  const write = (id: string, at = recordTime) => {
    const event = purchase({ event_id: id, properties: properties({ order_id: `order-${id}` }) })
    const value = codecs.encode(topicNames.normalized, "normalized-event", event)
    return kafka.client.produce([
      { topic: prefix + topicNames.normalized, partition: 1, key: id, value, timestamp: at },
      { topic: prefix + topicNames.results, partition: 0, key: id, value: Buffer.from("not ours"), timestamp: at },
      { topic: prefix + topicNames.intents, partition: 0, key: `${id}|shop`, value: null, timestamp: at }
    ])
  }
  /** Follows until everything is read, twice over, and ends. */
  const follow = (store: IndexStore) =>
    Effect.gen(function* () {
      const progress = beginning()
      const options = { store, hasher, group: "indexer", retention, pollEvery: Duration.seconds(5) }
      const fiber = yield* Effect.forkChild(followTopics(options, progress))
      while (progress.rounds < 3) {
        yield* TestClock.adjust("5 seconds")
        yield* Effect.repeat(Effect.yieldNow, { times: 50 })
      }
      yield* Fiber.interrupt(fiber)
      return progress
    }).pipe(Effect.provide(services))
  return { kafka, write, follow }
}
const found = (store: IndexStore, kind: "event" | "order" | "click", text: string) =>
  store.find(hasher.termsOf(kind, [text])[0]!).map(({ topic, partition, offset }) => `${topic}/${partition}/${offset}`)
const committed = (kafka: MemoryKafka, topic: string) =>
  committedOffsets(kafka.client, `${prefix}indexer`, prefix + topic)

describe("the indexer", () => {
  it.effect("finds records by event id in every topic, and normalized events by order id and click ids", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(recordTime)
      const { kafka, write, follow } = rig()
      yield* write("e1")
      yield* write("e2")
      const store = newStore()
      const progress = yield* follow(store)
      assert.deepStrictEqual(found(store, "event", "e2"), [
        "normalized-events/1/1",
        "send-intents/0/1",
        "delivery-results/0/1"
      ])
      assert.deepStrictEqual(found(store, "order", "order-e1"), ["normalized-events/1/0"])
      const [, clickId] = termsOf(purchase()).find(([kind]) => kind === "click")!
      assert.deepStrictEqual(found(store, "click", clickId), ["normalized-events/1/0", "normalized-events/1/1"])
      assert.deepStrictEqual(found(store, "event", "order-e1"), [])
      assert.strictEqual(progress.behind, 0)
      assert.deepStrictEqual(yield* committed(kafka, topicNames.normalized), [
        { partition: 0, offset: 0 },
        { partition: 1, offset: 2 }
      ])
    })
  )

  it.effect("goes on where its file says, begins again without one, and where the group was set back", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(recordTime)
      const { kafka, write, follow } = rig()
      yield* write("e1")
      const store = newStore()
      yield* follow(store)
      const { entries } = store.size()
      yield* write("e2")
      yield* follow(store)
      assert.strictEqual(store.size().entries, 2 * entries)
      // The group is at the end of every topic: a file without positions begins at the beginning all the same.
      const again = newStore()
      yield* follow(again)
      assert.deepStrictEqual(found(again, "event", "e1"), found(store, "event", "e1"))
      assert.strictEqual(again.size().entries, 2 * entries)
      yield* kafka.client.commitOffsets(`${prefix}indexer`, [
        { topic: prefix + topicNames.results, partition: 0, next: 0 }
      ])
      yield* follow(again)
      assert.deepStrictEqual(found(again, "event", "e1"), found(store, "event", "e1"))
      assert.strictEqual((yield* committed(kafka, topicNames.results))[0]!.offset, 2)
    })
  )

  it.effect("reads nothing that is older than its retention", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(recordTime)
      const { write, follow } = rig()
      yield* write("old", recordTime - Duration.toMillis("8 days"))
      yield* write("new", recordTime)
      const store = newStore()
      yield* follow(store)
      assert.deepStrictEqual(found(store, "event", "old"), [])
      assert.strictEqual(found(store, "event", "new").length, 3)
    })
  )
})
