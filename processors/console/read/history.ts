/** The health history of a connection, read when it is asked for. */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { ConnectorHealthPoint } from "../../../schemas/types.gen.ts"
import { Codecs } from "../../../shared/codec/codecs.ts"
import { readTopic } from "../../../shared/kafka/read-topic.ts"
import { topicNames } from "../../../shared/model/topics.ts"
import type { History, HistoryPoint } from "../api.ts"

const historyKept = Duration.hours(24)

/** `since` in milliseconds since the epoch; null for all that is kept. A later record of a minute replaces an earlier one. */
export const readHistory = Effect.fnUntraced(function* (connectionId: string, since: number | null) {
  const codecs = yield* Codecs
  const oldest = (yield* Clock.currentTimeMillis) - Duration.toMillis(historyKept)
  const millis = Math.max(oldest, since ?? oldest)
  const points = new Map<number, ConnectorHealthPoint>()
  yield* readTopic({
    topic: topicNames.healthHistory,
    from: { _tag: "At", millis },
    follow: false,
    onRecords: Effect.fnUntraced(function* (records) {
      const own = records.filter(({ key }) => String(key) === connectionId)
      yield* codecs.loadSchemas(own.map(({ value }) => value))
      for (const { value } of own) {
        const decoded = codecs.decode("connector-health-history", value)
        if (decoded._tag === "Decoded" && decoded.value.minute >= millis)
          points.set(decoded.value.minute, decoded.value)
      }
    })
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
