/** The history of connections' health: read from its topic, and shown as one line for each hour. */
import * as Effect from "effect/Effect"
import type { ConnectorHealthPoint } from "../../schemas/types.gen.ts"
import { readValues } from "../../shared/codec/read-values.ts"
import { topicNames } from "../../shared/model/topics.ts"
import { count, type Paint, table } from "./output.ts"

const minuteMillis = 60_000
const hourMillis = 60 * minuteMillis

/** The points from a time on (milliseconds since the epoch), by connection and minute; of one connection, or of all (null). */
export const readHistory = Effect.fnUntraced(function* (since: number, connection: string | null) {
  const points = new Map<string, ConnectorHealthPoint>()
  yield* readValues({
    topic: topicNames.healthHistory,
    schema: "connector-health-history",
    from: { _tag: "At", millis: since },
    onValue: (point) => {
      const { connection_id, minute } = point
      if (minute >= since && (connection === null || connection_id === connection))
        points.set(`${connection_id} ${minute}`, point)
    }
  })
  return [...points.values()].sort(
    (left, right) => compare(left.connection_id, right.connection_id) || left.minute - right.minute
  )
})

const compare = (left: string, right: string): number => (left < right ? -1 : left > right ? 1 : 0)

/** A table for each connection: a line for each hour, with a character for each minute. */
export const historyTable = (points: ReadonlyArray<ConnectorHealthPoint>, paint: Paint): string => {
  if (points.length === 0) return "No history yet: the health processor writes it each minute."
  const tables = [...Map.groupBy(points, ({ connection_id }) => connection_id)].map(([id, own]) => {
    const hours = [...Map.groupBy(own, ({ minute }) => Math.floor(minute / hourMillis))]
    return `${paint("bold", id)}\n${table(headers, hours.map(hourRow), paint)}`
  })
  return `${tables.join("\n\n")}\n\n${legend}`
}

const headers = ["HOUR (UTC)", "MINUTES", "SUCCEEDED", "FAILED", "INVALID", "SKIPPED", "LATENCY", "WAITING"]
const characters: Readonly<Record<string, string>> = { healthy: ".", degraded: "d", unhealthy: "U" }
const legend =
  "Minutes: . healthy, d degraded, U unhealthy, ? the health processor did not run. Waiting: the most of the hour."

const hourRow = ([hour, points]: readonly [number, ReadonlyArray<ConnectorHealthPoint>]) => {
  const minutes = Array.from({ length: 60 }, () => " ")
  const sums = { succeeded: 0, failed: 0, invalid: 0, skipped: 0, waiting: 0, latencyMillis: 0, timed: 0 }
  for (const point of points) {
    minutes[(point.minute - hour * hourMillis) / minuteMillis] = characters[point.status] ?? "?"
    sums.succeeded += point.succeeded
    sums.failed += point.failed
    sums.invalid += point.invalid
    sums.skipped += point.skipped
    sums.waiting = Math.max(sums.waiting, point.waiting_events ?? 0)
    const attempts = point.latency_ms > 0 ? point.succeeded + point.failed : 0
    sums.latencyMillis += attempts * point.latency_ms
    sums.timed += attempts
  }
  const start = new Date(hour * hourMillis).toISOString()
  return [
    `${start.slice(0, 10)} ${start.slice(11, 16)}`,
    minutes.join(""),
    sums.succeeded,
    sums.failed,
    sums.invalid,
    sums.skipped,
    sums.timed === 0 ? "–" : `${Math.round(sums.latencyMillis / sums.timed)} ms`,
    count(sums.waiting, "event")
  ]
}
