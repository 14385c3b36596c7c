/** A connection's health as cells of a table: no figure where nothing was attempted. */
import type { ConnectorHealthStatus } from "../../schemas/types.gen.ts"
import { count, formatAge } from "./output.ts"

/** Outcomes of the last hour that say something of the platform; a skipped event was not meant for it. */
const attemptsOf = ({ outcomes_1h }: Pick<ConnectorHealthStatus, "outcomes_1h">): number =>
  Object.entries(outcomes_1h).reduce((sum, [outcome, count]) => (outcome === "skipped" ? sum : sum + count), 0)

/** Whether nothing is known of the connection: no event went to its platform in the last hour, and nothing is wrong with it. */
export const isIdle = (status: Pick<ConnectorHealthStatus, "outcomes_1h" | "status">): boolean =>
  status.status === "healthy" && attemptsOf(status) === 0

/** Status, success rate and mean latency. A connection without events is not "100 % healthy". */
export const healthCells = (
  health: Pick<ConnectorHealthStatus, "outcomes_1h" | "status" | "success_rate_1h" | "avg_latency_ms">
): { readonly status: string; readonly success: string; readonly latency: string } => {
  const hasAttempts = attemptsOf(health) > 0
  return {
    status: isIdle(health) ? "no events" : health.status,
    success: hasAttempts ? `${health.success_rate_1h.toFixed(1)} %` : "–",
    latency: hasAttempts ? `${Math.round(health.avg_latency_ms)} ms` : "–"
  }
}

export interface HealthSummary {
  readonly connections: number
  readonly healthy: number
  readonly degraded: number
  readonly unhealthy: number
  /** Events that wait for all of them; at least so many where a backlog is still being counted. */
  readonly waiting_events: number
  readonly waiting_is_minimum: boolean
  /** When the first of them expires, in milliseconds since the epoch; null where none has an age limit. */
  readonly oldest_expires_at: number | null
  readonly events_processed_1h: number
  readonly error_count_1h: number
}

export const summaryOf = (statuses: ReadonlyArray<ConnectorHealthStatus>): HealthSummary => {
  const having = (wanted: string) => statuses.filter(({ status }) => status === wanted).length
  const sum = (read: (status: ConnectorHealthStatus) => number) => statuses.reduce((all, one) => all + read(one), 0)
  const expiries = statuses.flatMap(({ oldest_expires_at }) => oldest_expires_at ?? [])
  return {
    connections: statuses.length,
    healthy: having("healthy"),
    degraded: having("degraded"),
    unhealthy: having("unhealthy"),
    waiting_events: sum(({ waiting_events }) => waiting_events ?? 0),
    waiting_is_minimum: statuses.some(({ waiting_is_minimum }) => waiting_is_minimum),
    oldest_expires_at: expiries.length === 0 ? null : Math.min(...expiries),
    events_processed_1h: sum(({ events_processed_1h }) => events_processed_1h),
    error_count_1h: sum(({ error_count_1h }) => error_count_1h)
  }
}

/** `12 connections: 10 healthy, 1 degraded, 1 unhealthy; 3,120 events wait, the oldest expires in 6 days`. */
export const summaryLine = (sums: HealthSummary, now: number): string => {
  const waiting =
    sums.waiting_events === 0
      ? "nothing waits"
      : `${sums.waiting_is_minimum ? "at least " : ""}${count(sums.waiting_events, "event waits", "events wait")}`
  const { oldest_expires_at } = sums
  const expiry =
    oldest_expires_at === null
      ? ""
      : oldest_expires_at > now
        ? `, the oldest expires in ${formatAge(oldest_expires_at - now)}`
        : `, the oldest expired ${formatAge(now - oldest_expires_at)} ago`
  const states = `${sums.healthy} healthy, ${sums.degraded} degraded, ${sums.unhealthy} unhealthy`
  return `${count(sums.connections, "connection")}: ${states}; ${waiting}${expiry}.`
}
