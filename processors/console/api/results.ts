/** Results as the page shows them, and samples of them. */
import type { StepName } from "./overview.ts"

/** At most ten, the newest first, of a connection's step and reason. */
export interface Samples {
  readonly connection_id: string
  readonly step: StepName
  readonly reason: string
  readonly samples: ReadonlyArray<ResultRow>
}

/** A record of delivery-results as far as the page shows it. */
export interface ResultRow {
  /** `partition:offset` on delivery-results. */
  readonly id: string
  readonly at: number
  readonly connection_id: string
  readonly platform: string
  readonly event_id: string
  readonly event_name: string
  readonly platform_event: string | null
  /** delivered, accepted, rejected, skipped, expired, dead_lettered, unknown or retry_scheduled. */
  readonly outcome: string
  readonly reason: string | null
  readonly error_class: string | null
  readonly event_time: number | null
  /** Of the raw record on Kafka. */
  readonly received_at: number | null
  readonly match_quality: number | null
  /** Null where nothing was sent. */
  readonly request: ResultRequest | null
  /** Null where nothing was sent. */
  readonly answer: ResultAnswer | null
  /** Where nothing was sent: why, for people. */
  readonly message: string | null
}

export interface ResultRequest {
  readonly sent_at: number | null
  /** Events in the request. */
  readonly batch_size: number
  /** Requests made for the event before this one. */
  readonly retries: number
  readonly mapping_version: string | null
  /** Fields that were left out, with why; never values. */
  readonly left_out: ReadonlyArray<{ readonly field: string; readonly reason: string }>
}

export interface ResultAnswer {
  readonly latency_ms: number
  /** The platform's id of the request. */
  readonly request_id: string | null
  readonly events_received: number | null
  /** The platform's words, redacted. */
  readonly message: string | null
  /** What it said of the request as a whole. */
  readonly note: string | null
  /** Where the final outcome came later: when the platform had accepted it. */
  readonly accepted_at: number | null
}
