/** `./capi unknown`: events whose outcome is unknown: the platform may have them. And the only way to send them again. */

import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { EventDeliveryLog } from "../../../schemas/types.gen.ts"
import { Codecs } from "../../../shared/codec/codecs.ts"
import { readValues } from "../../../shared/codec/read-values.ts"
import { SettingsService } from "../../../shared/config/settings.ts"
import { KafkaClient } from "../../../shared/kafka/client.ts"
import type { StartPosition } from "../../../shared/kafka/read-topic.ts"
import { deliveryResultRecord } from "../../../shared/model/delivery-result.ts"
import { topicNames } from "../../../shared/model/topics.ts"
import { Argument, Command, CommandError, Flag } from "../cli.ts"
import { exampleConnection } from "../example-names.ts"
import { expectConnection } from "../filter-values.ts"
import { confirm, count, type Paint, show, table } from "../output.ts"
import { eventAtConnection, recordsToResend } from "../records-to-resend.ts"
import { withKnownOutcomes } from "../results.ts"
import { withKafkaAndCodecs } from "../services.ts"
import { parseStartPosition } from "../start-position.ts"

const since = Flag.String("since").pipe(
  Flag.withDescription("beginning (default), a time, or how long ago (2 hours)"),
  Flag.withDefault("beginning")
)
const connection = Flag.String("connection").pipe(Flag.withDescription("Only this connection"), Flag.optional)

const list = Command.make("list", { since, connection }, ({ since, connection }) =>
  withKafkaAndCodecs(
    Effect.gen(function* () {
      const from = yield* Effect.fromResult(parseStartPosition(since, yield* Clock.currentTimeMillis))
      const found = yield* findUnknown(from, connection)
      yield* show(found.map(summaryOf), (paint) =>
        found.length === 0 ? "No event's outcome is unknown." : listing(found, paint)
      )
    })
  )
).pipe(Command.withDescription("List events that were sent before a crash, or got no answer, and may have arrived"))

const events = Argument.String("event").pipe(
  Argument.withDescription("Event ids, as the list shows them"),
  Argument.variadic()
)
const all = Flag.Boolean("all").pipe(Flag.withDescription("All that the list shows"), Flag.withDefault(false))
const yes = Flag.Boolean("yes").pipe(Flag.withAlias("y"), Flag.withDescription("Do not ask"), Flag.withDefault(false))

const resend = Command.make(
  "resend",
  { events, all, since, connection, yes },
  ({ events, all, since, connection, yes }) =>
    withKafkaAndCodecs(
      Effect.gen(function* () {
        const from = yield* Effect.fromResult(parseStartPosition(since, yield* Clock.currentTimeMillis))
        const chosen = yield* choose(yield* findUnknown(from, connection), events, all)
        if (!yes)
          yield* confirm(`Send ${count(chosen.length, "event")} again? They may have arrived.`, "Nothing was sent.")
        const kafka = yield* KafkaClient
        const { records, missing, underWay } = yield* recordsToResend(chosen)
        yield* kafka.produce(records)
        const value = {
          resent: records.length,
          under_way: underWay.map(summaryOf),
          not_found: missing.map(summaryOf)
        }
        yield* show(value, () =>
          [
            `${count(records.length, "event")} will be sent again.`,
            ...(underWay.length === 0
              ? []
              : [`${count(underWay.length, "event")} more: an earlier command sends them again already.`])
          ].join("\n")
        )
        if (missing.length > 0) yield* gone(missing)
      })
    )
).pipe(
  Command.withDescription("Send such events again: they may arrive twice, so look first whether they arrived"),
  Command.withExamples([
    { command: "./capi unknown resend o-42", description: "One event, after a question" },
    {
      command: `./capi unknown resend --all --connection ${exampleConnection} --yes`,
      description: "All of a connection"
    }
  ])
)

const arrived = Flag.Boolean("arrived").pipe(
  Flag.withDescription("The platform has them: they count as delivered"),
  Flag.withDefault(false)
)
const lost = Flag.Boolean("lost").pipe(
  Flag.withDescription("They did not arrive and are not to be sent again: they count as rejected"),
  Flag.withDefault(false)
)

const resolve = Command.make(
  "resolve",
  { events, all, since, connection, arrived, lost },
  ({ events, all, since, connection, arrived, lost }) =>
    withKafkaAndCodecs(
      Effect.gen(function* () {
        if (arrived === lost) return yield* oneDecision
        const now = yield* Clock.currentTimeMillis
        const from = yield* Effect.fromResult(parseStartPosition(since, now))
        const chosen = yield* choose(yield* findUnknown(from, connection), events, all)
        yield* writeDecisions(chosen, arrived, now)
        const outcome = arrived ? "delivered" : "rejected"
        yield* show({ resolved: chosen.length, outcome }, () => `${count(chosen.length, "event")} now ${outcome}.`)
      })
    )
).pipe(
  Command.withDescription("Say what became of such events, where you have found out"),
  Command.withExamples([
    { command: "./capi unknown resolve o-42 --arrived", description: "The message is there" },
    { command: "./capi unknown resolve --all --lost", description: "None arrived, and none is to be sent again" }
  ])
)

const oneDecision = new CommandError({
  code: "no_decision",
  message: "Say what became of the events: --arrived or --lost.",
  nextStep: "To send them again use `./capi unknown resend`.",
  exitCode: 2
})

/** A result for each event, like the one in doubt, with the person's decision. */
const writeDecisions = Effect.fnUntraced(function* (
  chosen: ReadonlyArray<EventDeliveryLog>,
  arrived: boolean,
  now: number
) {
  const kafka = yield* KafkaClient
  const codecs = yield* Codecs
  const prefix = (yield* SettingsService).topicPrefix
  const results = chosen.map((log) =>
    deliveryResultRecord(codecs, {
      ...log,
      timestamp: Math.max(now, log.timestamp + 1),
      attempted_at: log.attempted_at ?? log.timestamp,
      outcome: arrived ? "delivered" : "rejected",
      reason_code: arrived ? "confirmed_by_person" : "not_arrived",
      error_message: arrived ? "A person found that it arrived." : "A person found that it did not arrive."
    })
  )
  yield* kafka.produce(results.map((result) => ({ ...result, topic: prefix + result.topic })))
})

export const unknown = Command.make("unknown").pipe(
  Command.withDescription("Look at events whose outcome is unknown, send them again, or record their outcome"),
  Command.withSubcommands([list, resend, resolve])
)

/** Those whose outcome is still unknown: a webhook's status, a resend or a person may have settled it since. */
const findUnknown = Effect.fnUntraced(function* (from: StartPosition, connection: Option.Option<string>) {
  const found: Array<EventDeliveryLog> = []
  const seen = new Set<string>()
  yield* readValues({
    topic: topicNames.results,
    schema: "event-delivery-log",
    from,
    onValue: (log) => {
      seen.add(log.connection_id)
      const fits = Option.isNone(connection) || connection.value === log.connection_id
      if (fits && log.outcome === "unknown") found.push(log)
    }
  })
  yield* expectConnection(connection, seen)
  const rows = (yield* withKnownOutcomes(found)).filter((log) => log.known_outcome === "unknown")
  // An event may have been in doubt more than once; the latest says why.
  const latest = new Map(rows.sort(byTime).map((log) => [eventAtConnection(log.event_id, log.connection_id), log]))
  return [...latest.values()].sort(byTime)
})

const byTime = (left: EventDeliveryLog, right: EventDeliveryLog): number => left.timestamp - right.timestamp

const choose = Effect.fnUntraced(function* (
  found: ReadonlyArray<EventDeliveryLog>,
  events: ReadonlyArray<string>,
  all: boolean
) {
  const others = events.filter((id) => !found.some((log) => log.event_id === id))
  if (others.length > 0)
    return yield* new CommandError({
      code: "not_unknown",
      message: `The outcome of ${others.slice(0, 5).join(", ")} is not unknown, or not through this connection.`,
      nextStep: "See `./capi unknown list` and `./capi results --event <id>`."
    })
  const chosen = all ? found : found.filter((log) => events.includes(log.event_id))
  if (chosen.length > 0) return chosen
  return yield* new CommandError({
    code: "nothing_chosen",
    message: all ? "No event's outcome is unknown." : "No event is named.",
    nextStep: "Name events of `./capi unknown list`, or take all of them with --all."
  })
})

const gone = (missing: ReadonlyArray<EventDeliveryLog>) =>
  new CommandError({
    code: "not_found",
    message: `${count(missing.length, "event")} left the topic of mapped events by its retention.`,
    nextStep: "Replay the mapper for them, or publish them again under other ids."
  })

const summaryOf = (log: EventDeliveryLog) => ({
  event_id: log.event_id,
  connection_id: log.connection_id,
  event_name: log.event_name,
  timestamp: log.timestamp,
  reason_code: log.reason_code,
  message: log.error_message
})

const listing = (found: ReadonlyArray<EventDeliveryLog>, paint: Paint): string =>
  table(
    ["TIME", "EVENT", "NAME", "CONNECTION", "REASON", "MESSAGE"],
    found.map((log) => [
      `${new Date(log.timestamp).toISOString().slice(0, 19)}Z`,
      log.event_id,
      log.event_name,
      log.connection_id,
      log.reason_code,
      log.error_message
    ]),
    paint
  )
