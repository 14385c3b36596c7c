/** A connection's health from an hour's totals and its state: the worst of success rate, latency and circuit. */
import type { ConnectorHealthStatus, ConnectorState } from "../../schemas/types.gen.ts"
import { describeUnread, type UnreadEvents } from "../../shared/ledger/unread-events.ts"
import type { Totals } from "./window.ts"

export type Status = "healthy" | "degraded" | "unhealthy"

/** Success in percent, latency in milliseconds: at or above `healthy` (below, for latency) all is well. */
export const thresholds = {
  successRate: { healthy: 90, degraded: 70 },
  latencyMillis: { healthy: 5_000, degraded: 10_000 }
} as const

/**
 * Fewer failures than this in the hour change a connection's status, as the specification says, but raise no alert: of two
 * events one may fail any time. A status that lasts longer than the hour comes from more than one of them.
 */
export const alertFailuresMin = 3

interface Finding {
  readonly status: Status
  /** Stable code of the dimension, as in HealthAlert.cause. */
  readonly cause: "success_rate" | "latency" | "circuit" | "auth" | "configuration" | "unread"
  readonly issue: string
}

export interface Assessment {
  readonly health: ConnectorHealthStatus
  /** The finding that decided the status; null where all is well. */
  readonly decisive: Finding | null
}

export interface Subject {
  readonly connectionId: string
  readonly platform: string
  readonly totals: Totals
  readonly state: ConnectorState | undefined
  /** What waits for it, where it has no delivery. */
  readonly unread: UnreadEvents | undefined
}

export const assess = (subject: Subject, now: number): Assessment => {
  const { totals, state } = subject
  const attempted = totals.succeeded + totals.failed
  const successRate = attempted === 0 ? 100 : (100 * totals.succeeded) / attempted
  const latencyMillis = totals.timed === 0 ? 0 : totals.latencyMillis / totals.timed
  const findings = [
    ...unreadFindings(subject.unread),
    ...circuitFindings(state),
    ...rateFindings(successRate, totals.failed, attempted),
    ...latencyFindings(latencyMillis)
  ]
  const decisive = findings.reduce<Finding | null>(
    (worst, finding) => (worst === null || rank[finding.status] > rank[worst.status] ? finding : worst),
    null
  )
  let processed = 0
  for (const [outcome, count] of totals.outcomes) if (outcome !== "retry_scheduled") processed += count
  const health: ConnectorHealthStatus = {
    platform: subject.platform,
    status: decisive?.status ?? "healthy",
    last_check: now,
    success_rate_1h: round(successRate),
    avg_latency_ms: round(latencyMillis),
    circuit_state: state?.circuit_state ?? "CLOSED",
    error_count_1h: totals.failed,
    events_processed_1h: processed,
    issues: findings.map((finding) => finding.issue),
    connection_id: subject.connectionId,
    alerted_status: null,
    outcomes_1h: Object.fromEntries([...totals.outcomes].sort(([left], [right]) => (left < right ? -1 : 1)))
  }
  return { health, decisive }
}

export const rank: Readonly<Record<Status, number>> = { healthy: 0, degraded: 1, unhealthy: 2 }

/** Retention takes them if no one acts; a disabled connection may be meant to wait for a while. */
const unreadFindings = (unread: UnreadEvents | undefined): ReadonlyArray<Finding> =>
  unread === undefined
    ? []
    : [
        {
          status: unread.state === "removed" ? "unhealthy" : "degraded",
          cause: "unread",
          issue: describeUnread(unread)
        }
      ]

const circuitFindings = (state: ConnectorState | undefined): ReadonlyArray<Finding> => {
  if (state === undefined) return []
  const reason = state.message === null ? "" : `: ${state.message}`
  // A refused credential or set-up pauses the connection whatever its circuit says: a person must act.
  if (state.paused && (state.cause === "auth" || state.cause === "configuration"))
    return [{ status: "unhealthy", cause: state.cause, issue: `paused (${state.cause})${reason}` }]
  if (state.circuit_state === "OPEN")
    return [{ status: "unhealthy", cause: "circuit", issue: `circuit is OPEN${reason}` }]
  if (state.circuit_state === "HALF_OPEN")
    return [{ status: "degraded", cause: "circuit", issue: `circuit is HALF_OPEN${reason}` }]
  return []
}

const rateFindings = (percent: number, failed: number, attempted: number): ReadonlyArray<Finding> => {
  const { healthy, degraded } = thresholds.successRate
  if (percent >= healthy) return []
  const status = percent >= degraded ? "degraded" : "unhealthy"
  const issue = `success rate is ${round(percent)} % in the last hour (${failed} of ${attempted} failed), below ${healthy} %`
  return [{ status, cause: "success_rate", issue }]
}

const latencyFindings = (millis: number): ReadonlyArray<Finding> => {
  const { healthy, degraded } = thresholds.latencyMillis
  if (millis < healthy) return []
  const status = millis <= degraded ? "degraded" : "unhealthy"
  return [
    { status, cause: "latency", issue: `mean latency is ${round(millis)} ms in the last hour, not below ${healthy} ms` }
  ]
}

const round = (value: number): number => Math.round(value * 100) / 100
