/** Explains an event that passed: its raw record, or what is left of it, read from the log, with what became of it since. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import { Codecs } from "../../../shared/codec/codecs.ts"
import type { Connection } from "../../../shared/connections/connection.ts"
import { readRecords, type StoredRecord } from "../../../shared/event-story/read-records.ts"
import type { EventStory, EventTimeline, StoryEntry, StoryQuery } from "../../../shared/event-story/story.ts"
import { type TraceOptions, traceEvent } from "../../../shared/event-story/trace-event.ts"
import { topicNames } from "../../../shared/model/topics.ts"
import { readSuppressions } from "../../../shared/suppression/follow-suppressions.ts"
import { SuppressionTable } from "../../../shared/suppression/suppressions.ts"
import { readRecord } from "../read/read-record.ts"
import { type ExplainContext, explainNormalized, explainRead } from "./explain.ts"
import type { EventExplanation } from "./explanation.ts"
import { maskRecord } from "./mask.ts"

export interface TracedExplanation {
  /** Null where the event was not found, or neither its raw nor its normalized record is there any more. */
  readonly explanation: EventExplanation | null
  readonly story: EventStory
}

/** The normalizer's default limit. */
const recordBytesMax = 1_048_576

/**
 * Explains the newest event of the query by the present connections, for this time. Age limits count from now on: an event that was
 * delivered long ago may be too old today.
 */
export const explainTraced = Effect.fnUntraced(function* (
  query: StoryQuery,
  connections: ReadonlyArray<Connection>,
  options: Omit<TraceOptions, "view"> = {}
) {
  const story = yield* traceEvent(query, { ...options, view: maskRecord })
  const [timeline] = story.events
  if (timeline === undefined) return { explanation: null, story } satisfies TracedExplanation
  const now = yield* Clock.currentTimeMillis
  const suppressions = new SuppressionTable()
  yield* readSuppressions((key, record) => suppressions.apply(key, record))
  const context: ExplainContext = { connections, now, suppressions, timeline }
  const raw = yield* newestOf(timeline, ({ topic }) => topic === topicNames.raw)
  const normalized = yield* newestOf(timeline, ({ stage }) => stage === "normalized")
  return { explanation: yield* explainStored(raw, normalized, context), story } satisfies TracedExplanation
})

const newestOf = Effect.fnUntraced(function* (timeline: EventTimeline, isMeant: (entry: StoryEntry) => boolean) {
  const entry = timeline.entries.findLast(isMeant)
  if (entry === undefined) return null
  return (yield* readRecords([entry])).records[0] ?? null
})

const explainStored = Effect.fnUntraced(function* (
  raw: StoredRecord | null,
  normalized: StoredRecord | null,
  context: ExplainContext
) {
  const codecs = yield* Codecs
  yield* codecs.loadSchemas([raw?.value ?? null, normalized?.value ?? null])
  const event = normalized === null ? null : codecs.decode("normalized-event", normalized.value)
  const fromNormalized = event?._tag === "Decoded" ? explainNormalized(event.value, context) : null
  // An erased person's raw record says no more than what is left of the event.
  if (raw === null || fromNormalized?.suppression?.kind === "erased") return fromNormalized
  const read = readRecord(raw.value, (bytes) => codecs.decode("raw-event", bytes), recordBytesMax)
  const explained = explainRead(read, context)
  if (fromNormalized === null) return explained
  // Only the normalized event names its person, by whose keyed ids suppressions are found.
  return { ...explained, suppression: fromNormalized.suppression, connections: fromNormalized.connections }
})
