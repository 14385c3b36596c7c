/**
 * kafkajs's messages as the port's records, and which of them a reader of committed records sees, in plain loops: every record passes
 * here.
 */
import type { IHeaders, KafkaMessage } from "kafkajs"
import type { FetchedRecord } from "../client.ts"
import { noHeaders, RecordView } from "../wire/record-batch-reader.ts"
import { recordTime } from "../wire/record-time.ts"
import { OmittedRecord } from "../wire/unread-batch.ts"

/** A message of a fetch: as kafkajs reads it from a compressed batch, or as our reader does. */
export type FetchedMessage = (KafkaMessage | RecordView | OmittedRecord) & TransactionalMessage

/** What is known of a message and its batch; kafkajs's type leaves it out. */
export interface TransactionalMessage {
  readonly offset: string | number
  readonly key: Buffer | null
  readonly isControlRecord: boolean
  readonly batchContext?: { readonly producerId: string; readonly inTransaction: boolean }
}

export interface AbortedTransaction {
  readonly producerId: string
  readonly firstOffset: string
}

/**
 * The messages without control records and those of aborted transactions: a producer's records are hidden from an aborted
 * transaction's first offset to its abort marker (Kafka protocol guide, "Fetch", isolation level READ_COMMITTED).
 */
export const visibleMessages = <Message extends TransactionalMessage>(
  messages: ReadonlyArray<Message>,
  aborted: ReadonlyArray<AbortedTransaction>
): ReadonlyArray<Message> => {
  if (aborted.length === 0) {
    return messages.some(isControl) ? messages.filter((message) => !message.isControlRecord) : messages
  }
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

const isControl = ({ isControlRecord }: TransactionalMessage) => isControlRecord

/** A control record's key is its version and its type, two bytes each; type 0 is abort. */
const isAbortMarker = ({ key }: TransactionalMessage) => key !== null && key.length >= 4 && key.readInt16BE(2) === 0

/** The records at or after the offset `from` and before `to`, in order. */
export const fetchedRecords = (
  topic: string,
  partition: number,
  messages: ReadonlyArray<KafkaMessage | RecordView | OmittedRecord>,
  from: number,
  to = Number.POSITIVE_INFINITY
): ReadonlyArray<FetchedRecord> => {
  const records: Array<FetchedRecord> = []
  for (const message of messages) {
    const offset = Number(message.offset)
    if (offset >= from && offset < to) records.push(fetchedRecord(topic, partition, offset, message))
  }
  return records
}

const fetchedRecord = (
  topic: string,
  partition: number,
  offset: number,
  message: KafkaMessage | RecordView | OmittedRecord
): FetchedRecord => {
  if (message instanceof RecordView || message instanceof OmittedRecord) {
    message.topic = topic
    message.partition = partition
    return message
  }
  const { key, value, headers, timestamp } = message
  return {
    topic,
    partition,
    offset,
    timestamp: recordTime(Number(timestamp)),
    key,
    value,
    headers: headers === undefined ? noHeaders : stringHeaders(headers)
  }
}

/** Of a header that occurs several times, the last counts, as for Java's `lastHeader`. */
const stringHeaders = (headers: IHeaders): Readonly<Record<string, string>> => {
  let strings: Record<string, string> | undefined
  for (const name in headers) {
    const found = headers[name]
    const value = Array.isArray(found) ? found[found.length - 1] : found
    strings ??= {}
    strings[name] = value === undefined ? "" : value.toString()
  }
  return strings ?? noHeaders
}
