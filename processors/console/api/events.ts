/** The story of an event, and what would happen to one. */
import type { ResultAnswer, ResultRequest } from "./results.ts"

export interface EventSearch {
  readonly query: string
  /** At most 20, the newest first: events of the same order or click, or the same id published twice. */
  readonly events: ReadonlyArray<EventStory>
  readonly more: boolean
  /** Whether an index was used; without one only a bounded window was read, from `searched_since` on. */
  readonly indexed: boolean
  readonly searched_since: number | null
  /** What to know of the search, such as that older records were not read; null where nothing. */
  readonly note: string | null
  readonly took_ms: number
}

export interface EventStory {
  readonly event_id: string | null
  readonly event_name: string | null
  readonly event_time: number | null
  /** Of the raw record. */
  readonly source: { readonly partition: number; readonly offset: number; readonly at: number } | null
  /** In the order of time. */
  readonly hops: ReadonlyArray<Hop>
  /** What became of it at each connection. */
  readonly outcomes: ReadonlyArray<{
    readonly connection_id: string
    readonly outcome: string
    readonly reason: string | null
    readonly at: number
  }>
}

/** One record of the event, on one topic. */
export interface Hop {
  /** `topic/partition/offset`, unique. */
  readonly id: string
  /** raw, sealed, normalized, mapped, retry, result, dead_letter, redrive, send_intent, pending or refusal. */
  readonly kind: string
  readonly topic: string
  readonly partition: number
  readonly offset: number
  /** Kafka's time of the record. */
  readonly at: number
  /** The stage that wrote it; null for the producer's. */
  readonly stage: string | null
  /** Null where it is no connection's. */
  readonly connection_id: string | null
  /** The hop that led to it, by its id; null for the first, or where it is not known. */
  readonly parent: string | null
  /** A bar of the waterfall is from `started_at` to `ended_at`: for a result with a request the request's time. */
  readonly started_at: number
  readonly ended_at: number
  /** From the parent's record to this one; null where there is no parent. */
  readonly latency_ms: number | null
  readonly mapping_version: string | null
  /** One line for people. */
  readonly summary: string
  /** good: delivered, accepted; neutral: on its way, skipped; bad: rejected, dead letter and the like. */
  readonly tone: "good" | "neutral" | "bad"
  /** What the stage read and wrote, as JSON without personal data; null where the record is gone. */
  readonly input: unknown
  readonly output: unknown
  /** Of a result. */
  readonly request: ResultRequest | null
  readonly answer: ResultAnswer | null
}

export interface ExplainRequest {
  /** A raw event as JSON text, or an event id. Exactly one of both. */
  readonly event?: string
  readonly event_id?: string
  /** Only these connections; all that are enabled where absent. */
  readonly connections?: ReadonlyArray<string>
}

/** What would happen to the event at each connection now, without sending. */
export interface Explanation {
  readonly event_id: string | null
  readonly event_name: string | null
  /** Null where the event passes the normalizer. */
  readonly refused: { readonly reason: string; readonly message: string; readonly next_step: string | null } | null
  /** What the normalizer did with each field that it found. */
  readonly fields: ReadonlyArray<ExplainedField>
  readonly connections: ReadonlyArray<ConnectionExplanation>
}

export interface ExplainedField {
  /** Such as `user.email` or `properties.value`. */
  readonly field: string
  /** read: as it is. normalized: in another form. hashed. left_out: see `reason`. sealed: encrypted for the recipient. */
  readonly treatment: "read" | "normalized" | "hashed" | "left_out" | "sealed"
  readonly reason: string | null
}

export interface ConnectionExplanation {
  readonly connection_id: string
  readonly platform: string
  readonly outcome: "payload" | "skipped" | "rejected"
  /** Stable code; null for a payload. */
  readonly reason: string | null
  /** Why, in a sentence. */
  readonly message: string | null
  /** The decisions in their order, such as consent, filter, mapping, age: each passed or decided the outcome. */
  readonly decisions: ReadonlyArray<{ readonly check: string; readonly passed: boolean; readonly message: string }>
  readonly platform_event: string | null
  readonly mapping_version: string | null
  readonly match_quality: number | null
  readonly fields: ReadonlyArray<ExplainedField>
  /** What would be sent, personal data masked; null where nothing would be. */
  readonly payload: unknown
}
