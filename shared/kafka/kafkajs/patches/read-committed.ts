/** What a reader of committed records may see of a fetch: no control records, nothing of aborted transactions. */
import type { ReadMessage } from "../records.ts"

/** What is known of a message and the batch that it came in; kafkajs's type leaves that out. */
export interface FetchedMessage {
  readonly offset: string | number
  readonly key: Buffer | null
  readonly isControlRecord: boolean
  readonly batchContext?: { readonly producerId: string; readonly inTransaction: boolean }
}

export interface AbortedTransaction {
  readonly producerId: string
  readonly firstOffset: string
}

export interface FetchedPartition {
  readonly partition: number
  readonly highWatermark: string
  readonly lastStableOffset: string
  readonly abortedTransactions: ReadonlyArray<AbortedTransaction> | null
  readonly messages: ReadonlyArray<FetchedMessage & ReadMessage>
}

/**
 * A producer's records from an aborted transaction's first offset on are hidden until its abort marker, as Kafka's
 * protocol guide asks of clients that read committed records.
 */
export const deliverable = <Message extends FetchedMessage>(
  messages: ReadonlyArray<Message>,
  aborted: ReadonlyArray<AbortedTransaction>
): ReadonlyArray<Message> => {
  const pending = [...aborted].sort((left, right) => Number(left.firstOffset) - Number(right.firstOffset))
  const hidden = new Set<string>()
  let next = 0
  return messages.filter((message) => {
    const offset = Number(message.offset)
    while (next < pending.length && Number(pending[next]!.firstOffset) <= offset)
      hidden.add(pending[next++]!.producerId)
    const producerId = message.batchContext?.producerId
    if (message.isControlRecord) {
      if (producerId !== undefined && isAbortMarker(message)) hidden.delete(producerId)
      return false
    }
    return !(message.batchContext?.inTransaction === true && producerId !== undefined && hidden.has(producerId))
  })
}

/** A control record's key is its version and its type, two bytes each; type 0 is abort. */
const isAbortMarker = ({ key }: FetchedMessage) => key !== null && key.length >= 4 && key.readInt16BE(2) === 0
