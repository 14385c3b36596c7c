/** The state of each connection, and its history. */

export interface Connections {
  readonly at: number
  readonly connections: ReadonlyArray<ConnectionCard>
}

export interface ConnectionCard {
  readonly connection_id: string
  readonly platform: string
  readonly enabled: boolean
  /** `idle`: healthy, and nothing was sent in the last hour. `unknown`: the health program has written nothing lately. */
  readonly status: "healthy" | "degraded" | "unhealthy" | "idle" | "disabled" | "unknown"
  /** Stable code of what decided it, as in docs/health.md; null where healthy. */
  readonly cause: string | null
  readonly since: number | null
  /** Each says what is wrong, why, and the next step. */
  readonly issues: ReadonlyArray<string>
  readonly checked_at: number | null
  readonly circuit: "CLOSED" | "HALF_OPEN" | "OPEN" | null
  /** Whether no requests are sent until the platform takes the credential or configuration again. */
  readonly paused: boolean | null
  readonly waiting: Waiting | null
  readonly last_success_at: number | null
  /** Of the last hour. */
  readonly success_rate: number | null
  readonly events_1h: number
  readonly failed_1h: number
  /** Of requests of the last hour; null where there was none. */
  readonly latency_ms: Percentiles | null
  /** From the raw record on Kafka to the delivered event. */
  readonly end_to_end_ms: Percentiles | null
  readonly batch: BatchFill | null
  /** Mean estimate of the last hour, 0 to 10. */
  readonly match_quality: number | null
  readonly credential: CredentialAge
  /** Results a minute, the oldest first, of the last 60 minutes: for a small chart. */
  readonly minutes: ReadonlyArray<MinuteCounts>
}

export interface Waiting {
  readonly events: number
  /** Whether more may wait. */
  readonly is_minimum: boolean
  /** Since when the oldest waits. */
  readonly since: number | null
  /** When the platform stops to take the first of them; null where there is no age limit. */
  readonly expires_at: number | null
  /** How much of the age limit that event has used, 0 to 1 and above. */
  readonly age_used: number | null
}

export interface Percentiles {
  readonly p50: number
  readonly p95: number
  readonly p99: number
}

export interface BatchFill {
  /** Mean events in a request, of the last hour. */
  readonly mean: number
  /** The most that the platform takes, or the connection's file allows. */
  readonly max: number
  /** `mean / max` */
  readonly fill: number
}

export interface CredentialAge {
  /** The reference in the file of connections, such as `meta-shop` or `vault:kv/meta`; never a value. */
  readonly name: string
  /** When it was stored last; null where the store does not say. */
  readonly stored_at: number | null
  /** When the platform says that it expires; null where it does not. */
  readonly expires_at: number | null
}

export interface MinuteCounts {
  /** Start of the minute. */
  readonly minute: number
  readonly succeeded: number
  readonly failed: number
  readonly skipped: number
}

/** The health history of one connection, a point a minute, the oldest first. */
export interface History {
  readonly connection_id: string
  readonly points: ReadonlyArray<HistoryPoint>
}

export interface HistoryPoint {
  readonly minute: number
  /** `unknown` where the health program did not run then. */
  readonly status: "healthy" | "degraded" | "unhealthy" | "unknown"
  readonly cause: string | null
  readonly succeeded: number
  readonly failed: number
  readonly invalid: number
  readonly skipped: number
  /** Mean of the requests' events; 0 where there was none. */
  readonly latency_ms: number
  readonly waiting: number | null
  readonly expires_at: number | null
}
