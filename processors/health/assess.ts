/** A connection's health from an hour's totals, its state and what waits for it: the worst of all findings. */
import type { ConnectorHealthStatus, ConnectorState } from "../../schemas/types.gen.ts"
import { describeUnread, type UnreadEvents } from "../../shared/ledger/unread-events.ts"
import { agePercentOf, type Backlog } from "./backlog.ts"
import {
  ageIssue,
  authIssue,
  circuitIssue,
  configurationIssue,
  expiryIssue,
  type IssueContext,
  latencyIssue,
  rateIssue,
  stalledIssue,
  testIssue
} from "./issues.ts"
import type { Totals } from "./window.ts"

export type Status = "healthy" | "degraded" | "unhealthy"

/** Success in percent, latency in milliseconds: at or above `healthy` (below, for latency) all is well. */
const thresholds = {
  successRate: { healthy: 90, degraded: 70 },
  latencyMillis: { healthy: 5_000, degraded: 10_000 }
} as const

/** Percents of the platform's age limit that raise an alert when the first waiting event has used them. */
export const ageThresholds = [50, 70, 90, 100] as const
/** From here on the status is unhealthy. */
export const unhealthyAge = 90
/** An event that came late is no sign of anything until it has waited. */
export const waitedMillisMin = 30_000

/** Events wait so long and none is decided: no delivery works on them. */
const stalledMillis = 300_000

/**
 * Fewer failures than this in the hour change a connection's status, as the specification says, but raise no alert: of two
 * events one may fail any time. A status that lasts longer than the hour comes from more than one of them.
 */
export const alertFailuresMin = 3

/** Stable code of the dimension, as in HealthAlert.cause. */
export type Cause =
  | "success_rate"
  | "latency"
  | "circuit"
  | "auth"
  | "credential_expiry"
  | "configuration"
  | "test_mode"
  | "stalled"
  | "age_limit"
  | "unread"

interface Finding {
  readonly status: Status
  readonly cause: Cause
  readonly issue: string
  /** Milliseconds since the epoch. */
  readonly since: number
}

/** What decided a status, and since when. */
export interface Condition {
  readonly cause: string
  readonly since: number
}

export interface Assessment {
  readonly health: ConnectorHealthStatus
  /** The finding that decided the status; null where all is well. */
  readonly decisive: Finding | null
  /** The same without age_limit, which has alerts for each of its thresholds. */
  readonly alerting: Finding | null
  /** The finding of age_limit, if there is one. */
  readonly age: Finding | null
}

export interface Subject {
  readonly connectionId: string
  readonly platform: string
  /** See `IssueContext`. */
  readonly credential: string | null
  /** Whether its connection has a `test_event_code`. */
  readonly isTest: boolean
  readonly totals: Totals
  /** When an event last succeeded, and when delivery last decided one; in milliseconds since the epoch, null where not known. */
  readonly lastSuccessAt: number | null
  readonly lastDeliveryAt: number | null
  readonly state: ConnectorState | undefined
  /** What waits for it, where it has no delivery. */
  readonly unread: UnreadEvents | undefined
  /** What waits for its delivery; null where it is not known. */
  readonly backlog: Backlog | null
  /** What decided its status so far; null where it was healthy. */
  readonly before: Condition | null
}

export const assess = (subject: Subject, now: number): Assessment => {
  const { totals, state, backlog } = subject
  const attempted = totals.succeeded + totals.failed
  const successRate = attempted === 0 ? 100 : (100 * totals.succeeded) / attempted
  const latencyMillis = totals.timed === 0 ? 0 : totals.latencyMillis / totals.timed
  const agePercent = backlog === null ? null : agePercentOf(backlog, now)
  const context: FindingContext = { subject, issue: { ...subject, now }, now }
  const findings = [
    ...unreadFindings(context),
    ...stateFindings(context),
    ...expiryFindings(context),
    ...testFindings(context),
    ...stalledFindings(context),
    ...rateFindings(context, successRate, attempted),
    ...latencyFindings(context, latencyMillis),
    ...ageFindings(context, agePercent)
  ]
  const decisive = worstOf(findings)
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
    outcomes_1h: Object.fromEntries([...totals.outcomes].sort(([left], [right]) => (left < right ? -1 : 1))),
    cause: decisive?.cause ?? null,
    since: decisive?.since ?? null,
    last_success_at: subject.lastSuccessAt,
    waiting_events: backlog?.events ?? null,
    waiting_is_minimum: backlog?.isMinimum ?? false,
    waiting_since: backlog?.since ?? null,
    oldest_expires_at: backlog?.urgent?.expiresAt ?? null,
    age_percent: agePercent === null ? null : round(agePercent),
    alerted_age_percent: 0
  }
  return {
    health,
    decisive,
    alerting: worstOf(findings.filter(({ cause }) => cause !== "age_limit")),
    age: findings.find(({ cause }) => cause === "age_limit") ?? null
  }
}

export const rank: Readonly<Record<Status, number>> = { healthy: 0, degraded: 1, unhealthy: 2 }

interface FindingContext {
  readonly subject: Subject
  readonly issue: IssueContext
  readonly now: number
}

const worstOf = (findings: ReadonlyArray<Finding>): Finding | null =>
  findings.reduce<Finding | null>(
    (worst, finding) => (worst === null || rank[finding.status] > rank[worst.status] ? finding : worst),
    null
  )

/** A cause that goes on keeps its beginning, although the state behind it is written again; none begins in the time to come. */
const sinceOf = ({ subject: { before }, now }: FindingContext, cause: Cause, begun = now): number =>
  Math.min(now, before?.cause === cause ? before.since : begun)

/** Retention takes them if no one acts; a disabled connection may be meant to wait for a while. */
const unreadFindings = (context: FindingContext): ReadonlyArray<Finding> => {
  const { unread } = context.subject
  if (unread === undefined) return []
  const status = unread.state === "removed" ? "unhealthy" : "degraded"
  return [{ status, cause: "unread", issue: describeUnread(unread), since: sinceOf(context, "unread") }]
}

const stateFindings = (context: FindingContext): ReadonlyArray<Finding> => {
  const { state } = context.subject
  if (state === undefined) return []
  // A refused credential or set-up pauses the connection whatever its circuit says: a person must act.
  if (state.paused && (state.cause === "auth" || state.cause === "configuration")) {
    const since = sinceOf(context, state.cause, state.timestamp)
    const issue = (state.cause === "auth" ? authIssue : configurationIssue)(state, since, context.issue)
    return [{ status: "unhealthy", cause: state.cause, issue, since }]
  }
  if (state.circuit_state === "CLOSED") return []
  const since = sinceOf(context, "circuit", state.timestamp)
  const status = state.circuit_state === "OPEN" ? "unhealthy" : "degraded"
  return [{ status, cause: "circuit", issue: circuitIssue(state, since, context.issue), since }]
}

/** The credential ends soon, and every event would wait from then on. */
const expiryFindings = (context: FindingContext): ReadonlyArray<Finding> => {
  const expiresAt = context.subject.state?.credential_expires_at ?? null
  if (expiresAt === null || expiresAt - context.now > expiryNoticeMillis) return []
  const issue = expiryIssue(expiresAt, context.issue)
  return [{ status: "degraded", cause: "credential_expiry", issue, since: expiresAt - expiryNoticeMillis }]
}

/** A code that is left set after a test: real events are not counted as such, which nothing else shows. */
const testFindings = (context: FindingContext): ReadonlyArray<Finding> =>
  context.subject.isTest
    ? [
        {
          status: "degraded",
          cause: "test_mode",
          issue: testIssue(context.issue),
          since: sinceOf(context, "test_mode")
        }
      ]
    : []

/** So long before its end a credential raises an alert. */
const expiryNoticeMillis = 7 * 86_400_000

/** Events wait, and no delivery decides them: it does not run, or hangs. A connection that is held says so by its state. */
const stalledFindings = (context: FindingContext): ReadonlyArray<Finding> => {
  const { backlog, state, lastDeliveryAt } = context.subject
  const newSince = backlog?.newSince ?? null
  if (newSince === null || isHeld(state)) return []
  const begun = Math.max(newSince, lastDeliveryAt ?? 0)
  if (context.now - begun < stalledMillis) return []
  const since = sinceOf(context, "stalled", begun)
  return [{ status: "unhealthy", cause: "stalled", issue: stalledIssue(since, context.issue), since }]
}

/** Whether a connection is known to send nothing, or only tries. */
export const isHeld = (state: ConnectorState | undefined): boolean =>
  state !== undefined && (state.paused || state.circuit_state !== "CLOSED")

const rateFindings = (context: FindingContext, percent: number, attempted: number): ReadonlyArray<Finding> => {
  const { healthy, degraded } = thresholds.successRate
  if (percent >= healthy) return []
  const { failed, reasons } = context.subject.totals
  const status = percent >= degraded ? "degraded" : "unhealthy"
  const issue = rateIssue(round(percent), failed, attempted, healthy, reasons, context.issue)
  return [{ status, cause: "success_rate", issue, since: sinceOf(context, "success_rate") }]
}

const latencyFindings = (context: FindingContext, millis: number): ReadonlyArray<Finding> => {
  const { healthy, degraded } = thresholds.latencyMillis
  if (millis < healthy) return []
  const status = millis <= degraded ? "degraded" : "unhealthy"
  const issue = latencyIssue(round(millis), healthy, context.issue)
  return [{ status, cause: "latency", issue, since: sinceOf(context, "latency") }]
}

const ageFindings = (context: FindingContext, percent: number | null): ReadonlyArray<Finding> => {
  const since = context.subject.backlog?.since ?? null
  if (percent === null || since === null || context.now - since < waitedMillisMin || percent < ageThresholds[0])
    return []
  const status = percent >= unhealthyAge ? "unhealthy" : "degraded"
  return [{ status, cause: "age_limit", issue: ageIssue(percent, context.issue), since: sinceOf(context, "age_limit") }]
}

const round = (value: number): number => Math.round(value * 100) / 100
