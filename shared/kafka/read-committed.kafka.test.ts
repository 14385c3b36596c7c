/** Transactions of several producers that overlap in one partition, and end in another order than they began. */
import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import { Kafka, logLevel, Partitioners } from "kafkajs"
import { testBrokers, uniquePrefix } from "../../tests/support/kafka.ts"
import { joinAsProbe, readAll, until } from "../testing/kafka-probe.ts"
import { makeTopic, texts } from "../testing/kafka-topics.ts"
import { layerKafka } from "./kafkajs-client.ts"

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
  // Red when kafkajs-connect.ts leaves out `repairReadCommitted`.
  it.effect("shows nothing of transactions that were aborted in another order than they began", () =>
    Effect.gen(function* () {
      const prefix = uniquePrefix("committed")
      const topic = yield* makeTopic(prefix)
      const names = ["aborted-1", "aborted-2", "committed", "aborted-3"]
      const transactions = yield* Effect.forEach(names, (name) => begin(topic, name))
      const [first, second, third, fourth] = transactions
      for (const { send } of [...transactions, ...transactions]) yield* send
      for (const end of [fourth!.abort, second!.abort, third!.commit, first!.abort]) yield* end
      // The broker writes the markers of an end a moment after it has confirmed it.
      const read = yield* readAll(topic).pipe(Effect.repeat({ until: (records) => records.length > 0, times: 500 }))
      assert.deepStrictEqual(texts(read), ["committed", "committed"])
      const probe = yield* joinAsProbe(`${prefix}group`, topic)
      yield* until("the partition is assigned", () => probe.assignments.length > 0)
      probe.member.seek({ topic, partition: 0 }, 0)
      yield* until("all was fetched", () => (probe.ends.get(0) ?? 0) >= 12)
      assert.deepStrictEqual(texts(probe.records), ["committed", "committed"])
    })
  )
})
