/** Finds an event's records by the index. */
import * as Effect from "effect/Effect"
import { Codecs } from "../codec/codecs.ts"
import { type IndexClient, newestPositions } from "./ask-index.ts"
import { termsOf } from "./event-topics.ts"
import { readRecords, type StoredRecord } from "./read-records.ts"
import type { Found } from "./scan.ts"
import { type QueryKind, queryKinds, type StoryQuery } from "./story.ts"

/** @param eventsMax of an order id or click id the newest so many events, the others are counted */
export const lookUp = Effect.fnUntraced(function* (index: IndexClient, { text, kind }: StoryQuery, eventsMax: number) {
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
  const ids = [...eventIds]
  const further = ids.length === 0 ? null : yield* index.ask(ids.map((id) => ({ kind: "event" as const, text: id })))
  if (direct.length > 0) eventIds.add(text)
  const behind = first.behind ?? 0
  return {
    eventIds,
    positions: [...direct, ...(further?.positions.flat() ?? [])],
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
