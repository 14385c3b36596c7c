/** A connection as its card shows it. Pure. */
import type { Connection } from "../../../shared/connections/connection.ts"
import { connectorFor } from "../../../shared/connectors/registry.ts"
import { isOutdated } from "../../../shared/model/health-age.ts"
import { redact } from "../../../shared/telemetry/redaction.ts"
import type { ConnectionCard } from "../api.ts"
import { batchFill } from "../counts/recent-results.ts"
import type { ConsoleState } from "../state/console-state.ts"

/** `storedAt`: when each credential of the store was stored, by its name; `now` in milliseconds since the epoch. */
export const connectionCard = (
  state: ConsoleState,
  connection: Connection,
  storedAt: ReadonlyMap<string, number>,
  now: number
): ConnectionCard => {
  const { id, platform, enabled, credential } = connection
  const status = state.statuses.get(id) ?? null
  const runtime = state.states.get(id) ?? null
  const recent = state.recent.summary(id, now)
  const attempts = Object.entries(status?.outcomes_1h ?? {}).reduce(
    (sum, [outcome, count]) => (outcome === "skipped" ? sum : sum + count),
    0
  )
  // Of a program that does not run the last word would stay for ever.
  const isKnown = status !== null && !(enabled && isOutdated(status.last_check, now))
  const isIdle = status?.status === "healthy" && attempts === 0
  return {
    connection_id: id,
    platform,
    enabled,
    status: !isKnown ? (enabled ? "unknown" : "disabled") : isIdle ? "idle" : (status.status as "healthy"),
    cause: status?.cause ?? null,
    since: status?.since ?? null,
    issues: (status?.issues ?? []).map((issue) => redact(issue)),
    checked_at: status?.last_check ?? null,
    circuit: (status?.circuit_state ?? null) as ConnectionCard["circuit"],
    paused: runtime?.paused ?? null,
    waiting:
      status === null || status.waiting_events === null
        ? null
        : {
            events: status.waiting_events,
            is_minimum: status.waiting_is_minimum,
            since: status.waiting_since,
            expires_at: status.oldest_expires_at,
            age_used: status.age_percent === null ? null : status.age_percent / 100
          },
    last_success_at: status?.last_success_at ?? null,
    success_rate: status === null || attempts === 0 ? null : status.success_rate_1h / 100,
    events_1h: status?.events_processed_1h ?? 0,
    failed_1h: status?.error_count_1h ?? 0,
    latency_ms: recent.latency,
    end_to_end_ms: recent.endToEnd,
    batch: batchFill(recent.batch, eventsPerRequest(connection)),
    match_quality: recent.matchQuality,
    credential: {
      name: credential,
      // The delivery says it too, which has the store where the console has not.
      stored_at: storedAt.get(credential.replace(/^store:/, "")) ?? runtime?.credential_stored_at ?? null,
      expires_at: runtime?.credential_expires_at ?? null
    },
    minutes: recent.minutes
  }
}

const eventsPerRequest = ({ kind, limits }: Connection): number =>
  limits.eventsPerRequest ?? connectorFor(kind).limits[limits.profile].eventsPerRequest
