/** Writing with kafkajs: transactions that fence older owners of their id, and plain idempotent writes. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import type { CompressionTypes, Kafka, Producer, Transaction } from "kafkajs"
import { KafkaError, type ProducedRecord, type TransactionalProducer } from "../client.ts"
import type { ResolvedKafkaOptions } from "../options.ts"
import { BatchSizes } from "../wire/batch-sizes.ts"
import { largestBatch } from "../wire/produce-chunks.ts"
import { attempt, attemptBriefly, kafkaError, retryPolicy, settledWithin } from "./errors.ts"
import { makeSender, type Outgoing, type Sender, type TopicMessages } from "./send.ts"

/**
 * Opens a transactional producer. kafkajs claims the id only with the first transaction, not with `connect`; so an empty
 * transaction is begun and aborted here, which fences every older producer of the id and ends its open transaction.
 */
export const openTransactional = (
  kafka: Kafka,
  options: ResolvedKafkaOptions,
  sizes: BatchSizes,
  transactionalId: string
): Effect.Effect<TransactionalProducer, KafkaError, Scope.Scope> =>
  Effect.gen(function* () {
    const sender = makeSender()
    const claim = Effect.gen(function* () {
      const producer = kafka.producer({
        transactionalId,
        transactionTimeout: options.transactionTimeoutMillis,
        maxInFlightRequests: 1,
        allowAutoTopicCreation: false,
        createPartitioner: sender.partitioner,
        // `sender` retries, and knows what it may retry.
        retry: { ...retryPolicy, retries: 0 }
      })
      yield* attempt(`claim the transactional id ${transactionalId}`, () =>
        settledWithin(options.transactionTimeoutMillis, claimWith(producer))
      ).pipe(Effect.tapError(() => disconnect(producer)))
      return producer
    })
    const producer = yield* Effect.acquireRelease(claim, disconnect)
    const write: Write = (records, post) => sendInChunks(sender, options, sizes, records, post)
    return committerOf(producer, write, options, transactionalId)
  })

const claimWith = async (producer: Producer): Promise<void> => {
  await producer.connect()
  await (await producer.transaction()).abort()
}

const committerOf = (
  producer: Producer,
  write: Write,
  options: ResolvedKafkaOptions,
  transactionalId: string
): TransactionalProducer => {
  // After a failure it is unknown what the broker has: the producer cannot be used again, and its owner opens a new one.
  let broken: KafkaError | null = null
  const oneAtATime = Semaphore.makeUnsafe(1)
  return {
    commit: (step) =>
      Effect.suspend(() => {
        if (broken !== null) return Effect.fail(broken)
        return attempt(`commit a transaction of ${transactionalId}`, () =>
          // kafkajs's retries can outlive the transaction at the broker; the owner must learn of a failure before.
          settledWithin(options.transactionTimeoutMillis, commitOnce(producer, write, step))
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

const commitOnce = async (producer: Producer, write: Write, step: CommittedStep): Promise<void> => {
  if (step.records.length === 0 && step.offsets.length === 0) return
  const transaction = await producer.transaction()
  try {
    await write(step.records, (request) => transaction.sendBatch(request))
    await sendOffsets(transaction, step.offsets)
    await transaction.commit()
  } catch (error) {
    // Best effort: it spares the readers the wait for the transaction's timeout.
    if (transaction.isActive()) void transaction.abort().catch(() => undefined)
    throw error
  }
}

const sendOffsets = async (transaction: Transaction, offsets: CommittedStep["offsets"]): Promise<void> => {
  for (const [consumerGroupId, ofGroup] of Map.groupBy(offsets, ({ groupId }) => groupId)) {
    const topics = [...Map.groupBy(ofGroup, ({ topic }) => topic)].map(([topic, ofTopic]) => ({
      topic,
      partitions: ofTopic.map(({ partition, next, metadata }) => ({
        partition,
        offset: String(next),
        ...(metadata === undefined || metadata === "" ? {} : { metadata })
      }))
    }))
    await transaction.sendOffsets({ consumerGroupId, topics })
  }
}

/**
 * An idempotent producer that is connected at the first write and replaced after one that failed or was interrupted. Writes
 * wait for one another: one that follows a failed one with the same sequence numbers would be taken for its retry, and dropped.
 */
export const openIdempotent = (
  kafka: Kafka,
  options: ResolvedKafkaOptions,
  sizes: BatchSizes
): Effect.Effect<(records: ReadonlyArray<ProducedRecord>) => Effect.Effect<void, KafkaError>, never, Scope.Scope> =>
  Effect.gen(function* () {
    let current: { readonly producer: Producer; readonly sender: Sender; readonly connected: Promise<void> } | null =
      null
    const connect = () => {
      const sender = makeSender()
      const producer = kafka.producer({
        idempotent: true,
        allowAutoTopicCreation: false,
        createPartitioner: sender.partitioner,
        // kafkajs requires at least one for an idempotent producer; `sender` divides calls so that it does no harm.
        retry: { ...retryPolicy, retries: 1 }
      })
      current = { producer, sender, connected: producer.connect() }
      return current
    }
    const discard = Effect.suspend(() => {
      const used = current
      current = null
      return used === null ? Effect.void : disconnect(used.producer)
    })
    yield* Effect.addFinalizer(() => discard)
    const oneAtATime = Semaphore.makeUnsafe(1)
    return (records) =>
      attempt("write records", async () => {
        const { producer, sender, connected } = current ?? connect()
        await connected
        await sendInChunks(sender, options, sizes, records, (request) => producer.sendBatch({ acks: -1, ...request }))
      }).pipe(
        // An interrupted write counts as failed: it may still be written, and if not, its sequence numbers are unused.
        Effect.onError(() => discard),
        oneAtATime.withPermit
      )
  })

type Post = (request: { topicMessages: Array<TopicMessages>; compression: CompressionTypes }) => Promise<unknown>

type Write = (records: ReadonlyArray<ProducedRecord>, post: Post) => Promise<void>

const sendInChunks = async (
  sender: Sender,
  { produceRequestBytes: requestBytesMax }: ResolvedKafkaOptions,
  sizes: BatchSizes,
  records: ReadonlyArray<ProducedRecord>,
  post: Post
): Promise<void> => {
  const limits = { batchBytesMax: (topic: string) => sizes.recordBytesMax(topic), requestBytesMax }
  // For `poolProduceRequests`. kafkajs hands on what it gets.
  const compression = sizes as unknown as CompressionTypes
  for (const chunk of sender.chunks(records, limits)) {
    await sender
      .send(chunk, (topicMessages) => post({ topicMessages, compression }))
      .catch((error: unknown) => {
        const failure = kafkaError("write records", error)
        return Promise.reject(failure.code === "too_large" ? refusedAsTooLarge(failure, chunk, sizes) : failure)
      })
  }
}

/** For all producers of a client. */
export const batchSizesOf = ({ produceBatchBytes, produceRequestBytes, compressedTopics }: ResolvedKafkaOptions) =>
  new BatchSizes({ writtenBytesMax: produceBatchBytes, recordBytesMax: produceRequestBytes, compressedTopics })

/**
 * The broker does not say which batch of a request is too large; it can only be the largest. Where that can be divided, it will be when its owner
 * writes it again: here it cannot, since others of the request may be written.
 */
const refusedAsTooLarge = (error: KafkaError, chunk: ReadonlyArray<Outgoing>, sizes: BatchSizes): KafkaError => {
  const { topic, bytes, records } = largestBatch(chunk)
  const isDivisible = records.length > 1
  if (isDivisible) sizes.refused(topic, bytes)
  return new KafkaError({
    code: isDivisible ? "other" : "too_large",
    operation: error.operation,
    message: isDivisible
      ? `The topic ${topic} does not take a batch of ${records.length} records that has ${bytes} bytes before compression; those that follow are smaller.`
      : `The topic ${topic} does not take a record of ${bytes} bytes.`,
    nextStep: isDivisible ? "If this repeats, raise the topic's max.message.bytes." : error.nextStep,
    cause: error.cause
  })
}

const disconnect = (producer: Producer) => attemptBriefly(5_000, () => producer.disconnect())
