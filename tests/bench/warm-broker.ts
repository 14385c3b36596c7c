/**
 * Lets a young broker compile its ways through requests, as a broker that serves has done long ago: HotSpot takes a method at
 * 5,000 calls (`Tier4InvocationThreshold`), and a chain sends one request for some twenty events.
 */
import { randomUUID } from "node:crypto"
import * as Effect from "effect/Effect"
import { KafkaClient } from "../../shared/kafka/client.ts"
import { layerKafka } from "../../shared/kafka/kafkajs/adapter.ts"
import { type Cluster, progress } from "./cluster.ts"

const partitions = 4

/** Sends so many small transactions, and reads what they write, as a processor does. */
export const warmBroker = ({ brokers }: Cluster, transactions: number) =>
  Effect.gen(function* () {
    progress(`Warming up the broker with ${transactions} transactions.`)
    const kafka = yield* KafkaClient
    const topic = `warm-up-${randomUUID()}`
    yield* kafka.createTopics([{ name: topic, partitions, replication: 1, config: {} }])
    yield* Effect.forEach(
      Array.from({ length: partitions }, (_, partition) => partition),
      (partition) => warmPartition(topic, partition, transactions / partitions),
      { concurrency: "unbounded", discard: true }
    )
  }).pipe(Effect.scoped, Effect.provide(layerKafka({ brokers: brokers.split(",") })))

const warmPartition = Effect.fnUntraced(function* (topic: string, partition: number, transactions: number) {
  const kafka = yield* KafkaClient
  const producer = yield* kafka.transactional(`${topic}-${partition}`)
  const records = Array.from({ length: 4 }, (_, key) => ({ topic, partition, key: String(key), value }))
  yield* kafka
    .read({ topic, ranges: [{ partition, from: 0, to: null }], onRecords: () => undefined })
    .pipe(Effect.forkScoped)
  for (let next = 1; next <= transactions; next++) {
    yield* producer.commit({ records, offsets: [{ groupId: topic, topic, partition, next }] })
  }
})

const value = Buffer.alloc(1000, "an event ")
