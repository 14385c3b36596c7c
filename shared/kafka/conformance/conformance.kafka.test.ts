/** What the runtime relies on, asked of the real broker through the port alone: another client must pass it unchanged. */

import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import { testBrokers, uniquePrefix } from "../../../tests/harness/test-services.ts"
import {
  committedOffsets,
  expectCommitted,
  joinAsProbe,
  makeTopic,
  readAll,
  recordsOf,
  texts,
  until,
  writeIn
} from "../../testing/kafka-probe.ts"
import { KafkaClient } from "../client.ts"
import { layerKafka } from "../kafkajs/adapter.ts"

const layerTest = layerKafka({
  brokers: testBrokers(),
  sessionTimeoutMillis: 6_000,
  produceBatchBytes: 900_000,
  fetchBytesMax: 2_000_000
})

const prefix = uniquePrefix("conformance")
layer(layerTest, { excludeTestServices: true })("the Kafka port", (it) => {
  it.effect("creates topics once, and lists them", () =>
    Effect.gen(function* () {
      const client = yield* KafkaClient
      const name = yield* makeTopic(prefix, 3)
      const again = yield* client.createTopics([{ name, partitions: 3, replication: 1, config: {} }])
      assert.deepStrictEqual(again, [])
      assert.include(yield* client.listTopics, name)
      assert.deepStrictEqual(
        yield* client.topicOffsets(name),
        [0, 1, 2].map((partition) => ({ partition, low: 0, high: 0 }))
      )
    })
  )

  it.effect("fences the older producer of an id before the newer one is given out", () =>
    Effect.gen(function* () {
      const client = yield* KafkaClient
      const topic = yield* makeTopic(prefix)
      const groupId = `${topic}-group`
      const zombie = yield* client.transactional(`${topic}-tx`)
      yield* zombie.commit({
        records: recordsOf(topic, ["before"]),
        offsets: [{ groupId, topic, partition: 0, next: 1 }]
      })
      const owner = yield* client.transactional(`${topic}-tx`)
      const offsets = [{ groupId, topic, partition: 0, next: 99 }]
      const failure = yield* Effect.flip(zombie.commit({ records: recordsOf(topic, ["zombie"]), offsets }))
      assert.strictEqual(failure.code, "fenced")
      const repeated = yield* Effect.flip(zombie.commit({ records: [], offsets }))
      assert.strictEqual(repeated.code, "fenced")
      yield* expectCommitted(client, groupId, topic, 1)
      yield* owner.commit({
        records: recordsOf(topic, ["owner"]),
        offsets: [{ groupId, topic, partition: 0, next: 2 }]
      })
      assert.deepStrictEqual(texts(yield* readAll(topic)), ["before", "owner"])
      yield* expectCommitted(client, groupId, topic, 2)
    })
  )

  it.effect("commits many transactions in a row without stumbling over the one before", () =>
    Effect.gen(function* () {
      const client = yield* KafkaClient
      const topic = yield* makeTopic(prefix)
      const producer = yield* client.transactional(`${topic}-tx`)
      for (let next = 1; next <= 50; next++) {
        const offsets = [{ groupId: `${topic}-group`, topic, partition: 0, next }]
        const records = next % 2 === 0 ? [] : recordsOf(topic, [`v${next}`])
        yield* producer.commit({ records, offsets })
      }
      yield* expectCommitted(client, `${topic}-group`, topic, 50)
      assert.strictEqual((yield* readAll(topic)).length, 25)
    })
  )

  it.effect("chunks by bytes what is larger than the broker takes at once, in one transaction and outside", () =>
    Effect.gen(function* () {
      const client = yield* KafkaClient
      const topic = yield* makeTopic(prefix)
      const producer = yield* client.transactional(`${topic}-tx`)
      const values = Array.from({ length: 5_000 }, (_, index) => `${index}`.padEnd(1_000, "x"))
      yield* writeIn(producer, recordsOf(topic, values))
      yield* client.produce(recordsOf(topic, values))
      assert.deepStrictEqual(texts(yield* readAll(topic)), [...values, ...values])
    })
  )

  it.effect("carries a record of 10 MB where the topic allows it, and says where not", () =>
    Effect.gen(function* () {
      const client = yield* KafkaClient
      const large = { key: null, value: Buffer.alloc(10 * 1_048_576, "x"), partition: 0 }
      const roomy = yield* makeTopic(prefix, 1, { "max.message.bytes": "16777216" })
      const producer = yield* client.transactional(`${roomy}-tx`)
      yield* writeIn(producer, [{ topic: roomy, ...large }])
      yield* client.produce([{ topic: roomy, ...large }, ...recordsOf(roomy, ["small"])])
      const probe = yield* joinAsProbe(`${roomy}-group`, roomy)
      yield* until("an assignment", () => probe.assignments.length === 1)
      probe.member.seek({ topic: roomy, partition: 0 }, 0)
      yield* until("three records", () => probe.records.length === 3)
      assert.deepStrictEqual(
        probe.records.map(({ value }) => value?.length),
        [large.value.length, large.value.length, 5]
      )
      const narrow = yield* makeTopic(prefix)
      const failure = yield* Effect.flip(client.produce([{ topic: narrow, ...large }]))
      assert.strictEqual(failure.code, "too_large")
    })
  )

  it.effect("keeps key, headers, nulls and timestamps", () =>
    Effect.gen(function* () {
      const client = yield* KafkaClient
      const topic = yield* makeTopic(prefix)
      const headers = { trace: "1-ü" }
      yield* client.produce([
        { topic, key: "k", value: Buffer.from([0, 255]), headers, timestamp: 1_700_000_000_123 },
        { topic, key: null, value: null }
      ])
      const [first, second] = yield* readAll(topic)
      // Field by field: a client's records need not be plain objects.
      assert.deepStrictEqual([first?.topic, first?.partition, first?.offset], [topic, 0, 0])
      assert.strictEqual(first?.timestamp, 1_700_000_000_123)
      assert.deepStrictEqual([first?.key, first?.value], [Buffer.from("k"), Buffer.from([0, 255])])
      assert.strictEqual(first?.headers["trace"], headers.trace)
      assert.deepStrictEqual([second?.key, second?.value, second?.headers], [null, null, {}])
    })
  )

  it.effect("partitions by key as Java's client does", () =>
    Effect.gen(function* () {
      const client = yield* KafkaClient
      const topic = yield* makeTopic(prefix, 10)
      const keys = ["a", "user-1", "9f1c", "ünïcode"]
      yield* client.produce(keys.map((key) => ({ topic, key, value: Buffer.from(key) })))
      const found = Object.fromEntries((yield* readAll(topic)).map(({ key, partition }) => [String(key), partition]))
      // toPositive(murmur2(key)) % 10, computed with org.apache.kafka.common.utils.Utils of 4.1.0.
      assert.deepStrictEqual(found, { a: 4, "user-1": 8, "9f1c": 0, ünïcode: 3 })
    })
  )

  it.effect("reads ranges to their end over control records and open tails, and empty ones at once", () =>
    Effect.gen(function* () {
      const client = yield* KafkaClient
      const topic = yield* makeTopic(prefix, 2)
      const producer = yield* client.transactional(`${topic}-tx`)
      yield* writeIn(producer, [...recordsOf(topic, ["a", "b"]), ...recordsOf(topic, ["c"], 1)])
      yield* writeIn(producer, recordsOf(topic, ["d"]))
      const read = (
        ranges: ReadonlyArray<{ readonly partition: number; readonly from: number; readonly to: number }>
      ) =>
        Effect.gen(function* () {
          const found: Array<string> = []
          yield* client.read({ topic, ranges, onRecords: (records) => void found.push(...texts(records)) })
          return found.sort()
        })
      assert.deepStrictEqual(
        yield* read([
          { partition: 0, from: 0, to: 5 },
          { partition: 1, from: 0, to: 2 }
        ]),
        [..."abcd"]
      )
      assert.deepStrictEqual(yield* read([{ partition: 0, from: 1, to: 4 }]), ["b", "d"])
      assert.deepStrictEqual(yield* read([{ partition: 0, from: 2, to: 3 }]), [])
      assert.deepStrictEqual(yield* read([{ partition: 0, from: 5, to: 5 }]), [])
      assert.deepStrictEqual(yield* read([{ partition: 1, from: 0, to: 100 }]), ["c"])
    })
  )

  it.effect("reads all of several partitions that don't fit in one fetch", () =>
    Effect.gen(function* () {
      const client = yield* KafkaClient
      const topic = yield* makeTopic(prefix, 4)
      const values = Array.from({ length: 1_500 }, (_, index) => `${index}`.padEnd(1_000, "x"))
      for (let partition = 0; partition < 4; partition++) yield* client.produce(recordsOf(topic, values, partition))
      assert.strictEqual((yield* readAll(topic)).length, 4 * values.length)
    })
  )

  it.effect("follows a topic for ever when no end is given", () =>
    Effect.gen(function* () {
      const client = yield* KafkaClient
      const topic = yield* makeTopic(prefix)
      const found: Array<string> = []
      const follow = client.read({
        topic,
        ranges: [{ partition: 0, from: 0, to: null }],
        onRecords: (records) => Effect.sync(() => void found.push(...texts(records)))
      })
      const fiber = yield* Effect.forkChild(follow)
      yield* client.produce(recordsOf(topic, ["a"]))
      yield* until("the first", () => found.length === 1)
      yield* client.produce(recordsOf(topic, ["b"]))
      yield* until("the second", () => found.length === 2)
      yield* Fiber.interrupt(fiber)
    })
  )

  it.effect("finds offsets by time, resets a group's, and refuses to while it has members", () =>
    Effect.gen(function* () {
      const client = yield* KafkaClient
      const topic = yield* makeTopic(prefix)
      const groupId = `${topic}-group`
      const timed = [1_000, 2_000, 3_000].map((timestamp) => ({
        topic,
        key: null,
        value: null,
        timestamp,
        partition: 0
      }))
      yield* client.produce(timed)
      assert.deepStrictEqual(yield* client.offsetsAt(topic, 1_500), [{ partition: 0, offset: 1 }])
      assert.deepStrictEqual(yield* client.offsetsAt(topic, 9_000), [{ partition: 0, offset: 3 }])
      assert.deepStrictEqual(yield* committedOffsets(client, groupId, topic), [{ partition: 0, offset: null }])
      const ofGroups = client.committedOfGroups([groupId, `${topic}-other`], [topic])
      const nothing = { topic, partition: 0, offset: null, metadata: "" }
      assert.sameDeepMembers(
        [...(yield* ofGroups)],
        [
          { ...nothing, groupId },
          { ...nothing, groupId: `${topic}-other` }
        ]
      )
      yield* client.commitOffsets(groupId, [{ topic, partition: 0, next: 2 }])
      assert.sameDeepMembers(
        [...(yield* ofGroups)],
        [
          { ...nothing, groupId, offset: 2 },
          { ...nothing, groupId: `${topic}-other` }
        ]
      )
      yield* client.commitOffsets(`${topic}-other`, [{ topic, partition: 0, next: 1 }], "by a program")
      assert.deepInclude(yield* ofGroups, {
        ...nothing,
        groupId: `${topic}-other`,
        offset: 1,
        metadata: "by a program"
      })
      yield* expectCommitted(client, groupId, topic, 2)
      const probe = yield* joinAsProbe(groupId, topic)
      yield* until("an assignment", () => probe.assignments.length === 1)
      const found = (yield* client.groups).find((group) => group.groupId === groupId)
      assert.strictEqual(found?.members, 1)
      assert.isTrue(
        Exit.isFailure(yield* Effect.exit(client.commitOffsets(groupId, [{ topic, partition: 0, next: 0 }])))
      )
      yield* expectCommitted(client, groupId, topic, 2)
    })
  )

  it.effect("names a topic that isn't there", () =>
    Effect.gen(function* () {
      const client = yield* KafkaClient
      const missing = `${prefix}missing`
      assert.strictEqual((yield* Effect.flip(client.topicOffsets(missing))).code, "unknown_topic")
      assert.strictEqual((yield* Effect.flip(client.produce(recordsOf(missing, ["a"])))).code, "unknown_topic")
      assert.strictEqual((yield* Effect.flip(joinAsProbe(`${prefix}lonely`, missing))).code, "unknown_topic")
    })
  )
})
