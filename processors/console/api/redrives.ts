/** Dead letters by reason, and redrives: plan, confirm, progress, cancel. */
import type { ApiError } from "./session.ts"

export interface DeadLetterGroups {
  readonly at: number
  /** The most frequent first. */
  readonly groups: ReadonlyArray<DeadLetterGroup>
  /** All that the topic holds. */
  readonly total: number
  /** Whether the topic is still being read after a start. */
  readonly loading: boolean
}

export interface DeadLetterGroup {
  /** normalizer, mapper, `delivery-<platform>` or consent-changes. */
  readonly stage: string
  readonly reason: string
  readonly meaning: string | null
  readonly connection_id: string | null
  readonly platform: string | null
  readonly count: number
  /** Of `count`: not redriven, and not delivered after all. */
  readonly open: number
  readonly redriven: number
  /** The platform delivered their events after all. */
  readonly resolved: number
  readonly first_at: number
  readonly last_at: number
  /** Of the newest. */
  readonly next_step: string | null
}

/** At most ten, the newest first. Originals are never shown: `./capi dead-letters show --reveal` opens one. */
export interface DeadLetterSamples {
  readonly samples: ReadonlyArray<DeadLetterRow>
}

export interface DeadLetterRow {
  /** `partition:offset` on dead-letters, as `./capi dead-letters` takes it. */
  readonly id: string
  readonly at: number
  readonly stage: string
  readonly reason: string
  readonly message: string
  readonly next_step: string | null
  readonly event_id: string | null
  readonly event_name: string | null
  readonly connection_id: string | null
  readonly source: { readonly topic: string; readonly partition: number; readonly offset: number }
  readonly attempts: number
  readonly request_id: string | null
  readonly redriven: boolean
  /** The outcome that holds by now; null where none does. */
  readonly resolved: string | null
}

/** Which dead letters; those given must all fit. At least one, or `all`. */
export interface RedriveSelection {
  readonly all?: boolean
  readonly ids?: ReadonlyArray<string>
  readonly stage?: string
  readonly reason?: string
  readonly connection?: string
  readonly event?: string
  /** From this time on, and before this time. */
  readonly since?: number
  readonly until?: number
  /** Map what a delivery gave up again, by the connections as they are now. */
  readonly remap?: boolean
  /** Also those that were redriven before. */
  readonly again?: boolean
}

export interface RedrivePlan {
  readonly plan_id: string
  /** The plan can be confirmed until then (10 minutes), once. Only dead letters of before the plan are sent. */
  readonly expires_at: number
  readonly selection: RedriveSelection
  /** How many would be sent. */
  readonly count: number
  readonly groups: ReadonlyArray<RedriveGroup>
  /** Those that stay, by why. */
  readonly left: ReadonlyArray<{ readonly why: string; readonly message: string; readonly count: number }>
}

export interface RedriveGroup {
  readonly stage: string
  readonly reason: string
  readonly connection_id: string | null
  /** The topic that they go to. */
  readonly to: string
  readonly count: number
  /** Of `count`: a request has carried it before, or may have. */
  readonly sent_before: number
  /** Whether the platform knows a repeat by its event id, so that those sent before count once there. Null where no platform is concerned. */
  readonly deduplicated: boolean | null
  /** What that means, in a sentence. */
  readonly note: string
}

export interface RedriveConfirmation {
  readonly plan_id: string
}

export interface RedriveCancellation {
  readonly redrive_id: string
}

export interface Redrive {
  readonly redrive_id: string
  /** `cancelled`: what was sent until then is sent, each once; the rest stays. */
  readonly state: "running" | "done" | "cancelling" | "cancelled" | "failed"
  readonly selection: RedriveSelection
  readonly started_at: number
  readonly ended_at: number | null
  /** Of the plan. */
  readonly total: number
  readonly sent: number
  /** Could not be mapped again: their normalized events are gone. */
  readonly missing: number
  readonly error: ApiError["error"] | null
}

/** Those of this process, the newest first, at most 50. */
export interface Redrives {
  readonly redrives: ReadonlyArray<Redrive>
}
