/** Turns kafkajs's messages into the port's records; plain loops, because every record of the system passes here. */
import type { IHeaders, KafkaMessage } from "kafkajs"
import type { FetchedRecord } from "../client.ts"
import { noHeaders, ReadRecord } from "../wire/record-batch-reader.ts"

/** A message as kafkajs reads it, from a compressed batch, or as our reader does. */
export type ReadMessage = KafkaMessage | ReadRecord

/** The messages at or after `from`, in order. */
export const fetchedRecords = (
  topic: string,
  partition: number,
  messages: ReadonlyArray<ReadMessage>,
  from: number
): ReadonlyArray<FetchedRecord> => {
  const records: Array<FetchedRecord> = []
  for (const message of messages) {
    const offset = Number(message.offset)
    if (offset >= from) records.push(fetchedRecord(topic, partition, offset, message))
  }
  return records
}

export const fetchedRecord = (
  topic: string,
  partition: number,
  offset: number,
  message: ReadMessage
): FetchedRecord => {
  if (message instanceof ReadRecord) {
    message.topic = topic
    message.partition = partition
    return message
  }
  const { key, value, headers, timestamp } = message
  return {
    topic,
    partition,
    offset,
    timestamp: Number(timestamp),
    key,
    value,
    headers: headers === undefined ? noHeaders : textHeaders(headers)
  }
}

/** Of a header that occurs several times, the last counts, as Java's `lastHeader` has it. */
const textHeaders = (headers: IHeaders): Readonly<Record<string, string>> => {
  let text: Record<string, string> | undefined
  for (const name in headers) {
    const found = headers[name]
    const value = Array.isArray(found) ? found[found.length - 1] : found
    text ??= {}
    text[name] = value === undefined ? "" : value.toString()
  }
  return text ?? noHeaders
}
