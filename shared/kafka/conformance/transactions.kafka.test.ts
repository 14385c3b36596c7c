/** Both versions of the transaction protocol, and what may go wrong between two requests of a transaction. */
import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import { testBrokers, uniquePrefix } from "../../../tests/harness/test-services.ts"
import { intercepting, type Sent } from "../../testing/intercepting.ts"
import {
  aHundredRequests,
  committedOffsets,
  expectCommitted,
  makeTopic,
  readAll,
  recordsOf,
  texts,
  until
} from "../../testing/kafka-probe.ts"
import { ClusterInspection, type FetchedRecord, KafkaClient } from "../client.ts"
import { layerKafka } from "../kafkajs/adapter.ts"
import { layerInspection } from "../kafkajs/inspection.ts"
import { versionOneIds } from "../kafkajs/patches/producer.ts"

/** As if the connection had been lost after the broker had done what the first such request asks for. */
const losingResponseOf = (apiName: string) => {
  let lost = 0
  const intercept = async ({ request }: Sent, send: () => Promise<unknown>): Promise<unknown> => {
    const answer = await send()
    if (request.apiName !== apiName || lost > 0) return answer
    lost++
    throw Object.assign(new Error("the response was lost"), { name: "KafkaJSConnectionClosedError" })
  }
  return { intercept, lost: () => lost }
}

const layerTest = layerKafka({ brokers: testBrokers(), produceBatchBytes: 100_000 }).pipe(
  Layer.merge(layerInspection({ brokers: testBrokers() }))
)

layer(layerTest, { excludeTestServices: true })("transactions", (it) => {
  for (const version of [1, 2]) {
    const prefix = uniquePrefix(`transactions-${version}`)
    /** A topic with the id of a producer and a group that belong to it alone. */
    const fresh = Effect.map(makeTopic(prefix), (topic) => {
      const id = `${topic}-tx`
      if (version === 1) versionOneIds.add(id)
      return { topic, id, groupId: `${topic}-group` }
    })

    it.effect(`of version ${version} need these requests`, () =>
      Effect.gen(function* () {
        const client = yield* KafkaClient
        const { abilities } = yield* ClusterInspection
        const hasTwo = ((yield* abilities).newestVersions.get(0) ?? 0) >= 12
        const { topic, id, groupId } = yield* fresh
        const producer = yield* client.transactional(id)
        const commit = (next: number) =>
          producer.commit({ records: recordsOf(topic, [`${next}`]), offsets: [{ groupId, topic, partition: 0, next }] })
        yield* commit(1)
        const sent: Array<string> = []
        const note = ({ request }: Sent, send: () => Promise<unknown>) => {
          sent.push(`${request.apiName} ${request.apiVersion}`)
          return send()
        }
        yield* intercepting(note, commit(2))
        assert.deepStrictEqual(
          [...new Set(sent)].filter((name) => !/^(Metadata|ApiVersions|FindCoordinator|GroupCoordinator)/.test(name)),
          version === 2 && hasTwo
            ? ["Produce 12", "TxnOffsetCommit 5", "EndTxn 5"]
            : ["AddPartitionsToTxn 1", "Produce 7", "AddOffsetsToTxn 1", "TxnOffsetCommit 1", "EndTxn 1"]
        )
        yield* intercepting(note, producer.commit({ records: [], offsets: [] }))
        for (let next = 3; next <= 40; next++) yield* commit(next)
        assert.deepStrictEqual(
          texts(yield* readAll(topic)),
          Array.from({ length: 40 }, (_, index) => `${index + 1}`)
        )
        yield* expectCommitted(client, groupId, topic, 40)
      })
    )

    for (const apiName of ["Produce", "TxnOffsetCommit", "EndTxn"]) {
      it.effect(`of version ${version} end well when a response to ${apiName} is lost`, () =>
        Effect.gen(function* () {
          const client = yield* KafkaClient
          const { topic, id, groupId } = yield* fresh
          const producer = yield* client.transactional(id)
          const offsets = (next: number) => [{ groupId, topic, partition: 0, next }]
          yield* producer.commit({ records: recordsOf(topic, ["before"]), offsets: offsets(1) })
          const { intercept, lost } = losingResponseOf(apiName)
          // More than one request of records.
          const values = Array.from({ length: 300 }, (_, index) => `${index}`.padEnd(1_000, "x"))
          yield* intercepting(intercept, producer.commit({ records: recordsOf(topic, values), offsets: offsets(2) }))
          assert.strictEqual(lost(), 1)
          yield* producer.commit({ records: recordsOf(topic, ["after"]), offsets: offsets(3) })
          assert.deepStrictEqual(texts(yield* readAll(topic)), ["before", ...values, "after"])
          yield* expectCommitted(client, groupId, topic, 3)
        })
      )
    }

    for (const apiName of ["Produce", "TxnOffsetCommit", "EndTxn"]) {
      it.effect(`of version ${version} are aborted when another owner comes before ${apiName}`, () =>
        Effect.gen(function* () {
          const client = yield* KafkaClient
          const { topic, id, groupId } = yield* fresh
          const zombie = yield* client.transactional(id)
          const offsets = (next: number) => [{ groupId, topic, partition: 0, next }]
          yield* zombie.commit({ records: recordsOf(topic, ["before"]), offsets: offsets(1) })
          const arrived = Promise.withResolvers<void>()
          const passed = Promise.withResolvers<void>()
          let held = false
          const hold = async ({ request }: Sent, send: () => Promise<unknown>): Promise<unknown> => {
            if (request.apiName === apiName && !held) {
              held = true
              arrived.resolve()
              await passed.promise
            }
            return send()
          }
          const committing = Effect.flip(zombie.commit({ records: recordsOf(topic, ["zombie"]), offsets: offsets(99) }))
          const failure = yield* intercepting(
            hold,
            Effect.gen(function* () {
              const [failed] = yield* Effect.all(
                [
                  committing,
                  Effect.gen(function* () {
                    yield* Effect.promise(() => arrived.promise)
                    const owner = yield* client.transactional(id)
                    passed.resolve()
                    yield* owner.commit({ records: recordsOf(topic, ["owner"]), offsets: offsets(2) })
                  })
                ],
                { concurrency: 2 }
              )
              return failed
            })
          )
          assert.strictEqual(failure.code, "fenced")
          yield* until("the next owner's offset", () =>
            Effect.map(committedOffsets(client, groupId, topic), ([first]) => first?.offset === 2)
          )
          assert.deepStrictEqual(texts(yield* readAll(topic)), ["before", "owner"])
        })
      )
    }

    it.effect(`of version ${version} stay open over writes, show nothing before the end, and let others wait`, () =>
      Effect.gen(function* () {
        const client = yield* KafkaClient
        const { topic, id, groupId } = yield* fresh
        const producer = yield* client.transactional(id)
        const offsets = (next: number) => [{ groupId, topic, partition: 0, next }]
        const seen: Array<FetchedRecord> = []
        yield* Effect.forkScoped(
          client.read({
            topic,
            ranges: [{ partition: 0, from: 0, to: null }],
            onRecords: (records) => void seen.push(...records)
          })
        )
        const { intercept, lost } = losingResponseOf("Produce")
        const first = yield* producer.begin
        yield* intercepting(intercept, first.write(recordsOf(topic, ["a", "b"])))
        assert.strictEqual(lost(), 1)
        yield* first.write(recordsOf(topic, ["c"]))
        const other = yield* Effect.forkChild(
          producer.commit({ records: recordsOf(topic, ["other"]), offsets: offsets(7) })
        )
        yield* aHundredRequests(topic)
        assert.deepStrictEqual(texts(seen), [])
        assert.deepStrictEqual(yield* client.topicOffsets(topic), [{ partition: 0, low: 0, high: 3 }])
        assert.deepStrictEqual(yield* committedOffsets(client, groupId, topic), [{ partition: 0, offset: null }])
        yield* first.commit({ records: recordsOf(topic, ["d"]), offsets: offsets(4) })
        // It has ended.
        yield* first.abort
        yield* Fiber.join(other)
        yield* until("all is seen", () => seen.length === 5)
        assert.deepStrictEqual(texts(seen), ["a", "b", "c", "d", "other"])
        const second = yield* producer.begin
        yield* second.write(recordsOf(topic, ["discarded"]))
        yield* second.abort
        const empty = yield* producer.begin
        yield* empty.abort
        yield* producer.commit({ records: recordsOf(topic, ["after"]), offsets: offsets(8) })
        yield* until("the last is seen", () => seen.length === 6)
        assert.strictEqual(texts(seen)[5], "after")
        yield* expectCommitted(client, groupId, topic, 8)
      }).pipe(Effect.scoped)
    )

    it.effect(`of version ${version} that were left open are aborted when the next owner comes`, () =>
      Effect.gen(function* () {
        const client = yield* KafkaClient
        const { topic, id, groupId } = yield* fresh
        const zombie = yield* client.transactional(id)
        const offsets = (next: number) => [{ groupId, topic, partition: 0, next }]
        const open = yield* zombie.begin
        yield* open.write(recordsOf(topic, ["zombie"]))
        const owner = yield* client.transactional(id)
        yield* owner.commit({ records: recordsOf(topic, ["owner"]), offsets: offsets(1) })
        const failure = yield* Effect.flip(open.commit({ records: recordsOf(topic, ["late"]), offsets: offsets(99) }))
        assert.strictEqual(failure.code, "fenced")
        yield* open.abort
        const next = yield* Effect.flip(zombie.commit({ records: recordsOf(topic, ["later"]), offsets: offsets(99) }))
        assert.strictEqual(next.code, "fenced")
        assert.deepStrictEqual(texts(yield* readAll(topic)), ["owner"])
        yield* expectCommitted(client, groupId, topic, 1)
      })
    )

    it.effect(`of version ${version} show nothing of a send that failed, and the next owner goes on`, () =>
      Effect.gen(function* () {
        const client = yield* KafkaClient
        const { topic, id } = yield* fresh
        const producer = yield* client.transactional(id)
        const large = { topic, partition: 0, key: null, value: Buffer.alloc(2 * 1_048_576, "x") }
        const failure = yield* Effect.flip(
          producer.commit({ records: [...recordsOf(topic, ["first"]), large], offsets: [] })
        )
        assert.strictEqual(failure.code, "too_large")
        const next = yield* client.transactional(id)
        yield* next.commit({ records: recordsOf(topic, ["next"]), offsets: [] })
        assert.deepStrictEqual(texts(yield* readAll(topic)), ["next"])
      })
    )
  }
})
