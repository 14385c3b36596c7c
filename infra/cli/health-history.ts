/** The history of connections' health: read from its topic, and shown as one line for each hour. */
import * as Effect from "effect/Effect"
import type { ConnectorHealthPoint } from "../../schemas/types.gen.ts"
import { Codecs } from "../../shared/codec/codecs.ts"
import { readTopic } from "../../shared/kafka/read-topic.ts"
import { topicNames } from "../../shared/model/topics.ts"
import { FirstValues } from "./first-values.ts"
import { count, type Paint, table } from "./output.ts"

const minuteMillis = 60_000
const hourMillis = 60 * minuteMillis

/**
 * Calls back with the points from a time on (milliseconds since the epoch) of each connection, or of one: by minute, the connections in the order
 * of their ids, none without points. The topic has them by minute, so all have to be read before the first can be shown; they are held as they
 * are on the topic, and those of the last ids that have no room are read again.
 *
 * @param heldBytesMax of memory; one connection is held in any case
 */
export const eachHistory = Effect.fnUntraced(function* <E, R>(
  { since, connection, heldBytesMax = 64 * 1_048_576 }: HistoryChoice,
  use: (points: ReadonlyArray<ConnectorHealthPoint>) => Effect.Effect<void, E, R>
) {
  const codecs = yield* Codecs
  for (let after: string | null = null; ; ) {
    const held = new FirstValues(heldBytesMax, after)
    yield* readTopic({
      topic: topicNames.healthHistory,
      from: { _tag: "At", millis: since },
      follow: false,
      releases: true,
      onRecords: (records) => {
        for (const { key, value } of records) {
          const id = String(key)
          if (value !== null && (connection === null || id === connection)) held.add(id, value)
        }
      }
    })
    for (const id of held.keys) {
      const values = held.take(id)
      yield* codecs.loadSchemas(values)
      const points = new Map<number, ConnectorHealthPoint>()
      for (const value of values) {
        const decoded = codecs.decode("connector-health-history", value)
        if (decoded._tag === "Decoded" && decoded.value.minute >= since) points.set(decoded.value.minute, decoded.value)
      }
      if (points.size > 0) yield* use([...points.values()].sort((left, right) => left.minute - right.minute))
      after = id
    }
    if (!held.isCut) return
  }
})

interface HistoryChoice {
  readonly since: number
  /** All where it is null. */
  readonly connection: string | null
  readonly heldBytesMax?: number
}

/** The table of a connection, of which there are points: a line for each hour, with a character for each minute. */
export const historyTable = (points: ReadonlyArray<ConnectorHealthPoint>, paint: Paint): string => {
  const hours = [...Map.groupBy(points, ({ minute }) => Math.floor(minute / hourMillis))]
  return `${paint("bold", points[0]!.connection_id)}\n${table(headers, hours.map(hourRow), paint)}`
}

export const noHistory = "No history yet: the health processor writes it each minute."

const headers = ["HOUR (UTC)", "MINUTES", "SUCCEEDED", "FAILED", "INVALID", "SKIPPED", "LATENCY", "WAITING"]
const characters: Readonly<Record<string, string>> = { healthy: ".", degraded: "d", unhealthy: "U" }
/** Of all tables. */
export const historyLegend =
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
