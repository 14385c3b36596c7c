/** Turns kafkajs's messages into the port's records; plain loops, because every record of the system passes here. */
import type { IHeaders, KafkaMessage } from "kafkajs"
import type { FetchedRecord } from "./port.ts"

/** The messages at or after `from`, in order. */
export const fetchedRecords = (
  topic: string,
  partition: number,
  messages: ReadonlyArray<KafkaMessage>,
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
  message: KafkaMessage
): FetchedRecord => ({
  topic,
  partition,
  offset,
  timestamp: Number(message.timestamp),
  key: message.key,
  value: message.value,
  headers: message.headers === undefined ? noHeaders : textHeaders(message.headers)
})

const noHeaders: Readonly<Record<string, string>> = Object.freeze({})

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
