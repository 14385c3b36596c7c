/** The connections' health as gauges: what connector-health says, for Prometheus. */
import * as Effect from "effect/Effect"
import * as Metric from "effect/Metric"
import type { ConnectorHealthStatus } from "../../schemas/types.gen.ts"
import { rank, type Status } from "./assess.ts"

export const updateMetrics = (statuses: ReadonlyArray<ConnectorHealthStatus>): Effect.Effect<void> =>
  Effect.forEach(
    statuses,
    (status) =>
      Effect.all(
        gauges.map(({ metric, read }) => {
          const series = Metric.withAttributes(metric, { connection: status.connection_id })
          const value = read(status)
          return value === null ? Metric.remove(series) : Metric.update(series, value)
        }),
        { discard: true }
      ),
    { discard: true }
  )

export const removeMetrics = (connectionIds: Iterable<string>): Effect.Effect<void> =>
  Effect.forEach(
    [...connectionIds],
    (connection) =>
      Effect.forEach(gauges, ({ metric }) => Metric.remove(Metric.withAttributes(metric, { connection })), {
        discard: true
      }),
    { discard: true }
  )

const gauge = (name: string, description: string, read: (status: ConnectorHealthStatus) => number | null) => ({
  metric: Metric.gauge(name, { description }),
  read
})

/** A value that is not known has no series. */
const gauges = [
  gauge("capi_health_status", "0 healthy, 1 degraded, 2 unhealthy.", ({ status }) => rank[status as Status] ?? null),
  gauge("capi_health_success_percent", "Events of the last hour that succeeded.", (status) => status.success_rate_1h),
  gauge("capi_health_waiting_events", "Events that wait for the connection.", (status) => status.waiting_events),
  gauge(
    "capi_health_age_limit_percent",
    "How much of the platform's age limit the first waiting event has used.",
    (status) => (status.waiting_events === null ? null : (status.age_percent ?? 0))
  ),
  gauge("capi_health_last_success_seconds", "When an event last succeeded, in seconds since the epoch.", (status) =>
    status.last_success_at === null ? null : status.last_success_at / 1_000
  )
]
