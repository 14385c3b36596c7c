/** One event's story: finds its records, by the index or without one, reads them, and puts them in order. */
import * as Arrays from "effect/Array"
import * as Effect from "effect/Effect"
import { Codecs, type RegistryError } from "../codec/codecs.ts"
import type { SettingsService } from "../config/settings.ts"
import type { KafkaClient, KafkaError } from "../kafka/client.ts"
import { type IndexClient, newestPositions } from "./ask-index.ts"
import { buildTimelines } from "./build-story.ts"
import { readStoryRecord, type StoryRecord } from "./decode-record.ts"
import { termsOf } from "./event-topics.ts"
import { readRecords, type StoredRecord } from "./read-records.ts"
import { defaultScanBounds, type Found, type ScanBounds, scan } from "./scan.ts"
import {
  type EventStory,
  positionName,
  type QueryKind,
  queryKinds,
  type RecordPosition,
  type StoryQuery,
  type View
} from "./story.ts"

export type TraceError = KafkaError | RegistryError

export interface TraceOptions {
  /** Masks records: `maskRecord` of the normalizer's preview. */
  readonly view: View
  /** `indexClient` of the settings; null or absent where there is no indexer, and the newest records are looked through. */
  readonly index?: IndexClient | null
  /** How many of them. */
  readonly bounds?: ScanBounds
  /** Timelines at most, of the newest events; by default 10. */
  readonly eventsMax?: number
}

/**
 * The story of the event with this id, or of the events with this order id or click id. Finding nothing is no error: the story's
 * `coverage` says where was looked.
 */
export const traceEvent = (
  query: StoryQuery,
  { view, index = null, bounds = defaultScanBounds, eventsMax = 10 }: TraceOptions
): Effect.Effect<EventStory, TraceError, KafkaClient | Codecs | SettingsService> =>
  Effect.gen(function* () {
    if (index === null) return yield* storyOf(yield* scan(query, bounds, eventsMax), view, eventsMax)
    const found = yield* lookUp(index, query, eventsMax).pipe(
      Effect.catchTag("IndexUnavailable", ({ message, nextStep }) =>
        Effect.map(scan(query, bounds, eventsMax), (scanned) => withNote(scanned, `${message} ${nextStep}`))
      )
    )
    return yield* storyOf(found, view, eventsMax)
  })

const withNote = (found: Found, note: string): Found => ({
  ...found,
  coverage: { ...found.coverage, notes: [note, ...found.coverage.notes] }
})

const storyOf = Effect.fnUntraced(function* (found: Found, view: View, eventsMax: number) {
  const { made, gone, unreadable } = yield* readStoryRecords(found.positions, view)
  const known = new Set(made.map(({ stored }) => positionName(stored)))
  const raws = new Map(
    made.flatMap(({ source }): ReadonlyArray<readonly [string, RecordPosition]> => {
      if (source === null) return []
      const { topic, partition, offset } = source
      return [[positionName(source), { topic, partition, offset }]]
    })
  )
  for (const name of known) raws.delete(name)
  const raw = yield* readStoryRecords([...raws.values()], view)
  const all = [...made, ...raw.made]
  const timelines = buildTimelines(all, found.eventIds)
  return {
    events: timelines.slice(0, eventsMax),
    more_events: found.moreEvents + Math.max(0, timelines.length - eventsMax),
    coverage: {
      ...found.coverage,
      gone: gone + raw.gone,
      notes: [...found.coverage.notes, ...unreadableNotes([...unreadable, ...raw.unreadable])]
    }
  } satisfies EventStory
})

const unreadableNotes = (topics: ReadonlyArray<string>): ReadonlyArray<string> =>
  topics.length === 0 ? [] : [`Not looked at: ${topics.join(", ")}, which is gone, or may not be read by this user.`]

/** Records that are in memory with their values, each of which may have 16 MiB. */
const recordsAtATime = 16

/** A few at a time, of which what the story needs is kept. */
const readStoryRecords = Effect.fnUntraced(function* (positions: ReadonlyArray<RecordPosition>, view: View) {
  const made: Array<StoryRecord> = []
  let gone = 0
  const unreadable = new Set<string>()
  for (const some of Arrays.chunksOf(positions, recordsAtATime)) {
    const read = yield* readRecords(some)
    gone += read.gone
    for (const topic of read.unreadable) unreadable.add(topic)
    for (const record of yield* readAll(read.records, view))
      made.push({ ...record, stored: { ...record.stored, value: null } })
  }
  return { made, gone, unreadable }
})

/** A registry that is away leaves records undecoded, which their entries say. */
const readAll = Effect.fnUntraced(function* (records: ReadonlyArray<StoredRecord>, view: View) {
  const codecs = yield* Codecs
  yield* Effect.ignore(codecs.loadSchemas(records.map(({ value }) => value)))
  return records.flatMap((record): ReadonlyArray<StoryRecord> => {
    const read = readStoryRecord(codecs, record, view)
    return read === null ? [] : [read]
  })
})

/** Finds an event's records by the index. @param eventsMax of an order id or click id the newest so many events, the others are counted */
const lookUp = Effect.fnUntraced(function* (index: IndexClient, { text, kind }: StoryQuery, eventsMax: number) {
  const kinds = queryKinds.filter((one) => kind === "any" || kind === one)
  const first = yield* index.ask(kinds.map((one) => ({ kind: one, text })))
  const positionsOf = (one: QueryKind) => first.positions[kinds.indexOf(one)] ?? []
  const direct = positionsOf("event")
  const others = [...positionsOf("order"), ...positionsOf("click")]
  // What is older in its partition is counted, and not read.
  const chosen = newestPositions(others, eventsMax)
  const named = yield* readRecords(chosen)
  const newest = named.records.toSorted((left, right) => right.timestamp - left.timestamp)
  const all = yield* eventIdsOf(newest, text)
  const eventIds = new Set([...all].slice(0, eventsMax))
  const more = others.length - chosen.length + all.size - eventIds.size
  // The event whose id is the order's too is asked for already.
  const ids = [...eventIds].filter((id) => id !== text || direct.length === 0)
  const further = ids.length === 0 ? null : yield* index.ask(ids.map((id) => ({ kind: "event" as const, text: id })))
  if (direct.length > 0) eventIds.add(text)
  const behind = first.behind ?? 0
  return {
    eventIds,
    positions: eachOnce([...direct, ...(further?.positions.flat() ?? [])]),
    moreEvents: more,
    coverage: {
      by: "index",
      since: first.since,
      behind: first.behind,
      notes:
        behind === 0 ? [] : [`The index is ${behind} records behind: what is newest may be missing. Try again shortly.`]
    }
  } satisfies Found
})

/** A record of several events is found by the id of each. */
const eachOnce = (positions: ReadonlyArray<RecordPosition>): ReadonlyArray<RecordPosition> => [
  ...new Map(positions.map((position) => [positionName(position), position])).values()
]

/** Of the events that have the order id or click id: a term of another text may be the same by chance. */
const eventIdsOf = Effect.fnUntraced(function* (records: ReadonlyArray<StoredRecord>, text: string) {
  const codecs = yield* Codecs
  yield* Effect.ignore(codecs.loadSchemas(records.map(({ value }) => value)))
  const ids = new Set<string>()
  for (const { value } of records) {
    const decoded = codecs.decode("normalized-event", value)
    if (decoded._tag === "Decoded" && termsOf(decoded.value).some(([, term]) => term === text))
      ids.add(decoded.value.event_id)
  }
  return ids
})
