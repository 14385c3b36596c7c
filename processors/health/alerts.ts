/** Which changes of a connection are alerts, and their records: of its status, and of the age of what waits for it. Pure. */
import type { ConnectorHealthStatus, HealthAlert } from "../../schemas/types.gen.ts"
import { type Assessment, ageThresholds, alertFailuresMin, rank, unhealthyAge, waitedMillisMin } from "./assess.ts"
import { spanOf } from "./issues.ts"
import { windowMillis } from "./window.ts"

/** What health-alerts says of a connection. */
export interface Alerted {
  readonly status: string
  /** Since when an alert is held back, in monotonic milliseconds; null where none is. */
  readonly heldBackSince: number | null
  /** The threshold of `ageThresholds` that was reported last; 0 where none. */
  readonly agePercent: number
}

export const neverAlerted: Alerted = { status: "unknown", heldBackSince: null, agePercent: 0 }

/**
 * What is to be said now. An alert is held back for an hour while the connection got worse by too few failures.
 *
 * @param now monotonic milliseconds
 */
export const nextAlerted = (assessment: Assessment, before: Alerted, now: number): Alerted => {
  const { health, alerting } = assessment
  const heldBackSince = isDoubtful(assessment, before.status) ? (before.heldBackSince ?? now) : null
  const isHeldBack = heldBackSince !== null && now - heldBackSince < windowMillis
  const isKept = isHeldBack || isTried(assessment, before.status)
  return {
    status: isKept ? before.status : (alerting?.status ?? "healthy"),
    heldBackSince,
    agePercent: nextAge(health, before.agePercent)
  }
}

/** Whether the connection got worse by so few failures that it may be chance. */
const isDoubtful = ({ health, alerting }: Assessment, said: string): boolean =>
  alerting?.cause === "success_rate" && health.error_count_1h < alertFailuresMin && rank[alerting.status] > rankOf(said)

/** An open circuit is half open from time to time, to try the platform: until it is closed, nothing is better. */
const isTried = ({ alerting }: Assessment, said: string): boolean =>
  alerting?.cause === "circuit" && rank[alerting.status] < rankOf(said)

const rankOf = (status: string): number =>
  status === "unhealthy" ? rank.unhealthy : status === "degraded" ? rank.degraded : 0

/** Thresholds are reported upwards, each once, until the age is below the first of them again. */
const nextAge = (health: ConnectorHealthStatus, before: number): number => {
  if (health.waiting_events === null) return before
  const percent = health.age_percent ?? 0
  if (percent < ageThresholds[0]) return 0
  if (health.waiting_since === null || health.last_check - health.waiting_since < waitedMillisMin) return before
  return Math.max(before, ageThresholds.findLast((threshold) => percent >= threshold) ?? 0)
}

/** The records of what changed. `sinceBefore` is since when the connection was not healthy, for the message of its recovery. */
export const alertsOf = (
  assessment: Assessment,
  before: Alerted,
  next: Alerted,
  sinceBefore: number | null
): ReadonlyArray<HealthAlert> => {
  const alerts: Array<HealthAlert> = []
  // A connection that is healthy when first seen is no news.
  const isNews = next.status !== before.status && !(before.status === "unknown" && next.status === "healthy")
  if (isNews) alerts.push(statusAlert(assessment, before.status, sinceBefore))
  if (next.agePercent !== before.agePercent) alerts.push(ageAlert(assessment, before.agePercent, next.agePercent))
  return alerts
}

const statusAlert = ({ health, alerting }: Assessment, previous: string, since: number | null): HealthAlert => {
  const after = since === null ? "" : ` after ${spanOf(health.last_check - since)}`
  const what = alerting === null ? `healthy again${after}` : `${alerting.status}: ${alerting.issue}`
  return {
    ...subjectOf(health),
    previous_status: previous,
    status: alerting?.status ?? "healthy",
    cause: alerting?.cause ?? "recovered",
    message: `${health.connection_id} is ${what}`,
    threshold_percent: null
  }
}

const ageAlert = (assessment: Assessment, previous: number, next: number): HealthAlert => {
  const { health, age } = assessment
  const message =
    next === 0
      ? `no waiting event has used ${ageThresholds[0]} % of the platform's age limit any more`
      : (age?.issue ?? `an event has used ${next} % of the platform's age limit`)
  return {
    ...subjectOf(health),
    previous_status: statusOfAge(previous),
    status: statusOfAge(next),
    cause: "age_limit",
    message: `${health.connection_id}: ${message}`,
    threshold_percent: next === 0 ? null : next
  }
}

const subjectOf = ({ connection_id, platform, last_check, issues }: ConnectorHealthStatus) => ({
  connection_id,
  platform,
  timestamp: last_check,
  issues
})

const statusOfAge = (percent: number): string =>
  percent === 0 ? "healthy" : percent >= unhealthyAge ? "unhealthy" : "degraded"
