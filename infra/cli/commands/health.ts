/** `./capi health`: the last state of each connection, as the health processor wrote it. */

import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type { ConnectorHealthStatus } from "../../../schemas/types.gen.ts"
import { Codecs } from "../../../shared/codec/codecs.ts"
import { topicNames } from "../../../shared/model/topics.ts"
import { Command, CommandError } from "../cli.ts"
import { healthCells, isIdle } from "../health-cells.ts"
import { type Colour, formatAge, type Paint, show, table } from "../output.ts"
import { readTopic } from "../read-topic.ts"
import { withKafkaAndCodecs } from "../services.ts"

export const health = Command.make("health", {}, () =>
  withKafkaAndCodecs(
    Effect.gen(function* () {
      const statuses = yield* latestHealth
      const now = yield* Clock.currentTimeMillis
      yield* show(statuses, (paint) => healthTable(statuses, now, paint))
      const unhealthy = statuses.filter((status) => status.status === "unhealthy").map((status) => status.connection_id)
      if (unhealthy.length > 0)
        return yield* new CommandError({
          code: "unhealthy",
          message: `Unhealthy: ${unhealthy.join(", ")}.`,
          nextStep: "The issues are named above; ./capi connect test <connection> tries the platform."
        })
    })
  )
).pipe(Command.withDescription("Show the health of each connection over the last hour; exit 1 where one is unhealthy"))

/** The last status of each connection, by its id. */
const latestHealth = Effect.gen(function* () {
  const codecs = yield* Codecs
  const latest = new Map<string, ConnectorHealthStatus>()
  yield* readTopic({
    topic: topicNames.health,
    from: { _tag: "Beginning" },
    follow: false,
    onRecords: Effect.fnUntraced(function* (records) {
      yield* codecs.loadSchemas(records.map((record) => record.value))
      for (const record of records) {
        const decoded = codecs.decode("connector-health-status", record.value)
        if (decoded._tag === "Decoded") latest.set(decoded.value.connection_id, decoded.value)
        else if (record.value === null && record.key !== null) latest.delete(record.key.toString("utf8"))
      }
    })
  })
  return [...latest.values()].sort((left, right) => (left.connection_id < right.connection_id ? -1 : 1))
})

const healthTable = (statuses: ReadonlyArray<ConnectorHealthStatus>, now: number, paint: Paint): string => {
  if (statuses.length === 0) return "No health yet: is the health processor running?"
  const rows = statuses.map((status) => {
    const cells = healthCells(status)
    return [
      status.connection_id,
      status.platform,
      paint(isIdle(status) ? "dim" : (colours[status.status] ?? "dim"), cells.status),
      cells.success,
      cells.latency,
      status.circuit_state,
      status.events_processed_1h,
      status.error_count_1h,
      `${formatAge(now - status.last_check)} ago`,
      status.issues.join("; ")
    ]
  })
  const headers = [
    "CONNECTION",
    "PLATFORM",
    "STATUS",
    "SUCCESS",
    "LATENCY",
    "CIRCUIT",
    "EVENTS",
    "ERRORS",
    "CHECKED",
    "ISSUES"
  ]
  return table(headers, rows, paint)
}

const colours: Readonly<Record<string, Colour>> = { healthy: "green", degraded: "yellow", unhealthy: "red" }
