/** Batches that are compressed: how large they may be, and how many requests write and read them. */
import { randomBytes } from "node:crypto"
import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { testBrokers, uniquePrefix } from "../../../tests/harness/test-services.ts"
import { intercepting, type Sent } from "../../testing/intercepting.ts"
import { joinAsProbe, makeTopic, readAll, recordsOf, texts, until, writeIn } from "../../testing/kafka-probe.ts"
import { KafkaClient, type KafkaError } from "../client.ts"
import { layerKafka } from "../kafkajs/adapter.ts"
import { versionOneIds } from "../kafkajs/patches/producer.ts"

const prefix = uniquePrefix("compressed")

layer(layerKafka({ brokers: testBrokers() }), { excludeTestServices: true })("compressed batches", (it) => {
  /** Runs `within` with the number of produce requests that a commit of these values takes. */
  const compressing = <A, E, R>(
    topic: string,
    produceBatchBytes: number,
    within: (requestsOf: (values: ReadonlyArray<Buffer>) => Effect.Effect<number, KafkaError>) => Effect.Effect<A, E, R>
  ) =>
    Effect.gen(function* () {
      const client = yield* KafkaClient
      const producer = yield* client.transactional(`${topic}-tx`)
      const requestsOf = (values: ReadonlyArray<Buffer>) => {
        let requests = 0
        const count = (given: Sent, send: () => Promise<unknown>) => {
          if (given.request.apiName === "Produce") requests++
          return send()
        }
        const records = values.map((value) => ({ topic, partition: 0, key: null, value }))
        return Effect.map(intercepting(count, producer.commit({ records, offsets: [] })), () => requests)
      }
      return yield* within(requestsOf)
    }).pipe(
      Effect.scoped,
      Effect.provide(
        layerKafka({ brokers: testBrokers(), produceBatchBytes, compressedTopics: (one) => one === topic })
      )
    )
  const repeated = (count: number) => Array.from({ length: count }, (_, index) => Buffer.alloc(1_000, `${index} `))
  const noise = (count: number) => Array.from({ length: count }, () => randomBytes(1_000))

  it.effect(
    "fill a batch up to its limit after compression, and divide one that compresses less than those before",
    () =>
      Effect.gen(function* () {
        const topic = yield* makeTopic(prefix)
        const some = noise(3_000)
        yield* compressing(topic, 900_000, (requestsOf) =>
          Effect.gen(function* () {
            assert.strictEqual(yield* requestsOf(repeated(3_000)), 4)
            yield* Effect.repeat(requestsOf(repeated(3_000)), { times: 7 })
            assert.strictEqual(yield* requestsOf(repeated(3_000)), 1)
            assert.isAtLeast(yield* requestsOf(some), 4)
            // Each of them may now be as large as the last ones were.
            assert.isAtLeast(yield* requestsOf(repeated(3_000)), 4)
          })
        )
        const read = yield* readAll(topic)
        assert.strictEqual(read.length, 36_000)
        assert.isTrue(Buffer.concat(read.slice(30_000, 33_000).map(({ value }) => value!)).equals(Buffer.concat(some)))
      })
  )

  it.effect("are taken by a broker whose limit a compressed batch is just below, and divided where it is above", () =>
    Effect.gen(function* () {
      const limit = 200_000
      const topic = yield* makeTopic(prefix, 1, { "max.message.bytes": String(limit) })
      const counts: Array<number> = []
      yield* compressing(topic, limit, (requestsOf) =>
        Effect.gen(function* () {
          for (let bytes = limit - 2_000; bytes < limit + 1_000; bytes += 250) {
            yield* Effect.repeat(requestsOf(repeated(150)), { times: 7 })
            const halves = [randomBytes(bytes / 2), randomBytes(bytes / 2)]
            counts.push(yield* requestsOf([...halves, ...repeated(100)]))
          }
        })
      )
      const isDivided = counts.map((requests) => requests > 1)
      assert.isFalse(isDivided[0])
      assert.isTrue(isDivided.at(-1))
      assert.deepStrictEqual(isDivided, isDivided.toSorted(), "from one size on all are divided")
      assert.strictEqual((yield* readAll(topic)).length, 12 * (8 * 150 + 102))
    })
  )

  it.effect("become smaller where the broker writes them in a form that is larger than its topic takes", () =>
    Effect.gen(function* () {
      const config = { "max.message.bytes": "300000", "compression.type": "uncompressed" }
      const topic = yield* makeTopic(prefix, 1, config)
      const values = repeated(3_000)
      const refused: Array<string> = []
      yield* Effect.gen(function* () {
        const client = yield* KafkaClient
        // As a partition does: after a failure another producer writes the same again.
        const commit = Effect.scoped(
          Effect.flatMap(client.transactional(`${topic}-tx`), (producer) =>
            writeIn(
              producer,
              values.map((value) => ({ topic, partition: 0, key: null, value }))
            )
          )
        )
        yield* commit.pipe(
          Effect.tapError(({ code }) => Effect.sync(() => void refused.push(code))),
          Effect.retry({ times: 9 })
        )
        yield* commit
      }).pipe(
        Effect.scoped,
        Effect.provide(layerKafka({ brokers: testBrokers(), compressedTopics: (one) => one === topic }))
      )
      assert.strictEqual((yield* readAll(topic)).length, 6_000)
      assert.isNotEmpty(refused)
      assert.notInclude(refused, "too_large", "which waits for an operator")
    })
  )

  it.effect("are compressed in both versions, where the topic is and the batch is large", () =>
    Effect.gen(function* () {
      const topic = yield* makeTopic(prefix)
      const values = Array.from({ length: 50 }, (_, index) => `${index}`.padEnd(1_000, "x"))
      versionOneIds.add(`${topic}-1`)
      for (const version of [1, 2]) {
        yield* Effect.gen(function* () {
          const client = yield* KafkaClient
          const producer = yield* client.transactional(`${topic}-${version}`)
          for (const part of [values, values.slice(0, 2)])
            yield* producer.commit({ records: recordsOf(topic, part), offsets: [] })
        }).pipe(
          Effect.scoped,
          Effect.provide(layerKafka({ brokers: testBrokers(), compressedTopics: (one) => one === topic }))
        )
      }
      const written = [...values, ...values.slice(0, 2)]
      assert.deepStrictEqual(texts(yield* readAll(topic)), [...written, ...written])
    })
  )

  it.effect("of all partitions that a transaction wrote to come with one fetch", () =>
    Effect.gen(function* () {
      const topic = yield* makeTopic(prefix, 4)
      const of = (partition: number) =>
        Array.from({ length: 160 }, () => ({
          topic,
          partition,
          key: null,
          value: Buffer.concat([randomBytes(1_000), Buffer.alloc(3_000)])
        }))
      const records = [0, 1, 2, 3].flatMap(of)
      yield* Effect.gen(function* () {
        const client = yield* KafkaClient
        const producer = yield* client.transactional(`${topic}-tx`)
        yield* producer.commit({ records, offsets: [] })
        const probe = yield* joinAsProbe(`${topic}-group`, topic)
        yield* until("an assignment", () => probe.assignments.length === 1)
        let fetches = 0
        const count = async (given: Sent, send: () => Promise<unknown>) => {
          const answer = await send()
          if (given.request.apiName === "Fetch" && hasRecords(answer)) fetches++
          return answer
        }
        const read = Effect.gen(function* () {
          for (const partition of [0, 1, 2, 3]) probe.member.seek({ topic, partition }, 0)
          yield* until("all records", () => probe.records.length === records.length)
        })
        yield* intercepting(count, read)
        assert.strictEqual(fetches, 1)
      }).pipe(
        Effect.scoped,
        Effect.provide(layerKafka({ brokers: testBrokers(), compressedTopics: (one) => one === topic }))
      )
    })
  )
})

interface FetchAnswer {
  readonly responses: ReadonlyArray<{
    readonly partitions: ReadonlyArray<{ readonly messages: ReadonlyArray<unknown> }>
  }>
}

const hasRecords = (answer: unknown): boolean =>
  (answer as FetchAnswer).responses.some(({ partitions }) => partitions.some(({ messages }) => messages.length > 0))
