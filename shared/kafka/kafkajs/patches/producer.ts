/** Patches of kafkajs's `producer`: messages are grouped by partition without copies, and transactions have version 2 where the brokers have it. */
import type { Broker, Cluster } from "kafkajs"
import { apiVersions } from "../api-versions.ts"
import { sendRaw } from "../raw-request.ts"
import {
  addByProduce,
  endTxn,
  hasVersionTwo,
  type OffsetsOfTopic,
  type ProducerSession,
  txnOffsetCommit
} from "../transaction-requests.ts"
import { atCoordinator, groupCoordinator, transactionCoordinator } from "./cluster.ts"

interface Grouping<Message> {
  readonly topic: string
  readonly partitionMetadata: ReadonlyArray<unknown>
  readonly messages: ReadonlyArray<Message>
  /** Must not keep its argument, which is one object for all messages. */
  readonly partitioner: (of: {
    readonly topic: string
    readonly partitionMetadata: ReadonlyArray<unknown>
    readonly message: Message
  }) => number
}

/** kafkajs copies the list of a partition for each message that it adds, and the result object too. */
export const groupMessagesPerPartition = <Message>({
  messages,
  partitioner,
  ...of
}: Grouping<Message>): Record<number, Array<Message>> => {
  const groups: Record<number, Array<Message>> = {}
  if (of.partitionMetadata.length === 0) return groups
  const argument = { ...of, message: messages[0] as Message }
  for (const message of messages) {
    argument.message = message
    const partition = partitioner(argument)
    const group = groups[partition]
    if (group === undefined) groups[partition] = [message]
    else group.push(message)
  }
  return groups
}

interface ManagerOptions {
  readonly cluster: Cluster
  readonly transactional: boolean
  readonly transactionalId?: string
}

/** kafkajs's state of an idempotent or transactional producer, and the requests of its transactions. */
interface Manager {
  readonly initProducerId: () => Promise<void>
  readonly getProducerId: () => string | number
  readonly getProducerEpoch: () => number
  /** The sequence number of the next record of a partition. */
  readonly getSequence: (topic: string, partition: number) => number
  readonly updateSequence: (topic: string, partition: number, increment: number) => void
  readonly isInTransaction: () => boolean
  readonly addPartitionsToTransaction: (topicData: object) => Promise<void>
  readonly sendOffsets: (of: {
    readonly consumerGroupId: string
    readonly topics: ReadonlyArray<OffsetsOfTopic>
  }) => Promise<void>
  /** Sends no request if nothing was added. */
  readonly commit: () => Promise<void>
  readonly abort: () => Promise<void>
}

type CreateManager = (options: ManagerOptions) => Manager

/** Transactional ids that stay with version 1, whatever the brokers have: for tests. */
export const versionOneIds = new Set<string>()

/**
 * Transactions of version 2 (KIP-890, part 2), where the cluster has it when the producer is initialized: Produce and TxnOffsetCommit add what
 * they write to to the transaction, so that two requests and more are saved, and each transaction has its own epoch, so that no
 * request of an earlier one can come late. kafkajs's own manager goes through its states beside it, and has nothing to send.
 */
export const transactionsOfVersionTwo =
  (create: CreateManager): CreateManager =>
  (options) => {
    const manager = create(options)
    const { transactional, transactionalId } = options
    return transactional && transactionalId !== undefined
      ? versioned(manager, options.cluster, transactionalId)
      : manager
  }

/** What a producer of version 2 knows of its transaction. */
interface Ongoing {
  readonly session: ProducerSession
  /** By topic and partition, since the last transaction ended: each epoch begins at 0. */
  readonly sequences: Map<string, number>
  /** A request was sent that may have added something. */
  begun: boolean
  /** What the first request took, if it is a produce request whose time says something. */
  took: number | null
  ending: boolean
}

const versioned = (manager: Manager, cluster: Cluster, transactionalId: string): Manager => {
  /** Null for version 1. */
  let ongoing: Ongoing | null = null
  const next = (of: Pick<ProducerSession, "producerId" | "producerEpoch">): Ongoing => ({
    session: { transactionalId, producerId: of.producerId, producerEpoch: of.producerEpoch },
    sequences: new Map(),
    begun: false,
    took: null,
    ending: false
  })
  const completion = new CompletionWait()
  const atTransactions = <A>(run: (broker: Broker) => Promise<A>): Promise<A> =>
    atCoordinator(cluster, { groupId: transactionalId, coordinatorType: transactionCoordinator }, run)
  const end = async (commit: boolean): Promise<void> => {
    if (ongoing?.begun === true) {
      const asked = performance.now()
      const { session, took } = ongoing
      ongoing.ending = true
      ongoing = next(await atTransactions((broker) => sendRaw(broker, endTxn(session, commit))))
      completion.ended(performance.now(), { produceMillis: took, endMillis: performance.now() - asked })
    }
    return commit ? manager.commit() : manager.abort()
  }
  return {
    ...manager,
    initProducerId: async () => {
      await manager.initProducerId()
      const versions = await atTransactions((broker) => sendRaw(broker, apiVersions))
      ongoing =
        hasVersionTwo(versions) && !versionOneIds.has(transactionalId)
          ? next({ producerId: String(manager.getProducerId()), producerEpoch: manager.getProducerEpoch() })
          : null
    },
    getProducerId: () => ongoing?.session.producerId ?? manager.getProducerId(),
    getProducerEpoch: () => ongoing?.session.producerEpoch ?? manager.getProducerEpoch(),
    getSequence: (topic, partition) =>
      ongoing === null ? manager.getSequence(topic, partition) : (ongoing.sequences.get(`${topic} ${partition}`) ?? 0),
    updateSequence: (topic, partition, increment) => {
      if (ongoing === null) return manager.updateSequence(topic, partition, increment)
      const key = `${topic} ${partition}`
      ongoing.sequences.set(key, (ongoing.sequences.get(key) ?? 0) + increment)
    },
    // As with kafkajs's states: once its end was asked for, a transaction is not aborted, since it may be committed.
    isInTransaction: () => manager.isInTransaction() && ongoing?.ending !== true,
    addPartitionsToTransaction: async (topicData) => {
      if (ongoing === null) return manager.addPartitionsToTransaction(topicData)
      const transaction = ongoing
      const isFirst = !transaction.begun
      transaction.begun = true
      const left = isFirst ? completion.millisLeft(performance.now()) : null
      if (left === null) return addByProduce(topicData)
      if (left > 0) await new Promise((resolve) => setTimeout(resolve, left))
      const sent = performance.now()
      // The transaction may stay open for long afterwards.
      addByProduce(topicData, () => {
        transaction.took = performance.now() - sent
      })
    },
    sendOffsets: async ({ consumerGroupId, topics }) => {
      if (ongoing === null) return manager.sendOffsets({ consumerGroupId, topics })
      ongoing.begun = true
      const request = txnOffsetCommit(ongoing.session, consumerGroupId, topics)
      await atCoordinator(cluster, { groupId: consumerGroupId, coordinatorType: groupCoordinator }, (broker) =>
        sendRaw(broker, request)
      )
    },
    commit: () => end(true),
    abort: () => end(false)
  }
}

/**
 * How long the first produce request of a transaction waits for the transaction before to be complete. One that comes too early waits at the
 * broker for 20 ms (`add.partitions.to.txn.retry.backoff.ms`), so it is better sent a few milliseconds later. How many is learnt: more by
 * each request that took as much longer than the end of its transaction, a little less by each that did not, so that one in 25 comes too
 * early where the broker's speed changes. Where transactions are complete at once, nothing waits.
 */
export class CompletionWait {
  private waitMillis = 0
  private endedAt = Number.NEGATIVE_INFINITY

  /** A transaction has ended. `produceMillis` is null where its first request says nothing; `now` is monotonic. */
  ended(now: number, took: { readonly produceMillis: number | null; readonly endMillis: number }): void {
    this.endedAt = now
    if (took.produceMillis === null) return
    const cameTooEarly = took.produceMillis - took.endMillis >= brokerWaitMillis
    const learnt = this.waitMillis + (cameTooEarly ? learntMillis : -learntMillis / 25)
    this.waitMillis = Math.min(Math.max(0, learnt), waitMillisMax)
  }

  /** 0 or less: the request goes out now. Null where the transaction before has ended long ago: what the request takes says nothing. */
  millisLeft(now: number): number | null {
    const since = now - this.endedAt
    return since > waitMillisMax ? null : this.waitMillis - since
  }
}

const brokerWaitMillis = 20
const learntMillis = 0.5
const waitMillisMax = 5
