/** Writing with kafkajs: transactions that fence older owners of their id, and plain idempotent writes. */
import { Effect, type Scope, Semaphore } from "effect"
import { CompressionTypes, type Kafka, type Message, Partitioners, type Producer, type Transaction } from "kafkajs"
import { chunkByBytes } from "./chunk.ts"
import { retryPolicy } from "./kafkajs-connect.ts"
import { attempt, attemptBriefly, settledWithin } from "./kafkajs-errors.ts"
import type { ResolvedKafkaOptions } from "./options.ts"
import type { KafkaError, ProducedRecord, TransactionalProducer } from "./port.ts"

/**
 * Opens a transactional producer. kafkajs claims the id only with the first transaction, not with `connect`; so an empty
 * one is begun and given up here, which fences every older producer of the id and ends its open transaction.
 */
export const openTransactional = (
  kafka: Kafka,
  options: ResolvedKafkaOptions,
  transactionalId: string
): Effect.Effect<TransactionalProducer, KafkaError, Scope.Scope> =>
  Effect.gen(function* () {
    const producer = kafka.producer({
      transactionalId,
      transactionTimeout: options.transactionTimeoutMillis,
      maxInFlightRequests: 1,
      allowAutoTopicCreation: false,
      createPartitioner: Partitioners.DefaultPartitioner,
      retry: retryTransaction
    })
    yield* Effect.addFinalizer(() => disconnect(producer))
    yield* attempt(`claim the transactional id ${transactionalId}`, async () => {
      await producer.connect()
      await (await producer.transaction()).abort()
    })
    return committerOf(producer, options, transactionalId)
  })

/**
 * The coordinator refuses a transaction's first write while it still finishes the transaction before, which takes a few
 * milliseconds: so the first repeats come at once.
 */
const retryTransaction = { ...retryPolicy, initialRetryTime: 4, retries: 11 }

const committerOf = (
  producer: Producer,
  options: ResolvedKafkaOptions,
  transactionalId: string
): TransactionalProducer => {
  // After a failure nobody knows what the broker has: the producer is of no more use, and its owner opens a new one.
  let broken: KafkaError | null = null
  const oneAtATime = Semaphore.makeUnsafe(1)
  return {
    commit: (step) =>
      Effect.suspend(() => {
        if (broken !== null) return Effect.fail(broken)
        return attempt(`commit a transaction of ${transactionalId}`, () =>
          // kafkajs's retries can outlive the transaction at the broker; the owner must learn of a failure before.
          settledWithin(options.transactionTimeoutMillis, commitOnce(producer, options, step))
        ).pipe(
          Effect.tapError((error) =>
            Effect.sync(() => {
              broken = error
            })
          )
        )
      }).pipe(oneAtATime.withPermit)
  }
}

type CommittedStep = Parameters<TransactionalProducer["commit"]>[0]

const commitOnce = async (producer: Producer, options: ResolvedKafkaOptions, step: CommittedStep): Promise<void> => {
  if (step.records.length === 0 && step.offset === null) return
  const transaction = await producer.transaction()
  try {
    for (const chunk of chunkByBytes(step.records, options.produceChunkBytes)) {
      await transaction.sendBatch({ topicMessages: topicMessages(chunk), compression: compressionOf(options) })
    }
    if (step.offset !== null) await sendOffset(transaction, step.groupId, step.offset)
    await transaction.commit()
  } catch (error) {
    // Best effort: it spares the readers the wait for the transaction's timeout.
    if (transaction.isActive()) void transaction.abort().catch(() => undefined)
    throw error
  }
}

/** Refused for the same reason as the first write; but here kafkajs doesn't try again by itself. */
const sendOffset = async (
  transaction: Transaction,
  consumerGroupId: string,
  { topic, partition, next }: NonNullable<CommittedStep["offset"]>
): Promise<void> => {
  const topics = [{ topic, partitions: [{ partition, offset: String(next) }] }]
  for (let waitMillis = 4; ; waitMillis = Math.min(waitMillis * 2, 200)) {
    const failure = await transaction.sendOffsets({ consumerGroupId, topics }).then(
      () => null,
      (error: unknown) => error
    )
    if (failure === null) return
    if ((failure as { readonly type?: string }).type !== "CONCURRENT_TRANSACTIONS") return Promise.reject(failure)
    await new Promise((resolve) => setTimeout(resolve, waitMillis))
  }
}

/** An idempotent producer that is connected at the first write and replaced after a failed one. */
export const openIdempotent = (
  kafka: Kafka,
  options: ResolvedKafkaOptions
): Effect.Effect<(records: ReadonlyArray<ProducedRecord>) => Effect.Effect<void, KafkaError>, never, Scope.Scope> =>
  Effect.gen(function* () {
    let current: Promise<Producer> | null = null
    const connect = async () => {
      const producer = kafka.producer({
        idempotent: true,
        allowAutoTopicCreation: false,
        createPartitioner: Partitioners.DefaultPartitioner,
        retry: retryPolicy
      })
      await producer.connect()
      return producer
    }
    const discard = Effect.suspend(() => {
      const connecting = current
      current = null
      return connecting === null
        ? Effect.void
        : attemptBriefly(5_000, () => connecting.then((producer) => producer.disconnect()))
    })
    yield* Effect.addFinalizer(() => discard)
    return (records) =>
      attempt("write records", async () => {
        current ??= connect()
        const producer = await current
        for (const chunk of chunkByBytes(records, options.produceChunkBytes)) {
          await producer.sendBatch({
            acks: -1,
            topicMessages: topicMessages(chunk),
            compression: compressionOf(options)
          })
        }
      }).pipe(Effect.tapError(() => discard))
  })

const compressionOf = ({ compression }: ResolvedKafkaOptions) => compressionTypes[compression]

const compressionTypes = { none: CompressionTypes.None, gzip: CompressionTypes.GZIP, zstd: CompressionTypes.ZSTD }

const topicMessages = (records: ReadonlyArray<ProducedRecord>) => {
  const byTopic = new Map<string, Array<Message>>()
  for (const record of records) {
    let messages = byTopic.get(record.topic)
    if (messages === undefined) {
      messages = []
      byTopic.set(record.topic, messages)
    }
    messages.push(messageOf(record))
  }
  return [...byTopic].map(([topic, messages]) => ({ topic, messages }))
}

const messageOf = (record: ProducedRecord): Message => {
  const message: Message = { key: record.key, value: record.value }
  if (record.partition !== undefined) message.partition = record.partition
  if (record.headers !== undefined) message.headers = { ...record.headers }
  if (record.timestamp !== undefined) message.timestamp = String(record.timestamp)
  return message
}

const disconnect = (producer: Producer) => attemptBriefly(5_000, () => producer.disconnect())
