/** What connector-health says of a connection, and when it is written again. */
import type { ConnectorHealthStatus } from "../../schemas/types.gen.ts"
import type { Alerted } from "./alerts.ts"
import type { Condition } from "./assess.ts"

export interface Published {
  readonly platform: string
  readonly status: string
  readonly condition: Condition | null
  readonly alerted: Alerted
  readonly lastSuccessAt: number | null
  readonly hasBacklog: boolean
  readonly at: number
}

export const publishedOf = (status: ConnectorHealthStatus): Published => ({
  platform: status.platform,
  status: status.status,
  condition: status.cause === null || status.since === null ? null : { cause: status.cause, since: status.since },
  alerted: {
    status: status.alerted_status ?? status.status,
    heldBackSince: null,
    agePercent: status.alerted_age_percent
  },
  lastSuccessAt: status.last_success_at,
  hasBacklog: (status.waiting_events ?? 0) > 0,
  at: status.last_check
})

export const isNews = (before: Published, now: Published): boolean =>
  before.status !== now.status ||
  before.condition?.cause !== now.condition?.cause ||
  before.alerted.status !== now.alerted.status ||
  before.alerted.agePercent !== now.alerted.agePercent ||
  before.hasBacklog !== now.hasBacklog ||
  // Also where the clock was set back.
  Math.abs(now.at - before.at) >= republishMillis

/** How often an unchanged status is written again. */
export const republishMillis = 30_000
