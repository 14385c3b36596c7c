/** Topics and records for tests of the Kafka port. */
import * as Effect from "effect/Effect"
import { KafkaClient, type ProducedRecord, type TransactionalProducer } from "../kafka/client.ts"

let made = 0

/** A topic that no other test has, under the given prefix. */
export const makeTopic = (prefix: string, partitions = 1, config: Readonly<Record<string, string>> = {}) =>
  Effect.gen(function* () {
    const client = yield* KafkaClient
    const name = `${prefix}${made++}`
    yield* client.createTopics([{ name, partitions, replication: 1, config }])
    return name
  })

export const recordsOf = (topic: string, values: ReadonlyArray<string>, partition = 0): ReadonlyArray<ProducedRecord> =>
  values.map((value) => ({ topic, partition, key: null, value: Buffer.from(value) }))

export const texts = (records: ReadonlyArray<{ readonly value: Buffer | null }>): ReadonlyArray<string> =>
  records.map(({ value }) => String(value))

/** A transaction that commits no offset. */
export const writeIn = (producer: TransactionalProducer, records: ReadonlyArray<ProducedRecord>) =>
  producer.commit({ records, offsets: [] })
