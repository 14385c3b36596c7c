/** The alerts of the last 30 days, and what is wrong now. */
import type { HealthAlert } from "../../../schemas/types.gen.ts"
import { redact } from "../../../shared/telemetry/redaction.ts"
import type { Alert, Alerts, LedgerState } from "../api.ts"

const alertsMax = 5_000
const listedMax = 500

type Held = { -readonly [K in keyof Alert]: Alert[K] }

export class AlertLog {
  private alerts: Array<Held> = []
  /** The last alert of each series of a connection. */
  private readonly last = new Map<string, Held>()

  /** An alert at `partition:offset`, in the order of the log. */
  add(id: string, alert: HealthAlert): void {
    const held: Held = {
      id,
      at: alert.timestamp,
      connection_id: alert.connection_id,
      platform: alert.platform,
      series: seriesOf(alert),
      cause: alert.cause,
      status: alert.status,
      previous_status: alert.previous_status,
      message: redact(alert.message),
      issues: alert.issues.map((issue) => redact(issue)),
      threshold_percent: alert.threshold_percent,
      ended_at: null
    }
    const name = `${held.connection_id} ${held.series}`
    const before = this.last.get(name)
    if (before !== undefined) before.ended_at = held.at
    if (isOver(held)) held.ended_at = held.at
    this.last.set(name, held)
    this.alerts.push(held)
    if (this.alerts.length > 2 * alertsMax) this.alerts = this.alerts.slice(-alertsMax)
  }

  list(since: number): Alerts {
    const fitting = this.alerts.filter(({ at }) => at >= since)
    return {
      open: [...this.last.values()].filter((alert) => !isOver(alert)).sort((left, right) => right.at - left.at),
      history: fitting.slice(-listedMax).reverse(),
      more: fitting.length > listedMax
    }
  }

  /** What the continuous ledger said last. `heardOf`: whether the health program, which checks it, has written anything lately. */
  ledger(heardOf: boolean): LedgerState {
    const ofLedger = [...this.last.values()].filter(({ series }) => series === "ledger")
    const open = ofLedger.filter((alert) => !isOver(alert))
    const since = (alerts: ReadonlyArray<Held>) =>
      alerts.length === 0 ? null : Math.max(...alerts.map(({ at }) => at))
    if (open.length > 0)
      return { state: "unbalanced", since: since(open), message: open.map(({ message }) => message).join(" ") }
    return { state: heardOf ? "balanced" : "unknown", since: since(ofLedger), message: null }
  }
}

const isOver = ({ status }: Pick<Alert, "status">): boolean => status === "healthy"

/** As the notifier distinguishes problems. */
const seriesOf = ({ cause }: HealthAlert): string =>
  cause === "age_limit" || cause === "ledger" || cause === "notifier" ? cause : "status"
