/** The part of the conformance suite that is about group members: positions, pauses, rebalances. */

import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import { testBrokers, uniquePrefix } from "../../../tests/harness/test-services.ts"
import {
  aHundredRequests,
  expectCommitted,
  joinAsProbe,
  makeTopic,
  recordsOf,
  texts,
  until,
  writeIn
} from "../../testing/kafka-probe.ts"
import { KafkaClient } from "../client.ts"
import { layerKafka } from "../kafkajs/adapter.ts"

const layerTest = layerKafka({ brokers: testBrokers(), sessionTimeoutMillis: 6_000, produceBatchBytes: 900_000 })

const prefix = uniquePrefix("conformance-group")
layer(layerTest, { excludeTestServices: true })("a member by the Kafka port", (it) => {
  it.effect("delivers nothing before the first seek, then the partition in order without repeats", () =>
    Effect.gen(function* () {
      const client = yield* KafkaClient
      const topic = yield* makeTopic(prefix)
      const values = Array.from({ length: 500 }, (_, index) => `v${index}`)
      yield* client.produce(recordsOf(topic, values))
      const probe = yield* joinAsProbe(`${topic}-group`, topic)
      yield* until("an assignment", () => probe.assignments.length === 1)
      yield* aHundredRequests(topic)
      assert.strictEqual(probe.records.length, 0)
      probe.member.seek({ topic, partition: 0 }, 100)
      yield* until("the records", () => probe.records.length >= 400)
      yield* client.produce(recordsOf(topic, ["last"]))
      yield* until("the last one", () => probe.records.length > 400)
      assert.deepStrictEqual(texts(probe.records), [...values.slice(100), "last"])
    })
  )

  it.effect("delivers nothing while paused, and all of it after; seeks back", () =>
    Effect.gen(function* () {
      const client = yield* KafkaClient
      const topic = yield* makeTopic(prefix)
      const at = { topic, partition: 0 }
      const probe = yield* joinAsProbe(`${topic}-group`, topic)
      yield* until("an assignment", () => probe.assignments.length === 1)
      probe.member.seek(at, 0)
      probe.member.pause(at)
      yield* client.produce(recordsOf(topic, ["a", "b"]))
      yield* aHundredRequests(topic)
      assert.strictEqual(probe.records.length, 0)
      probe.member.resume(at)
      yield* until("the records", () => probe.records.length === 2)
      probe.member.seek(at, 1)
      yield* until("the second again", () => probe.records.length === 3)
      assert.deepStrictEqual(texts(probe.records), ["a", "b", "b"])
    })
  )

  it.effect("commits records and offset together, and reports the end after the control records", () =>
    Effect.gen(function* () {
      const client = yield* KafkaClient
      const topic = yield* makeTopic(prefix)
      const groupId = `${topic}-group`
      const producer = yield* client.transactional(`${topic}-tx`)
      const offset = { topic, partition: 0, next: 7 }
      yield* producer.commit({ records: recordsOf(topic, ["a", "b"]), offsets: [{ groupId, ...offset }] })
      yield* producer.commit({ records: recordsOf(topic, ["c"]), offsets: [] })
      yield* expectCommitted(client, groupId, topic, 7)
      const [end] = yield* client.topicOffsets(topic)
      assert.strictEqual(end?.high, 5)
      const probe = yield* joinAsProbe(`${topic}-reader`, topic)
      yield* until("an assignment", () => probe.assignments.length === 1)
      probe.member.seek({ topic, partition: 0 }, 0)
      yield* until("the end", () => probe.ends.get(0) === 5)
      assert.deepStrictEqual(texts(probe.records), ["a", "b", "c"])
    })
  )

  it.effect("reports an end that only control records lie before", () =>
    Effect.gen(function* () {
      const client = yield* KafkaClient
      const topic = yield* makeTopic(prefix)
      const producer = yield* client.transactional(`${topic}-tx`)
      yield* writeIn(producer, recordsOf(topic, ["a"]))
      const probe = yield* joinAsProbe(`${topic}-reader`, topic)
      yield* until("an assignment", () => probe.assignments.length === 1)
      probe.member.seek({ topic, partition: 0 }, 1)
      yield* until("the end", () => probe.ends.get(0) === 2)
      assert.deepStrictEqual(probe.records, [])
    })
  )

  it.effect("shares partitions out, moves few when a member joins, and goes on where it was", () =>
    Effect.gen(function* () {
      const client = yield* KafkaClient
      const topic = yield* makeTopic(prefix, 4)
      const first = yield* joinAsProbe(`${topic}-group`, topic)
      yield* until("an assignment", () => first.assignments.length === 1)
      for (let partition = 0; partition < 4; partition++) {
        yield* client.produce(recordsOf(topic, ["a", "b"], partition))
        first.member.seek({ topic, partition }, 0)
      }
      yield* until("all records", () => first.records.length === 8)
      const scope = yield* Scope.make()
      const second = yield* Scope.provide(joinAsProbe(`${topic}-group`, topic), scope)
      yield* until("halves", () => first.assignments.at(-1)?.partitions.length === 2)
      assert.isTrue(first.assignments.at(-1)?.continued)
      assert.strictEqual(second.assignments.at(-1)?.partitions.length, 2)
      for (let partition = 0; partition < 4; partition++) yield* client.produce(recordsOf(topic, ["c"], partition))
      yield* until("the new records of the partitions that stayed", () => first.records.length === 10)
      assert.deepStrictEqual([...texts(first.records)].sort(), [..."aaaabbbbcc"])
      assert.strictEqual(second.records.length, 0)
      yield* Scope.close(scope, Exit.void)
      yield* until("all again", () => first.assignments.at(-1)?.partitions.length === 4)
      yield* aHundredRequests(topic)
      assert.strictEqual(first.records.length, 10)
    })
  )

  it.effect("moves no partition before its member has finished, and keeps the membership meanwhile", () =>
    Effect.gen(function* () {
      const topic = yield* makeTopic(prefix, 2)
      let finishing = Promise.resolve()
      let isAsked = false
      const first = yield* joinAsProbe(`${topic}-group`, topic, "balanced", () => {
        isAsked = true
        return finishing
      })
      yield* until("an assignment", () => first.assignments.length === 1)
      const { promise, resolve } = Promise.withResolvers<void>()
      finishing = promise
      isAsked = false
      const joining = yield* Effect.forkChild(joinAsProbe(`${topic}-group`, topic))
      yield* until("the first member is asked to finish", () => isAsked)
      yield* aHundredRequests(topic)
      assert.lengthOf(first.assignments, 1)
      assert.isUndefined(joining.pollUnsafe())
      resolve()
      const second = yield* Fiber.join(joining)
      yield* until("halves", () => first.assignments.length === 2 && second.assignments.length === 1)
      assert.isTrue(first.assignments[1]?.continued)
      assert.lengthOf(first.assignments[1]!.partitions, 1)
    })
  )

  it.effect("waits no longer than the given time for a member that does not finish", () =>
    Effect.gen(function* () {
      const topic = yield* makeTopic(prefix, 2)
      let finishing = Promise.resolve()
      const first = yield* joinAsProbe(`${topic}-group`, topic, "balanced", () => finishing)
      yield* until("an assignment", () => first.assignments.length === 1)
      finishing = new Promise(() => undefined)
      const second = yield* joinAsProbe(`${topic}-group`, topic)
      yield* until("halves", () => first.assignments.length === 2 && second.assignments.length === 1)
      assert.isTrue(first.assignments[1]?.continued)
    })
  )

  it.effect("gives everything to one member of an active-standby group, and to the next when that leaves", () =>
    Effect.gen(function* () {
      const topic = yield* makeTopic(prefix, 3)
      const scope = yield* Scope.make()
      const active = yield* Scope.provide(joinAsProbe(`${topic}-group`, topic, "active-standby"), scope)
      yield* until("all partitions", () => active.assignments.at(-1)?.partitions.length === 3)
      const standby = yield* joinAsProbe(`${topic}-group`, topic, "active-standby")
      yield* until("a generation of two", () => active.assignments.length >= 2 && standby.assignments.length > 0)
      assert.strictEqual(active.assignments.at(-1)?.partitions.length, 3)
      assert.strictEqual(standby.assignments.at(-1)?.partitions.length, 0)
      yield* Scope.close(scope, Exit.void)
      yield* until("the takeover", () => standby.assignments.at(-1)?.partitions.length === 3)
    })
  )
})
