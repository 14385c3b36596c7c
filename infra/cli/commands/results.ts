/** `./capi results`: what became of events, one by one or summed up for each connection. */

import * as Clock from "effect/Clock"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { EventDeliveryLog } from "../../../schemas/types.gen.ts"
import { readValues } from "../../../shared/codec/read-values.ts"
import { SettingsService } from "../../../shared/config/settings.ts"
import { Connections } from "../../../shared/connections/connections.ts"
import { readDuration } from "../../../shared/connections/duration-text.ts"
import { connectionsLayer } from "../../../shared/connectors/load-connections.ts"
import type { StartPosition } from "../../../shared/kafka/read-topic.ts"
import { ofConnections } from "../../../shared/ledger/balance.ts"
import { readLedger } from "../../../shared/ledger/read-ledger.ts"
import { topicNames } from "../../../shared/model/topics.ts"
import { Command, CommandError, countFlag, Flag } from "../cli.ts"
import { event } from "../event-flag.ts"
import { expectConnection, expectKnown, outcomes } from "../filter-values.ts"
import { balanceTable, balanceToJson, rangeFrom } from "../ledger-report.ts"
import { type Paint, show, table, truncation } from "../output.ts"
import { awaitOutcomes, type ResultWithOutcome, withKnownOutcomes } from "../results.ts"
import { withKafkaAndCodecs } from "../services.ts"
import { parseStartPosition } from "../start-position.ts"
import { chooseConnections } from "./connect.ts"

const summary = Flag.Boolean("summary").pipe(
  Flag.withDescription("Count each connection's outcomes, from the topics alone"),
  Flag.withDefault(false)
)
const connection = Flag.String("connection").pipe(Flag.withDescription("Only this connection"), Flag.optional)
const outcome = Flag.String("outcome").pipe(Flag.withDescription("Only this outcome, such as rejected"), Flag.optional)
const since = Flag.String("since").pipe(
  Flag.withDescription("beginning (default), a time, or how long ago (2 hours)"),
  Flag.withDefault("beginning")
)
const wait = Flag.String("wait").pipe(
  Flag.withDescription("With --event: wait at most so long (30 seconds) until each connection has an outcome"),
  Flag.optional
)
const limit = countFlag("limit", "Show at most the last so many").pipe(Flag.withDefault(100))

export const results = Command.make(
  "results",
  { summary, event, connection, outcome, since, wait, limit },
  ({ summary, since, wait, ...filter }) =>
    Effect.gen(function* () {
      yield* expectKnown("outcome", filter.outcome, outcomes)
      if (summary && (Option.isSome(filter.event) || Option.isSome(filter.outcome))) return yield* noSuchSummary
      const from = yield* Effect.fromResult(parseStartPosition(since, yield* Clock.currentTimeMillis))
      const awaited = Option.isSome(wait) ? yield* awaitedOf(wait.value, filter.event) : null
      yield* withKafkaAndCodecs(
        Effect.gen(function* () {
          if (awaited !== null) yield* awaitEvent(awaited, from)
          yield* summary ? summarize(from, filter.connection) : list(from, filter)
        })
      )
    })
).pipe(
  Command.withDescription("Show what became of events at each connection"),
  Command.withExamples([
    { command: "./capi results --event o-42", description: "Every outcome of one event" },
    { command: './capi results --summary --since "1 hour"', description: "Counts for each connection" },
    { command: "./capi results --outcome rejected --json", description: "The last 100 rejections, as JSON" }
  ])
)

interface Awaited {
  readonly event: string
  readonly timeout: Duration.Duration
}

const awaitedOf = Effect.fnUntraced(function* (wait: string, event: Option.Option<string>) {
  const timeout = readDuration(wait)
  if (timeout === null || Option.isNone(event))
    return yield* new CommandError({
      code: "invalid_wait",
      message: Option.isNone(event) ? "--wait needs --event." : `--wait ${wait} is not a duration above zero.`,
      nextStep: 'Give both, such as --event o-42 --wait "30 seconds".',
      exitCode: 2
    })
  return { event: event.value, timeout } satisfies Awaited
})

const awaitEvent = Effect.fnUntraced(function* ({ event, timeout }: Awaited, from: StartPosition) {
  const { enabled } = yield* Connections.pipe(Effect.provide(connectionsLayer))
  const ids = enabled.map(({ id }) => id)
  yield* awaitOutcomes(event, ids, from, timeout)
})

const noSuchSummary = new CommandError({
  code: "no_summary",
  message: "--summary counts all outcomes of all events.",
  nextStep: "Leave --event and --outcome out, or --summary.",
  exitCode: 2
})

const summarize = Effect.fnUntraced(function* (from: StartPosition, connection: Option.Option<string>) {
  const settings = yield* SettingsService
  const connections = yield* Connections.pipe(Effect.provide(connectionsLayer))
  const chosen = new Set((yield* chooseConnections(connections.all, Option.toArray(connection))).map(({ id }) => id))
  const whole = yield* readLedger(yield* rangeFrom(from), connections.all, settings.topicPrefix, settings.eventLog)
  const balance = Option.isNone(connection) ? whole : ofConnections(whole, chosen)
  yield* show(balanceToJson(balance), (paint) => balanceTable(balance, paint))
})

interface Filter {
  readonly event: Option.Option<string>
  readonly connection: Option.Option<string>
  readonly outcome: Option.Option<string>
  readonly limit: number
}

const list = Effect.fnUntraced(function* (from: StartPosition, filter: Filter) {
  const { found, total } = yield* findResults(from, filter)
  const left = truncation(found.length, total)
  yield* show({ results: found, ...left.json }, (paint) =>
    found.length === 0
      ? "No results."
      : [
          table(
            headers,
            found.map((row) => rowOf(row, paint)),
            paint
          ),
          ...left.lines
        ].join("\n")
  )
  if (found.length === 0 && Option.isSome(filter.event))
    return yield* new CommandError({
      code: "not_found",
      message: `No result of the event ${filter.event.value} is there (yet).`,
      nextStep: "It may be in flight, or in dead-letters: ./capi dead-letters list."
    })
})

/**
 * The last results that fit the filter, oldest first, each with what is known of its event by now, and how many fit. An outcome
 * is asked for as it is known: a refusal that was redriven and accepted is not a refusal any more. That is looked up for the newest
 * (`candidatesMax`), so that with an outcome the number may hold older ones that do not count any more.
 */
const findResults = Effect.fnUntraced(function* (from: StartPosition, filter: Filter) {
  const seen = new Set<string>()
  let total = 0
  const fits = (log: EventDeliveryLog) =>
    (Option.isNone(filter.event) || filter.event.value === log.event_id) &&
    (Option.isNone(filter.connection) || filter.connection.value === log.connection_id) &&
    (Option.isNone(filter.outcome) || filter.outcome.value === log.outcome)
  let found: Array<EventDeliveryLog> = []
  yield* readValues({
    topic: topicNames.results,
    schema: "event-delivery-log",
    from,
    onValue: (log) => {
      seen.add(log.connection_id)
      if (!fits(log)) return
      found.push(log)
      total++
    },
    onFetched: () => {
      if (found.length > 2 * candidatesMax(filter)) found = lastOf(found, candidatesMax(filter))
    }
  })
  yield* expectConnection(filter.connection, seen)
  const rows = yield* withKnownOutcomes(lastOf(found, candidatesMax(filter)))
  const counting = rows.filter((row) => Option.isNone(filter.outcome) || row.known_outcome === row.outcome)
  return { found: counting.slice(-filter.limit), total: total - (rows.length - counting.length) }
})

/** Some of those of an outcome may not count any more. */
const candidatesMax = ({ limit, outcome }: Filter): number =>
  Math.max(1, limit) + (Option.isSome(outcome) ? Math.max(1, limit) + 1_000 : 0)

const lastOf = (logs: ReadonlyArray<EventDeliveryLog>, limit: number) =>
  logs.toSorted((left, right) => left.timestamp - right.timestamp).slice(-limit)

const headers = [
  "TIME",
  "EVENT",
  "NAME",
  "CONNECTION",
  "OUTCOME",
  "REASON",
  "MS",
  "RETRIES",
  "REQUEST",
  "PRICING",
  "MESSAGE"
]

const rowOf = (log: ResultWithOutcome, paint: Paint) => [
  `${new Date(log.timestamp).toISOString().slice(0, 19)}Z`,
  log.event_id,
  log.event_name,
  log.connection_id,
  log.known_outcome === log.outcome
    ? paint(log.success ? "green" : log.outcome === "skipped" ? "dim" : "red", log.outcome)
    : paint("dim", `${log.outcome} (now ${log.known_outcome})`),
  log.reason_code,
  Math.round(log.latency_ms),
  log.retry_count,
  log.request_id,
  pricingOf(log),
  log.error_message ?? log.request_note
]

/** Such as `utility/regular`, where the platform prices messages. */
const pricingOf = ({ pricing }: EventDeliveryLog): string | null =>
  pricing === null ? null : [pricing.category ?? "?", pricing.type ?? "?"].join("/")
