/** Finds an event's records without an index: looks through the newest records of each topic, and says what it did not look at. */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { Codecs } from "../codec/codecs.ts"
import { SettingsService } from "../config/settings.ts"
import { type FetchedRecord, KafkaClient } from "../kafka/client.ts"
import { topicNames } from "../model/topics.ts"
import { type EventTopic, eventIdOfKey, keyedTopics, normalizedTopic, pendingTopic, termsOf } from "./event-topics.ts"
import type { Coverage, RecordPosition, StoryQuery } from "./story.ts"

export interface ScanBounds {
  /** How far back in time. */
  readonly window: Duration.Duration
  /** Of each topic, shared by its partitions: the newest. */
  readonly recordsMax: number
}

export const defaultScanBounds: ScanBounds = { window: Duration.hours(1), recordsMax: 200_000 }

/** Positions of an event's records, and the ids of the events that the query means. */
export interface Found {
  readonly eventIds: ReadonlySet<string>
  readonly positions: ReadonlyArray<RecordPosition>
  /** Further events of the query whose positions are not given. */
  readonly moreEvents: number
  readonly coverage: Omit<Coverage, "gone">
}

/** Each has responses of tens of megabytes in memory. */
const topicsAtATime = 2
/** Records of the events that are read one by one: the newest. */
const positionsMax = 1_000

/** @param eventsMax of an order id or click id the newest so many events, the others are counted */
export const scan = Effect.fnUntraced(function* (
  { text, kind }: StoryQuery,
  bounds: ScanBounds,
  eventsMax = Number.POSITIVE_INFINITY
) {
  const codecs = yield* Codecs
  const { topicPrefix } = yield* SettingsService
  // A topic on which the user has no right is not listed: it is of a platform without connections (docs/acl.md).
  const present = new Set(yield* (yield* KafkaClient).listTopics)
  const since = (yield* Clock.currentTimeMillis) - Duration.toMillis(bounds.window)
  const positions: Array<TimedPosition> = []
  const eventIds = new Set<string>(kind === "event" || kind === "any" ? [text] : [])
  const notSeen = new Map<string, number>()
  const look = Effect.fnUntraced(function* (
    row: EventTopic,
    isMeant: (record: FetchedRecord) => boolean,
    decodes: boolean
  ) {
    if (!present.has(topicPrefix + row.topic)) return
    const skipped = yield* readNewest(row.topic, since, bounds.recordsMax, (records) =>
      Effect.gen(function* () {
        if (decodes) yield* codecs.loadSchemas(records.map(({ value }) => value))
        for (const record of records) if (isMeant(record)) positions.push(positionIn(row, record))
      })
    )
    if (skipped > 0) notSeen.set(row.topic, skipped)
  })
  const byTerm = kind !== "event"
  const named = new Map<string, Array<TimedPosition>>()
  yield* look(
    normalizedTopic,
    (record) => {
      if (eventIds.has(String(record.key))) return true
      if (!byTerm) return false
      const decoded = codecs.decode("normalized-event", record.value)
      if (decoded._tag !== "Decoded") return false
      if (!termsOf(decoded.value).some(([of, term]) => term === text && (kind === "any" || kind === of))) return false
      const id = decoded.value.event_id
      const known = named.get(id)
      if (known === undefined) named.set(id, [positionIn(normalizedTopic, record)])
      else known.push(positionIn(normalizedTopic, record))
      return false
    },
    byTerm
  )
  // A click id may be that of thousands of events, whose records would be read one by one.
  const newest = [...named].sort((left, right) => timeOf(right[1]) - timeOf(left[1])).slice(0, eventsMax)
  for (const [id, found] of newest) {
    eventIds.add(id)
    for (const position of found) positions.push(position)
  }
  // Events without an order id or click id of that name are looked up by their id too, since it may be one.
  yield* Effect.forEach(
    keyedTopics,
    (row) => look(row, ({ key }) => key !== null && eventIds.has(eventIdOfKey(row.stage, String(key))), false),
    { concurrency: topicsAtATime, discard: true }
  )
  yield* look(
    pendingTopic,
    ({ value }) => {
      const decoded = codecs.decode("pending-outcome", value)
      return decoded._tag === "Decoded" && decoded.value.events.some(({ event_id }) => eventIds.has(event_id))
    },
    true
  )
  const kept = positions.sort((left, right) => right.timestamp - left.timestamp).slice(0, positionsMax)
  return {
    eventIds,
    positions: kept,
    moreEvents: named.size - newest.length,
    coverage: coverageOf(since, bounds, notSeen, positions.length - kept.length)
  } satisfies Found
})

type TimedPosition = RecordPosition & { readonly timestamp: number }

const positionIn = ({ topic }: EventTopic, { partition, offset, timestamp }: FetchedRecord): TimedPosition => ({
  topic,
  partition,
  offset,
  timestamp
})

const timeOf = (positions: ReadonlyArray<TimedPosition>): number => positions.at(-1)?.timestamp ?? 0

const coverageOf = (
  since: number,
  { window, recordsMax }: ScanBounds,
  notSeen: ReadonlyMap<string, number>,
  earlier: number
) => ({
  by: "scan" as const,
  since,
  behind: null,
  notes: [
    `Without the index only the last ${Duration.format(window)} of each topic is looked through, at most ${recordsMax} records of each.`,
    ...(notSeen.size === 0
      ? []
      : [`Not looked at: ${[...notSeen].map(([topic, count]) => `${count} earlier records of ${topic}`).join(", ")}.`]),
    ...(earlier === 0 ? [] : [`These events have ${earlier} earlier records, which are not shown.`]),
    "Run the indexer and set CAPI_INDEXER_URL to search all of the log, or look further back with --since."
  ]
})

/** Reads what is newer than `since`, and of that at most `recordsMax` records; gives how many earlier ones there are. */
const readNewest = Effect.fnUntraced(function* <E, R>(
  topic: string,
  since: number,
  recordsMax: number,
  onRecords: (records: ReadonlyArray<FetchedRecord>) => Effect.Effect<void, E, R>
) {
  const kafka = yield* KafkaClient
  const name = (yield* SettingsService).topicPrefix + topic
  const logs = yield* kafka.topicOffsets(name)
  const starts = new Map((yield* kafka.offsetsAt(name, Math.max(0, since))).map((at) => [at.partition, at.offset]))
  const each = Math.max(1, Math.floor(recordsMax / logs.length))
  const ranges = logs.map(({ partition, low, high }) => ({
    partition,
    low,
    // Records of a compacted topic are few, and an old one may be the only one.
    from: topic === topicNames.pending ? low : Math.max(low, starts.get(partition) ?? low, high - each),
    to: high
  }))
  const open = ranges.filter(({ from, to }) => from < to)
  if (open.length > 0) yield* kafka.read({ topic: name, ranges: open, onRecords })
  return ranges.reduce((sum, { low, from }) => sum + from - low, 0)
})
