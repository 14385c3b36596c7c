/** Problems: what health-alerts reports of a connection, from its beginning to its end, as receivers get it. Pure. */
import type { HealthAlert } from "../../schemas/types.gen.ts"

export const severities = ["critical", "warning"] as const
export type Severity = (typeof severities)[number]

/** Times in milliseconds since the epoch. */
export interface Problem {
  /** `<connection>/<series>`: alerts of a series are about the same problem. */
  readonly key: string
  readonly connectionId: string
  readonly platform: string
  readonly series: Series
  /** Null when it is over. */
  readonly severity: Severity | null
  /** The severity now, or the last one of what is over. */
  readonly lastSeverity: Severity
  /** Of the last alert, as in HealthAlert. */
  readonly cause: string
  readonly message: string
  readonly issues: ReadonlyArray<string>
  readonly startedAt: number
  readonly changedAt: number
  /** The offset of the last alert: each alert is a change. */
  readonly change: number
}

/** A connection's status, the age of what waits for it, the ledger, and a receiver of the notifier: each begins and ends alone. */
export const seriesNames = ["status", "age_limit", "ledger", "notifier"] as const
export type Series = (typeof seriesNames)[number]

/** The connection id in alerts about a receiver that does not take notifications. */
export const notifierConnection = (receiverId: string): string => `notifier-${receiverId}`

/** The problem after an alert; `before` is the one of the same key, if there is one. */
export const problemAfter = (alert: HealthAlert, offset: number, before: Problem | undefined): Problem => {
  const severity = severityOf(alert.status)
  const goesOn = before !== undefined && before.severity !== null
  return {
    key: keyOf(alert),
    connectionId: alert.connection_id,
    platform: alert.platform,
    series: seriesOf(alert.cause),
    severity,
    lastSeverity: severity ?? before?.lastSeverity ?? "warning",
    // "recovered" says nothing of what is over.
    cause: severity === null && goesOn ? before.cause : alert.cause,
    message: alert.message,
    issues: alert.issues,
    startedAt: goesOn ? before.startedAt : alert.timestamp,
    changedAt: alert.timestamp,
    change: offset
  }
}

export const keyOf = ({ connection_id, cause }: HealthAlert): string => `${connection_id}/${seriesOf(cause)}`

const seriesOf = (cause: string): Series => seriesNames.find((name) => name === cause) ?? "status"

const severityOf = (status: string): Severity | null =>
  status === "unhealthy" ? "critical" : status === "degraded" ? "warning" : null
