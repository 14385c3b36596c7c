/** `./capi health`: the last state of each connection, as the health processor wrote it; its history; or a check made now. */

import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { checkHealth } from "../../../processors/health/check-health.ts"
import type { ConnectorHealthStatus } from "../../../schemas/types.gen.ts"
import { latestValues } from "../../../shared/codec/read-values.ts"
import { environment, SettingsService } from "../../../shared/config/settings.ts"
import type { ConnectionResult } from "../../../shared/connectors/connector.ts"
import { layerHttpTransport } from "../../../shared/connectors/http/http-client.ts"
import { loadConnections } from "../../../shared/connectors/load-connections.ts"
import { Credentials, credentialsOf } from "../../../shared/credentials/credentials.ts"
import { isOutdated } from "../../../shared/model/health-age.ts"
import { topicNames } from "../../../shared/model/topics.ts"
import { Argument, Command, CommandError, Flag } from "../cli.ts"
import { exampleConnection } from "../example-names.ts"
import { expectKnown } from "../filter-values.ts"
import { healthCells, isIdle, summaryLine, summaryOf } from "../health-cells.ts"
import { eachHistory, historyLegend, historyTable, noHistory } from "../health-history.ts"
import { type Colour, formatAge, openList, type Paint, show, table } from "../output.ts"
import { withKafkaAndCodecs } from "../services.ts"
import { parseStartPosition } from "../start-position.ts"
import { chooseConnections, tryConnection } from "./connect.ts"

const connection = Argument.String("connection").pipe(
  Argument.withDescription("Only this connection"),
  Argument.optional
)
const history = Flag.Boolean("history").pipe(
  Flag.withDescription("The history of the last 24 hours, minute by minute"),
  Flag.withDefault(false)
)
const since = Flag.String("since").pipe(
  Flag.withDescription("Of --history: beginning, a time, or how long ago"),
  Flag.withDefault("24 hours")
)
const check = Flag.Boolean("check").pipe(
  Flag.withDescription("Check now: state, what waits, and a request without events to the platform"),
  Flag.withDefault(false)
)
const summary = Flag.Boolean("summary").pipe(
  Flag.withDescription("How many connections are healthy, and what waits for all of them"),
  Flag.withDefault(false)
)

export const health = Command.make(
  "health",
  { connection, history, since, check, summary },
  ({ connection, history, since, check, summary }) =>
    history ? showHistory(since, connection) : check ? showCheck(connection) : showHealth(connection, summary)
).pipe(
  Command.withDescription("Show the health of each connection over the last hour; exit 1 where one is unhealthy"),
  Command.withExamples([
    { command: "./capi health", description: "Every connection, with what is wrong and the next step" },
    { command: `./capi health --history ${exampleConnection}`, description: "Its last 24 hours" },
    { command: `./capi health --check ${exampleConnection}`, description: "Check it now, with its platform" }
  ])
)

const showHealth = (connection: Option.Option<string>, isSummary: boolean) =>
  withKafkaAndCodecs(
    Effect.gen(function* () {
      const all = yield* latestHealth
      yield* expectKnown(
        "connection",
        connection,
        all.map(({ connection_id }) => connection_id)
      )
      const statuses = all.filter(
        ({ connection_id }) => Option.getOrElse(connection, () => connection_id) === connection_id
      )
      const now = yield* Clock.currentTimeMillis
      const sums = summaryOf(statuses)
      if (isSummary) yield* show(sums, () => summaryLine(sums, now))
      else yield* show(statuses, (paint) => healthTable(statuses, now, paint))
      yield* failIfOutdated(all, now)
      yield* failIfUnhealthy(statuses)
    })
  )

/** What is not checked any more says nothing of now. */
const failIfOutdated = Effect.fnUntraced(function* (statuses: ReadonlyArray<ConnectorHealthStatus>, now: number) {
  if (statuses.some(({ last_check }) => !isOutdated(last_check, now)) || statuses.length === 0) return
  const newest = Math.max(...statuses.map(({ last_check }) => last_check))
  return yield* new CommandError({
    code: "outdated",
    message: `The health program wrote last at ${new Date(newest).toISOString().slice(0, 19)}Z, ${formatAge(now - newest)} ago: this is how it was then.`,
    nextStep: "See that it runs (./capi run health), and its /readyz; ./capi health --check computes it now."
  })
})

/** Prints a connection at a time: there may be thousands, with a minute in each record. */
const showHistory = (since: string, connection: Option.Option<string>) =>
  withKafkaAndCodecs(
    Effect.gen(function* () {
      const start = yield* Effect.fromResult(parseStartPosition(since, yield* Clock.currentTimeMillis))
      const list = yield* openList
      const chosen = { since: start._tag === "At" ? start.millis : 0, connection: Option.getOrNull(connection) }
      yield* eachHistory(chosen, (points) => list.add(points, (paint) => historyTable(points, paint)))
      if (list.isEmpty() && Option.isSome(connection))
        yield* expectKnown(
          "connection",
          connection,
          (yield* latestHealth).map(({ connection_id }) => connection_id)
        )
      yield* list.end(list.isEmpty() ? noHistory : historyLegend)
    })
  )

const showCheck = (connection: Option.Option<string>) =>
  withKafkaAndCodecs(
    Effect.gen(function* () {
      const settings = yield* SettingsService
      const { connections } = yield* loadConnections(settings.connectionsFile, environment())
      const chosen = yield* chooseConnections(connections, Option.toArray(connection))
      const found = yield* checkHealth(chosen, settings.topicPrefix)
      const tried = yield* Effect.forEach(chosen, tryConnection, { concurrency: 4 }).pipe(
        Effect.provideServiceEffect(Credentials, credentialsOf(settings)),
        Effect.provide(layerHttpTransport())
      )
      const statuses = chosen.map(({ id }, index) => withProbe(found.get(id)!, tried[index]!))
      const now = yield* Clock.currentTimeMillis
      yield* show(statuses, (paint) => healthTable(statuses, now, paint))
      yield* failIfUnhealthy(statuses)
    })
  )

/** What the platform answered just now beside what the topics say. */
const withProbe = (status: ConnectorHealthStatus, { status: found, message, details }: ConnectionResult) => {
  const probe = { status: found, message }
  if (found === "connected" || found === "pending") return { ...status, probe }
  const next = details["next_step"]
  const issue = `asked just now: ${message}${typeof next === "string" ? ` ${next}` : ""}`
  return { ...status, status: "unhealthy", issues: [...status.issues, issue], probe }
}

const failIfUnhealthy = Effect.fnUntraced(function* (statuses: ReadonlyArray<ConnectorHealthStatus>) {
  const unhealthy = statuses.filter((status) => status.status === "unhealthy").map((status) => status.connection_id)
  if (unhealthy.length > 0)
    return yield* new CommandError({
      code: "unhealthy",
      message: `Unhealthy: ${unhealthy.join(", ")}.`,
      nextStep: "The issues are named above; ./capi connect test <connection> tries the platform."
    })
})

/** The last status of each connection, in the order of their ids. */
const latestHealth = Effect.gen(function* () {
  const latest = yield* latestValues(topicNames.health, "connector-health-status")
  return [...latest.values()].sort((left, right) => (left.connection_id < right.connection_id ? -1 : 1))
})

const headers = [
  ...["CONNECTION", "PLATFORM", "STATUS", "SUCCESS", "LATENCY", "CIRCUIT", "EVENTS", "ERRORS"],
  ...["WAITING", "LAST SUCCESS", "CHECKED"]
]

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
      `${status.waiting_is_minimum ? "≥ " : ""}${status.waiting_events ?? "–"}`,
      status.last_success_at === null ? "–" : `${formatAge(now - status.last_success_at)} ago`,
      `${formatAge(now - status.last_check)} ago`
    ]
  })
  const issues = statuses.flatMap(({ connection_id, issues }) => issues.map((issue) => `${connection_id}: ${issue}`))
  return [table(headers, rows, paint), ...issues, summaryLine(summaryOf(statuses), now)].join("\n")
}

const colours: Readonly<Record<string, Colour>> = { healthy: "green", degraded: "yellow", unhealthy: "red" }
