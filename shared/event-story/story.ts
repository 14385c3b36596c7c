/**
 * What became of an event, as a value: every record of it on every topic, in order of time, for the command line (`./capi trace`) and
 * the page. It holds no personal data: records are given as `View` shows them. Times and latencies are in milliseconds.
 */

/** What a query is taken for; `any` looks for it as each of the others. */
export const queryKinds = ["event", "order", "click"] as const
export type QueryKind = (typeof queryKinds)[number]

export interface StoryQuery {
  /** An event id, order id or click id, exactly as the event has it. */
  readonly text: string
  readonly kind: QueryKind | "any"
}

/** What a record is in the event's journey, in the order of the pipeline. */
export const stages = [
  "raw",
  "normalized",
  "mapped",
  "intent",
  "retry",
  "pending",
  "result",
  "dead_letter",
  "mark"
] as const
export type Stage = (typeof stages)[number]

export interface RecordPosition {
  /** Without prefix. */
  readonly topic: string
  readonly partition: number
  readonly offset: number
}

export interface StoryEntry extends RecordPosition {
  readonly stage: Stage
  /** Kafka's timestamp of the record. */
  readonly at: number
  readonly connection_id: string | null
  readonly platform: string | null
  /** One line for people. */
  readonly summary: string
  /** The earlier record that this one was made of, as `topic/partition/offset`; null where it is not known or gone. */
  readonly follows: string | null
  /** Since that record. */
  readonly latency_ms: number | null
  readonly mapping_version: string | null
  readonly outcome: string | null
  readonly reason_code: string | null
  /** Of a result whose event was sent: the request that decided it. */
  readonly request: StoryRequest | null
  /** Of a dead letter or a record made by a redrive: the dead letter's id, `partition:offset`. */
  readonly redrive: string | null
  /** Masked; null where it can't be read, or is a mark without a value. */
  readonly record: unknown
}

/** A request to a platform, and its answer. */
export interface StoryRequest {
  /** The platform's id of it. */
  readonly request_id: string | null
  readonly sent_at: number | null
  readonly latency_ms: number
  /** Requests made for the event before this one. */
  readonly retries: number
  readonly batch_size: number
  readonly events_received: number | null
  readonly error_class: string | null
  /** In the platform's words, redacted. */
  readonly message: string | null
}

/** What is known of the event at a connection by now. */
export interface StoryConnection {
  readonly connection_id: string
  readonly platform: string
  /** As `known-outcome.ts` finds it; `waiting` where it is mapped and has no result, `retry_scheduled` where it will be tried again. */
  readonly outcome: string
  readonly reason_code: string | null
  /** From the raw record to the result that counts; null where no result counts or the raw record's time is not known. */
  readonly total_ms: number | null
}

export interface EventTimeline {
  readonly event_id: string
  readonly event_name: string | null
  /** When it happened. */
  readonly event_time: number | null
  /** In order of time; of records of the same time in the order of the pipeline. */
  readonly entries: ReadonlyArray<StoryEntry>
  readonly connections: ReadonlyArray<StoryConnection>
}

/** Where was looked, and what was not seen. */
export interface Coverage {
  /** `index`: the indexer's store; `scan`: the newest records of each topic. */
  readonly by: "index" | "scan"
  /** Nothing before this time was looked at, in milliseconds since the epoch; null where all of the log was. */
  readonly since: number | null
  /** Records that the index has not read yet, or null for a scan. */
  readonly behind: number | null
  /** Positions that the index knows and whose records retention has deleted. */
  readonly gone: number
  /** Sentences for people: what was not seen and what to do about it. */
  readonly notes: ReadonlyArray<string>
}

export interface EventStory {
  /** Newest first; empty where nothing was found. */
  readonly events: ReadonlyArray<EventTimeline>
  /** Further events with the same order id or click id that are not listed. */
  readonly more_events: number
  readonly coverage: Coverage
}

/** Makes a decoded record fit to be shown: without personal data. */
export type View = (schema: ViewedSchema, record: object) => unknown

export type ViewedSchema =
  | "raw-event"
  | "normalized-event"
  | "mapped-event"
  | "event-delivery-log"
  | "dead-letter"
  | "send-intent"
  | "pending-outcome"

export const positionName = ({ topic, partition, offset }: RecordPosition): string => `${topic}/${partition}/${offset}`
