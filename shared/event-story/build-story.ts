/** The records of events to their timelines: what follows what, how long each hop took, what is known at each connection. Pure. */
import { bestOf, factOf, isRepeat, type KnownOutcome, learn, nothingKnown } from "../ledger/known-outcome.ts"
import { redactDeep } from "../telemetry/redaction.ts"
import type { StoryRecord } from "./decode-record.ts"
import {
  type EventTimeline,
  positionName,
  type StoryConnection,
  type StoryEntry,
  type StoryRequest,
  stages
} from "./story.ts"

/** One timeline for each event id among `eventIds`, newest event first; records of others are left out. */
export const buildTimelines = (
  records: ReadonlyArray<StoryRecord>,
  eventIds: ReadonlySet<string>
): ReadonlyArray<EventTimeline> => {
  const byEvent = new Map<string, Array<StoryRecord>>()
  for (const record of records) for (const id of record.eventIds) if (eventIds.has(id)) pushTo(byEvent, id, record)
  // Of a raw record the id is not known: what was made of it names its position.
  const raws = new Map(records.filter(isRaw).map((record) => [positionName(record.stored), record]))
  const timelines = [...byEvent].map(([id, found]) => {
    const sources = new Set(found.flatMap(({ source }) => (source === null ? [] : [positionName(source)])))
    const own = [...sources].flatMap((name) => raws.get(name) ?? [])
    return timelineOf(id, [...own, ...found].sort(inOrder))
  })
  return timelines.sort((left, right) => startOf(right) - startOf(left))
}

const isRaw = ({ stage }: StoryRecord): boolean => stage === "raw"
const startOf = ({ entries }: EventTimeline): number => entries[0]?.at ?? 0

const inOrder = (left: StoryRecord, right: StoryRecord): number =>
  left.stored.timestamp - right.stored.timestamp ||
  stages.indexOf(left.stage) - stages.indexOf(right.stage) ||
  left.stored.offset - right.stored.offset

const timelineOf = (eventId: string, records: ReadonlyArray<StoryRecord>): EventTimeline => ({
  event_id: redactDeep(eventId) as string,
  event_name: firstOf(records, ({ eventName }) => eventName),
  event_time: firstOf(records, ({ eventTime }) => eventTime),
  entries: records.map((record, index) => entryOf(record, records, index)),
  connections: connectionsOf(records)
})

const firstOf = <A>(records: ReadonlyArray<StoryRecord>, of: (record: StoryRecord) => A | null): A | null => {
  for (const record of records) {
    const found = of(record)
    if (found !== null) return found
  }
  return null
}

const entryOf = (record: StoryRecord, records: ReadonlyArray<StoryRecord>, index: number): StoryEntry => {
  const { stored, stage, connection, platform } = record
  const before = predecessorOf(record, records, index)
  return {
    stage,
    topic: stored.topic,
    partition: stored.partition,
    offset: stored.offset,
    at: stored.timestamp,
    connection_id: connection,
    platform: platform ?? platformAt(connection, records),
    summary: record.summary,
    follows: before === null ? null : positionName(before.stored),
    latency_ms: before === null ? null : Math.max(0, stored.timestamp - before.stored.timestamp),
    mapping_version: record.mappingVersion,
    outcome: record.outcome,
    reason_code: record.reason,
    request: requestOf(record),
    redrive: stage === "dead_letter" ? `${stored.partition}:${stored.offset}` : record.redrive,
    record: record.view
  }
}

const platformAt = (connection: string | null, records: ReadonlyArray<StoryRecord>): string | null =>
  connection === null
    ? null
    : firstOf(records, (one) => (one.connection === connection && one.platform !== null ? one.platform : null))

/** The record that this one was made of, among those before it. */
const predecessorOf = (record: StoryRecord, records: ReadonlyArray<StoryRecord>, index: number): StoryRecord | null => {
  const { stage, connection, source, gaveUp, redrive } = record
  const last = (isMeant: (one: StoryRecord) => boolean) =>
    records.findLast((one, at) => at < index && one.stored.timestamp <= record.stored.timestamp && isMeant(one)) ?? null
  const isDeadLetter = (id: string | null) => (one: StoryRecord) =>
    one.stage === "dead_letter" && `${one.stored.partition}:${one.stored.offset}` === id
  if (stage === "mark") return last(isDeadLetter(redrive))
  if (redrive !== null && (stage === "raw" || stage === "normalized" || stage === "mapped"))
    return last(isDeadLetter(redrive))
  if (gaveUp !== null) return last(({ stored }) => positionName(stored) === positionName(gaveUp))
  const isSource = ({ stored }: StoryRecord) => source !== null && positionName(stored) === positionName(source)
  const isOfSource = (one: StoryRecord) =>
    source === null || (one.source !== null && positionName(one.source) === positionName(source))
  const atConnection = (one: StoryRecord) => one.connection === connection && isOfSource(one)
  switch (stage) {
    case "raw":
      return null
    case "normalized":
      return last(isSource)
    case "mapped":
      return last((one) => one.stage === "normalized" && isOfSource(one))
    case "result": {
      const sent = last((one) => sendable.has(one.stage) && atConnection(one))
      // A result of the mapper, which sends nothing, or of the normalizer.
      return sent ?? last((one) => one.stage === "normalized" && isOfSource(one)) ?? last(isSource)
    }
    default:
      return last((one) => sendable.has(one.stage) && atConnection(one))
  }
}

const sendable: ReadonlySet<string> = new Set(["mapped", "retry"])

const requestOf = ({ result }: StoryRecord): StoryRequest | null =>
  result === null || result.attempted_at === null
    ? null
    : {
        request_id: result.request_id,
        sent_at: result.attempted_at,
        latency_ms: result.latency_ms,
        retries: result.retry_count,
        batch_size: result.batch_size,
        events_received: result.events_received,
        error_class: result.error_class,
        message: redactDeep(result.error_message ?? result.request_note) as string | null
      }

const connectionsOf = (records: ReadonlyArray<StoryRecord>): ReadonlyArray<StoryConnection> => {
  const ids = new Map<string, string>()
  for (const { connection, platform } of records)
    if (connection !== null && (platform !== null || !ids.has(connection))) ids.set(connection, platform ?? "")
  const rawAt = records.find(isRaw)?.stored.timestamp ?? firstOf(records, ({ source }) => source?.timestamp ?? null)
  return [...ids]
    .sort(([left], [right]) => (left < right ? -1 : 1))
    .map(([id, platform]) => {
      const at = records.filter(({ connection }) => connection === id)
      const results = at.flatMap(({ result }) => result ?? [])
      let known: KnownOutcome = nothingKnown
      for (const log of results) {
        const fact = factOf(log)
        if (fact !== null) known = learn(known, fact)
      }
      const found = bestOf(known)
      // That a producer's second record is a duplicate says nothing of the first, which may wait.
      const best = found !== null && isRepeat(found) && isUndecided(at) ? null : found
      const isPutOff = results.some(({ outcome }) => outcome === "retry_scheduled")
      return {
        connection_id: id,
        platform,
        outcome: best?.outcome ?? (isPutOff ? "retry_scheduled" : "waiting"),
        reason_code: best === null || best.reason === "" ? null : best.reason,
        total_ms: best === null || rawAt === null ? null : Math.max(0, best.at - rawAt)
      }
    })
}

/** Whether a record that is to be sent has no final result, of those that come from one raw record with it. */
const isUndecided = (records: ReadonlyArray<StoryRecord>): boolean => {
  const nameOf = ({ source }: StoryRecord) => (source === null ? "" : positionName(source))
  const decided = new Set(
    records.flatMap((record) => (record.result !== null && factOf(record.result) !== null ? [nameOf(record)] : []))
  )
  return records.some((record) => sendable.has(record.stage) && !decided.has(nameOf(record)))
}

const pushTo = <K, A>(map: Map<K, Array<A>>, key: K, value: A): void => {
  const known = map.get(key)
  if (known === undefined) map.set(key, [value])
  else known.push(value)
}
