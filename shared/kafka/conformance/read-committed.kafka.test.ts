/** Transactions of several producers that overlap in one partition, and end in another order than they began. */
import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { Kafka, logLevel, Partitioners } from "kafkajs"
import { testBrokers, uniquePrefix } from "../../../tests/harness/test-services.ts"
import { aHundredRequests, joinAsProbe, makeTopic, readAll, texts, until } from "../../testing/kafka-probe.ts"
import { layerKafka } from "../kafkajs/adapter.ts"

const begin = (topic: string, name: string) =>
  Effect.promise(async () => {
    const kafka = new Kafka({ brokers: [...testBrokers()], logLevel: logLevel.NOTHING })
    const producer = kafka.producer({
      transactionalId: `${topic}-${name}`,
      maxInFlightRequests: 1,
      createPartitioner: Partitioners.DefaultPartitioner
    })
    await producer.connect()
    const transaction = await producer.transaction()
    return {
      send: Effect.promise(() => transaction.send({ topic, messages: [{ value: name, partition: 0 }] })),
      abort: Effect.promise(async () => {
        await transaction.abort()
        await producer.disconnect()
      }),
      commit: Effect.promise(async () => {
        await transaction.commit()
        await producer.disconnect()
      })
    }
  })

const layerTest = layerKafka({ brokers: testBrokers(), sessionTimeoutMillis: 6_000 })

layer(layerTest, { excludeTestServices: true })("reading committed records", (it) => {
  it.effect("shows nothing of transactions that were aborted in another order than they began", () =>
    Effect.gen(function* () {
      const prefix = uniquePrefix("committed")
      const topic = yield* makeTopic(prefix)
      const names = ["aborted-1", "aborted-2", "committed", "aborted-3"]
      const transactions = yield* Effect.forEach(names, (name) => begin(topic, name))
      const [first, second, third, fourth] = transactions
      for (const { send } of [...transactions, ...transactions]) yield* send
      for (const end of [fourth!.abort, second!.abort, third!.commit, first!.abort]) yield* end
      assert.deepStrictEqual(texts(yield* readAll(topic)), ["committed", "committed"])
      const probe = yield* joinAsProbe(`${prefix}group`, topic)
      yield* until("the partition is assigned", () => probe.assignments.length > 0)
      probe.member.seek({ topic, partition: 0 }, 0)
      yield* until("all was fetched", () => (probe.ends.get(0) ?? 0) >= 12)
      assert.deepStrictEqual(texts(probe.records), ["committed", "committed"])
    })
  )

  it.effect("waits for an open transaction, behind which others have committed", () =>
    Effect.gen(function* () {
      const topic = yield* makeTopic(uniquePrefix("open"))
      const [open, committed] = yield* Effect.forEach(["open", "committed"], (name) => begin(topic, name))
      yield* open!.send
      yield* committed!.send
      yield* committed!.commit
      const reading = yield* Effect.forkChild(readAll(topic))
      yield* aHundredRequests(topic)
      assert.isUndefined(reading.pollUnsafe())
      yield* open!.abort
      assert.deepStrictEqual(texts(yield* Fiber.join(reading)), ["committed"])
    })
  )
})
