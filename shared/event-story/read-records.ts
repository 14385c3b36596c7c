/** Reads records at known positions of the event topics: each with a fetch of its batch alone. */
import * as Effect from "effect/Effect"
import { SettingsService } from "../config/settings.ts"
import { type FetchedRecord, KafkaClient } from "../kafka/client.ts"
import { positionName, type RecordPosition } from "./story.ts"

/** A record under its topic's logical name. */
export interface StoredRecord extends RecordPosition {
  readonly timestamp: number
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly headers: Readonly<Record<string, string>>
}

/** Fetches at the same time; each is a request to a broker. */
const fetchesMax = 8
/** The broker gives at least the batch that holds the position. */
const fetchBytes = 1

/**
 * The records that are still there, in no order, and how many are not; `unreadable` are topics that are gone, or not the user's, of which
 * nothing is counted.
 */
export const readRecords = Effect.fnUntraced(function* (positions: ReadonlyArray<RecordPosition>) {
  const kafka = yield* KafkaClient
  const { topicPrefix } = yield* SettingsService
  const wanted = new Map(positions.map((position) => [positionName(position), position]))
  const names = [...new Set([...wanted.values()].map(({ topic }) => topic))]
  const logsOf = (topics: ReadonlyArray<string>) =>
    Effect.forEach(
      topics,
      (topic) => Effect.map(kafka.topicOffsets(topicPrefix + topic), (log) => [topic, log] as const),
      { concurrency: fetchesMax }
    )
  // A topic on which the user has no right is not listed, either.
  const logsOfListed = Effect.flatMap(kafka.listTopics, (listed) =>
    logsOf(names.filter((topic) => listed.includes(topicPrefix + topic)))
  )
  const logs = new Map(
    yield* Effect.catchIf(
      logsOf(names),
      ({ code }) => code === "unknown_topic" || code === "unauthorized",
      () => logsOfListed
    )
  )
  const present = [...wanted.values()].filter(({ topic, partition, offset }) => {
    const log = logs.get(topic)?.find((one) => one.partition === partition)
    return log !== undefined && offset >= log.low && offset < log.high
  })
  const records: Array<StoredRecord> = []
  yield* Effect.forEach(
    present,
    ({ topic, partition, offset }) =>
      kafka.read({
        topic: topicPrefix + topic,
        ranges: [{ partition, from: offset, to: offset + 1 }],
        fetchBytes,
        onRecords: (found) => {
          for (const record of found) if (record.offset === offset) records.push(storedRecord(record, topic))
        }
      }),
    { concurrency: fetchesMax, discard: true }
  )
  const unreadable = names.filter((topic) => !logs.has(topic))
  const counted = [...wanted.values()].filter(({ topic }) => logs.has(topic))
  return { records, gone: counted.length - records.length, unreadable }
})

/** A copy, since a fetched record's memory may be reused. */
const storedRecord = (record: FetchedRecord, topic: string): StoredRecord => ({
  topic,
  partition: record.partition,
  offset: record.offset,
  timestamp: record.timestamp,
  key: record.key === null ? null : Buffer.from(record.key),
  value: record.value === null ? null : Buffer.from(record.value),
  headers: { ...record.headers }
})
