/**
 * What was fetched of a partition, without control records and records of aborted transactions. kafkajs compares each offset as
 * a 64-bit object, though offsets are far below 2^53. And it assumes that the broker lists aborted transactions by their first
 * offsets and begins at most one at a record; the broker lists them by their ends, so that of transactions that overlap in a
 * partition, as those of several producers do, some records would be delivered.
 */
import { type AbortedTransaction, type FetchedMessage, visibleMessages } from "../records.ts"

interface PartitionData {
  readonly messages: ReadonlyArray<FetchedMessage>
  readonly abortedTransactions?: ReadonlyArray<AbortedTransaction> | null
}

interface Batch {
  firstOffset(): string | number | null
  lastOffset(): string | number
}

export type BatchClass = new (topic: string, fetchedOffset: string, data: PartitionData) => Batch

/** kafkajs's class; its offsets are strings for its users, as before. */
export const visibleBatch = (Original: BatchClass): BatchClass =>
  class Batch extends Original {
    override firstOffset(): string | null {
      const offset = super.firstOffset()
      return offset === null ? null : String(offset)
    }

    override lastOffset(): string {
      return String(super.lastOffset())
    }

    constructor(topic: string, fetchedOffset: string, data: PartitionData) {
      super(topic, fetchedOffset, { ...data, messages: [], abortedTransactions: null })
      const from = Number(fetchedOffset)
      // A compressed batch comes whole, with records before the offset that was asked for.
      const isWhole = data.messages.length === 0 || Number(data.messages[0]!.offset) >= from
      const within = (messages: ReadonlyArray<FetchedMessage>) =>
        isWhole ? messages : messages.filter(({ offset }) => Number(offset) >= from)
      Object.assign(this, {
        rawMessages: data.messages,
        messagesWithinOffset: within(data.messages),
        messages: within(visibleMessages(data.messages, data.abortedTransactions ?? []))
      })
    }
  }
