/** The health history of a connection, read when it is asked for. */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { ConnectorHealthPoint } from "../../../schemas/types.gen.ts"
import { readValues } from "../../../shared/codec/read-values.ts"
import { topicNames } from "../../../shared/model/topics.ts"
import type { History, HistoryPoint } from "../api.ts"

const historyKept = Duration.hours(24)

/** `since` in milliseconds since the epoch; null for all that is kept. A later record of a minute replaces an earlier one. */
export const readHistory = Effect.fnUntraced(function* (connectionId: string, since: number | null) {
  const oldest = (yield* Clock.currentTimeMillis) - Duration.toMillis(historyKept)
  const millis = Math.max(oldest, since ?? oldest)
  const points = new Map<number, ConnectorHealthPoint>()
  yield* readValues({
    topic: topicNames.healthHistory,
    schema: "connector-health-history",
    from: { _tag: "At", millis },
    accept: ({ key }) => String(key) === connectionId,
    onValue: (point) => {
      if (point.minute >= millis) points.set(point.minute, point)
    }
  })
  const sorted = [...points.values()].sort((left, right) => left.minute - right.minute)
  return { connection_id: connectionId, points: sorted.map(pointOf) } satisfies History
})

const pointOf = (point: ConnectorHealthPoint): HistoryPoint => ({
  minute: point.minute,
  status: point.status as HistoryPoint["status"],
  cause: point.cause,
  succeeded: point.succeeded,
  failed: point.failed,
  invalid: point.invalid,
  skipped: point.skipped,
  latency_ms: point.latency_ms,
  waiting: point.waiting_events,
  expires_at: point.oldest_expires_at
})
