/** The overview: what became of events at each connection. */

/** Periods of the overview. The period before has the same length and ends where it begins. */
export const periods = ["15m", "1h", "6h", "24h"] as const
export type Period = (typeof periods)[number]

/**
 * `received`: the events that the connection had to decide on; the others add up to it, so that the figures balance:
 * received = skipped + rejected + expired + dead_lettered + unknown + accepted + delivered + in_flight.
 * `skipped`: not meant for the connection (consent, filter, no mapping, duplicate). `rejected`: refused before sending, or by the
 * platform. `accepted`: the platform has it, and its final outcome is not known yet. `in_flight`: no outcome yet, delayed retries included.
 */
export const stepNames = [
  "received",
  "skipped",
  "rejected",
  "expired",
  "dead_lettered",
  "unknown",
  "in_flight",
  "accepted",
  "delivered"
] as const
export type StepName = (typeof stepNames)[number]

export interface Overview {
  readonly period: Period
  /** The period is from `since` (inclusive) to `until` (exclusive), whole minutes; events count by when they arrived on Kafka. */
  readonly since: number
  readonly until: number
  /** Null where the period before is not, or not wholly, in memory. */
  readonly previous_since: number | null
  /** What arrived before is not counted (yet): after a start the console reads back, the newest hour first. */
  readonly complete_since: number
  /** Whether it is still reading back. */
  readonly loading: boolean
  /** What is before the connections: raw records of the period. */
  readonly intake: Intake
  /** In the order of the platforms, each with its connections. */
  readonly platforms: ReadonlyArray<PlatformRow>
  readonly ledger: LedgerState
}

export interface Intake {
  /** Raw records of the period; `received` = `normalized` + `dead_lettered` + `erased` + `waiting`. */
  readonly received: number
  readonly previous_received: number | null
  readonly normalized: number
  /** By the normalizer. */
  readonly dead_lettered: number
  readonly dead_letter_reasons: ReadonlyArray<ReasonCount>
  /** Skipped, since their persons were erased. */
  readonly erased: number
  /** The normalizer has not come to them. */
  readonly waiting: number
}

export interface PlatformRow {
  readonly platform: string
  /** Sums of the connections, without their reasons' samples. */
  readonly steps: ReadonlyArray<Step>
  readonly connections: ReadonlyArray<ConnectionRow>
}

export interface ConnectionRow {
  readonly connection_id: string
  readonly platform: string
  /** `removed`: not in the file of connections, though the period has events of it. */
  readonly state: "enabled" | "disabled" | "removed"
  /** Each of `stepNames` once, in that order. */
  readonly steps: ReadonlyArray<Step>
}

export interface Step {
  readonly step: StepName
  readonly count: number
  /** Of `received`; 0 where nothing was received. */
  readonly share: number
  /** Of the period before; null where that is not known. */
  readonly previous_count: number | null
  /** `count / previous_count - 1`; null where that is not known or was 0. */
  readonly change: number | null
  /** The most frequent first, at most 50; empty for `received`, `in_flight` and steps without reasons. */
  readonly reasons: ReadonlyArray<ReasonCount>
}

export interface ReasonCount {
  /** Stable code, such as `consent` or `event_too_old:100/2804003`; `other` is the sum of those beyond the bound. */
  readonly reason: string
  /** What it means, in a sentence; null where the code says all that is known. */
  readonly meaning: string | null
  readonly count: number
  /** Of the step's count. */
  readonly share: number
  readonly previous_count: number | null
}

export interface LedgerState {
  /** `unbalanced`: events left no trace, see `message`. `unknown`: the health program has not said anything yet. */
  readonly state: "balanced" | "unbalanced" | "unknown"
  readonly since: number | null
  readonly message: string | null
}
