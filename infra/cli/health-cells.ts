/** A connection's health as cells of a table: no figure where nothing was attempted. */
import type { ConnectorHealthStatus } from "../../schemas/types.gen.ts"

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
