/** Writing with kafkajs: transactions that fence older owners of their id, and plain idempotent writes. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import type { CompressionTypes, Kafka, Producer, Transaction } from "kafkajs"
import {
  type GroupOffset,
  KafkaError,
  type OpenTransaction,
  type ProducedRecord,
  type TransactionalProducer
} from "../client.ts"
import type { ResolvedKafkaOptions } from "../options.ts"
import { BatchSizes } from "../wire/batch-sizes.ts"
import { batchesOf } from "../wire/produce-chunks.ts"
import { attempt, attemptBriefly, kafkaError, retryPolicy, settledWithin } from "./errors.ts"
import { refusedBatches } from "./refused-batches.ts"
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
  const oneAtATime = Semaphore.makeUnsafe(1)
  const state: ProducerState = { broken: null }
  const begin = () => beginOn(producer, write, options.transactionTimeoutMillis, transactionalId, state)
  return {
    commit: (step) => Effect.suspend(() => begin().commit(step)).pipe(oneAtATime.withPermit),
    begin: Effect.map(oneAtATime.take(1), () => {
      const transaction = begin()
      let isHeld = true
      const release = Effect.suspend(() => {
        const releases = isHeld
        isHeld = false
        return releases ? oneAtATime.release(1) : Effect.void
      })
      return {
        write: transaction.write,
        commit: (step) => Effect.ensuring(transaction.commit(step), release),
        abort: Effect.ensuring(transaction.abort, release)
      }
    })
  }
}

interface ProducerState {
  /** After a failure it is unknown what the broker has: the producer cannot be used again, and its owner opens a new one. */
  broken: KafkaError | null
}

/** One transaction, which kafkajs begins with the first call that has something to write. */
const beginOn = (
  producer: Producer,
  write: Write,
  timeoutMillis: number,
  transactionalId: string,
  state: ProducerState
): OpenTransaction => {
  let transaction: Transaction | null = null
  const begun = performance.now()
  const run = (what: string, millis: () => number, work: () => Promise<void>) =>
    Effect.suspend(() => {
      if (state.broken !== null) return Effect.fail(state.broken)
      return attempt(`${what} a transaction of ${transactionalId}`, () => settledWithin(millis(), work())).pipe(
        Effect.tapError((error) =>
          Effect.sync(() => {
            state.broken = error
          })
        )
      )
    })
  // kafkajs's retries can outlive the transaction at the broker; the owner must learn of a failure before.
  const millisLeft = () => Math.max(0, begun + timeoutMillis - performance.now())
  const within = async (work: (transaction: Transaction) => Promise<void>): Promise<void> => {
    transaction ??= await producer.transaction()
    try {
      await work(transaction)
    } catch (error) {
      // Best effort: it spares the readers the wait for the transaction's timeout.
      if (transaction.isActive()) void transaction.abort().catch(() => undefined)
      throw error
    }
  }
  const writeIn = (open: Transaction, records: ReadonlyArray<ProducedRecord>) =>
    write(records, (request) => open.sendBatch(request))
  return {
    write: (records) => run("write in", millisLeft, () => within((open) => writeIn(open, records))),
    commit: ({ records, offsets }) =>
      run("commit", millisLeft, async () => {
        if (transaction === null && records.length === 0 && offsets.length === 0) return
        await within(async (open) => {
          await writeIn(open, records)
          await sendOffsets(open, offsets)
          await open.commit()
        })
      }),
    abort: Effect.suspend(() => {
      const open = transaction
      if (state.broken !== null || open === null || !open.isActive()) return Effect.void
      return Effect.ignore(
        run(
          "abort",
          () => endMillisMax,
          () => open.abort()
        )
      )
    })
  }
}

/** Who stops does not wait for a broker that is away. */
const endMillisMax = 5_000

const sendOffsets = async (transaction: Transaction, offsets: ReadonlyArray<GroupOffset>): Promise<void> => {
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
 * A refused batch that can be divided will be when its owner writes it again: here it cannot, since others of the request may be
 * written. Without a word of the broker it can only be the largest.
 */
const refusedAsTooLarge = (error: KafkaError, chunk: ReadonlyArray<Outgoing>, sizes: BatchSizes): KafkaError => {
  const named = refusedBatches(error.cause)
  const batches = batchesOf(chunk)
  const found = batches.filter((batch) =>
    named.some((at) => at.topic === batch.topic && at.partition === batch.partition)
  )
  const refused = found.length > 0 ? found : batches.slice(0, 1)
  for (const { topic, bytes, records } of refused) if (records.length > 1) sizes.refused(topic, bytes)
  const single = refused.find(({ records }) => records.length === 1)
  const { topic, bytes, records } = single ?? refused[0]!
  return new KafkaError({
    code: single === undefined ? "other" : "too_large",
    operation: error.operation,
    message:
      single === undefined
        ? `The topic ${topic} does not take a batch of ${records.length} records that has ${bytes} bytes before compression; those that follow are smaller.`
        : `The topic ${topic} does not take a record of ${bytes} bytes.`,
    nextStep: single === undefined ? "If this repeats, raise the topic's max.message.bytes." : error.nextStep,
    cause: error.cause
  })
}

const disconnect = (producer: Producer) => attemptBriefly(endMillisMax, () => producer.disconnect())
