/**
 * Keeps records of aborted transactions from group members. kafkajs hides them too, but takes the broker's list as sorted by
 * its first offsets and begins one transaction a record; the broker lists them in the order of their ends, so that of
 * transactions that overlap in a partition, as those of several producers do, some would come through.
 */
import { repairClass } from "./patch-prototype.ts"
import { deliverable, type FetchedMessage, type FetchedPartition } from "./read-committed.ts"

/** Changes the class of kafkajs's connections to brokers. */
export const repairReadCommitted = (): void => repairClass("broker", hideAbortedOfFetch)

const hideAbortedOfFetch = (prototype: PatchedBroker): void => {
  const { fetch } = prototype
  prototype.fetch = async function (request) {
    const answer = await fetch.call(this, request)
    for (const { partitions } of answer.responses) for (const partition of partitions) hideAborted(partition)
    return answer
  }
}

interface PatchedBroker {
  fetch: (this: PatchedBroker, request: unknown) => Promise<FetchAnswer>
}

interface FetchAnswer {
  readonly responses: ReadonlyArray<{ readonly partitions: ReadonlyArray<Mutable<FetchedPartition>> }>
}

type Mutable<A> = { -readonly [K in keyof A]: A[K] }

/** Aborted records become control records, which kafkajs passes over like those of the broker. */
export const hideAborted = (partition: Mutable<FetchedPartition>): void => {
  const { messages, abortedTransactions } = partition
  if (abortedTransactions === null || abortedTransactions.length === 0) return
  const visible: ReadonlySet<FetchedMessage> = new Set(deliverable(messages, abortedTransactions))
  for (const message of messages as ReadonlyArray<Mutable<FetchedMessage>>) {
    if (visible.has(message) || message.isControlRecord) continue
    message.isControlRecord = true
  }
  partition.abortedTransactions = []
}
