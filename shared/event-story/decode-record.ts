/** A stored record as what it is, with all that the story asks of it; and as it may be shown. Pure. */
import type { EventDeliveryLog, MappedEvent, SourcePosition } from "../../schemas/types.gen.ts"
import type { Codecs, Decoded, Records, SchemaName } from "../codec/codecs.ts"
import { deadLetterHeaders } from "../model/dead-letter.ts"
import { headerNames, topicNames } from "../model/topics.ts"
import { eventIdOfKey, eventTopic } from "./event-topics.ts"
import type { StoredRecord } from "./read-records.ts"
import type { Stage, View, ViewedSchema } from "./story.ts"

/** What an event's record says of itself. */
export interface StoryRecord {
  readonly stored: StoredRecord
  readonly stage: Stage
  /** Of a raw record that of what was made of it, which is not known here. */
  readonly eventIds: ReadonlyArray<string>
  readonly eventName: string | null
  readonly eventTime: number | null
  readonly connection: string | null
  readonly platform: string | null
  /** The raw record that it comes from. */
  readonly source: SourcePosition | null
  readonly summary: string
  readonly mappingVersion: string | null
  readonly outcome: string | null
  readonly reason: string | null
  readonly result: EventDeliveryLog | null
  /** Of a dead letter: the record that was given up. */
  readonly gaveUp: { readonly topic: string; readonly partition: number; readonly offset: number } | null
  readonly redrive: string | null
  readonly view: unknown
}

/** A record in Confluent's frame, or in JSON, as producers may publish it. */
export const decodeRecord = (
  codecs: Pick<Codecs["Service"], "decode">,
  schema: SchemaName,
  value: Buffer | null
): Decoded<object> => jsonOf(value) ?? codecs.decode(schema, value)

const jsonOf = (bytes: Buffer | null): Decoded<object> | null => {
  if (bytes === null || bytes[0] === 0 || !/^\s*\{/.test(bytes.toString("utf8", 0, 64))) return null
  try {
    return { _tag: "Decoded", value: JSON.parse(bytes.toString("utf8")) }
  } catch {
    return null
  }
}

type Decoder = Pick<Codecs["Service"], "decode">

/** Null for a topic that is not one of events. */
export const readStoryRecord = (codecs: Decoder, stored: StoredRecord, view: View): StoryRecord | null => {
  const row = eventTopic(stored.topic)
  if (row === undefined) return null
  const { stage } = row
  const basic = {
    ...empty,
    stored,
    stage,
    eventIds: stage === "raw" || stage === "pending" ? [] : [eventIdOfKey(stage, String(stored.key ?? ""))],
    connection: stored.headers[headerNames.connection] ?? null,
    redrive: stored.headers["redrive"] ?? null
  }
  if (stored.topic === topicNames.sealed) return { ...basic, summary: "sealed for its person" }
  if (stored.value === null) return markOf(basic)
  return { ...basic, ...detailsOf[stage](stored, codecs, view) }
}

type Details = Partial<Omit<StoryRecord, "stored" | "stage">>

const empty = {
  eventIds: [],
  eventName: null,
  eventTime: null,
  connection: null,
  platform: null,
  source: null,
  summary: "",
  mappingVersion: null,
  outcome: null,
  reason: null,
  result: null,
  gaveUp: null,
  redrive: null,
  view: null
}

/** A record without a value beside the dead letters says what became of one; elsewhere it ends what its key stands for. */
const markOf = (basic: StoryRecord): StoryRecord => {
  const { headers } = basic.stored
  const redriven = headers[deadLetterHeaders.redriven]
  if (redriven !== undefined)
    return { ...basic, stage: "mark", redrive: redriven, summary: `dead letter ${redriven} was redriven` }
  const outcome = headers[deadLetterHeaders.outcome] ?? headers[headerNames.outcome] ?? null
  return { ...basic, stage: "mark", outcome, summary: outcome === null ? "ended" : `resolved: ${outcome}` }
}

type DetailsOf = (stored: StoredRecord, codecs: Decoder, view: View) => Details

const decoded =
  <Name extends ViewedSchema & keyof Records>(
    schema: Name,
    details: (value: Records[Name], stored: StoredRecord) => Details
  ): DetailsOf =>
  (stored, codecs, view) => {
    const read = codecs.decode(schema, stored.value)
    return read._tag === "Decoded"
      ? { view: view(schema, read.value), ...details(read.value, stored) }
      : { summary: `cannot be read: ${read.message}` }
  }

const rawDetails: DetailsOf = ({ value }, codecs, view) => {
  const read = decodeRecord(codecs, "raw-event", value)
  const summary = `published, ${count(value?.length ?? 0, "byte")}`
  return read._tag === "Decoded" ? { view: view("raw-event", read.value), summary } : { summary }
}

const mappedDetails = (summaryOf: (event: MappedEvent, stored: StoredRecord) => string): DetailsOf =>
  decoded("mapped-event", (event, stored) => ({
    eventIds: [event.event_id],
    eventName: event.event_name,
    eventTime: event.event_time,
    connection: event.connection_id,
    platform: event.platform,
    source: event.source,
    mappingVersion: event.mapping_version,
    summary:
      summaryOf(event, stored) +
      (event.not_before === null ? "" : `, not before ${new Date(event.not_before).toISOString()}`)
  }))

const detailsOf: Readonly<Record<Stage, DetailsOf>> = {
  raw: rawDetails,
  mark: () => ({}),
  normalized: decoded("normalized-event", (event) => ({
    eventIds: [event.event_id],
    eventName: event.event_name,
    eventTime: event.event_time,
    source: event.source,
    summary: `normalized${event.dropped_fields.length === 0 ? "" : `, ${count(event.dropped_fields.length, "field")} left out`}`
  })),
  mapped: mappedDetails(({ platform_event }) => `mapped to ${platform_event}`),
  retry: mappedDetails(
    ({ attempts }, { headers }) =>
      `to be tried again after ${count(attempts, "request")}, round ${headers[headerNames.round] ?? "1"}`
  ),
  result: decoded("event-delivery-log", (log) => ({
    eventIds: [log.event_id],
    eventName: log.event_name === "" ? null : log.event_name,
    eventTime: log.event_time,
    connection: log.connection_id === "" ? null : log.connection_id,
    platform: log.platform === "" ? null : log.platform,
    source: log.source,
    mappingVersion: log.mapping_version,
    outcome: log.outcome,
    reason: log.reason_code,
    result: log,
    summary: log.reason_code === null ? log.outcome : `${log.outcome}: ${log.reason_code}`
  })),
  dead_letter: decoded("dead-letter", (deadLetter) => {
    const gaveUp = {
      topic: deadLetter.source_topic,
      partition: deadLetter.source_partition,
      offset: deadLetter.source_offset
    }
    return {
      eventName: deadLetter.event_name,
      connection: deadLetter.connection_id,
      platform: deadLetter.platform,
      reason: deadLetter.reason_code,
      gaveUp,
      // The normalizer gives up raw records themselves.
      source: deadLetter.stage === "normalizer" ? { ...gaveUp, timestamp: deadLetter.source_timestamp ?? 0 } : null,
      summary: `given up by ${deadLetter.stage}: ${deadLetter.reason_code}`
    }
  }),
  intent: decoded("send-intent", (intent) => ({
    eventIds: [intent.event_id],
    connection: intent.connection_id,
    outcome: intent.outcome,
    reason: intent.reason_code,
    summary: ["send intent", intent.state, intent.outcome].filter((part) => part !== null).join(", ")
  })),
  pending: decoded("pending-outcome", (pending) => ({
    eventIds: pending.events.map(({ event_id }) => event_id),
    connection: pending.connection_id,
    platform: pending.platform,
    summary: `accepted as ${pending.later_id}; its outcome is awaited`
  }))
}

const count = (number: number, noun: string): string => `${number} ${noun}${number === 1 ? "" : "s"}`
