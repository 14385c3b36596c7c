/** Alerts with their history, and the replays under way. */

export interface Alerts {
  /** What is wrong now: the last alert of each series whose status is not healthy. */
  readonly open: ReadonlyArray<Alert>
  /** The newest first, at most 500. */
  readonly history: ReadonlyArray<Alert>
  readonly more: boolean
}

export interface Alert {
  /** `partition:offset` on health-alerts. */
  readonly id: string
  readonly at: number
  /** May be `all` (the ledger before the connections) or `notifier-<receiver>`. */
  readonly connection_id: string
  readonly platform: string
  /** status, age_limit, ledger or notifier. */
  readonly series: string
  readonly cause: string
  readonly status: string
  readonly previous_status: string
  readonly message: string
  readonly issues: ReadonlyArray<string>
  readonly threshold_percent: number | null
  /** When a later alert of the series ended or replaced it; null while it goes on. */
  readonly ended_at: number | null
}

/** Groups that read again what they had read: their position went back. */
export interface Replays {
  readonly replays: ReadonlyArray<Replay>
}

export interface Replay {
  /** normalizer, mapper, health or `delivery-<platform>.<connection>`. */
  readonly stage: string
  readonly topic: string
  /** When the console saw it. */
  readonly seen_at: number
  /** Records that are read again in all, and those of them that are left; control records included. */
  readonly records: number
  readonly left: number
  /** Null while it goes on. */
  readonly ended_at: number | null
}
