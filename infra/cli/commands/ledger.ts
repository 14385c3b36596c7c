/** `./capi ledger`: proves from the topics that every event is accounted for, or names those that are not. */

import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import { SettingsService } from "../../../shared/config/settings.ts"
import { Connections } from "../../../shared/connections/connections.ts"
import { connectionsLayer } from "../../../shared/connectors/load-connections.ts"
import { readLedger } from "../../../shared/ledger/read-ledger.ts"
import { Command, CommandError, Flag } from "../cli.ts"
import { balanceTable, balanceToJson, rangeFrom } from "../ledger-report.ts"
import { count, show } from "../output.ts"
import { withKafkaAndCodecs } from "../services.ts"
import { parseStartPosition } from "../start-position.ts"

const since = Flag.String("since").pipe(
  Flag.withDescription("Raw events from here on: beginning, a time, or how long ago (1 day)"),
  Flag.withDefault("beginning")
)
const until = Flag.String("until").pipe(
  Flag.withDescription("Raw events before this time; now by default"),
  Flag.withDefault("")
)
const namesMax = 20

const remedy = { enabled: "", disabled: "Enable it, or", removed: "Put it back under this id, or" } as const

export const ledger = Command.make("ledger", { since, until }, ({ since, until }) =>
  withKafkaAndCodecs(
    Effect.gen(function* () {
      const settings = yield* SettingsService
      const now = yield* Clock.currentTimeMillis
      const range = yield* rangeFrom(yield* Effect.fromResult(parseStartPosition(since, now)))
      const end = until === "" ? null : yield* Effect.fromResult(parseStartPosition(until, now))
      const connections = yield* Connections.pipe(Effect.provide(connectionsLayer))
      const balance = yield* readLedger(
        { from: range.from, to: end?._tag === "At" ? end.millis : range.to },
        connections.all,
        settings.topicPrefix,
        settings.eventLog
      )
      yield* show(balanceToJson(balance), (paint) => {
        const named = (lines: ReadonlyArray<string>) => [
          ...lines.slice(0, namesMax).map((line) => paint("red", line)),
          ...(lines.length > namesMax ? [`… and ${lines.length - namesMax} more; --json names all`] : [])
        ]
        const missing = balance.connections.flatMap(({ connectionId, missing, lostRetries }) => {
          const lost = new Set(lostRetries)
          const why = (id: string) => (lost.has(id) ? "; its delayed retry is gone: replay the delivery" : "")
          return named(missing.map((id) => `${connectionId}: ${id} has no outcome${why(id)}`))
        })
        const raw = named(balance.missingRaw.map((position) => `raw-events ${position} was passed without a trace`))
        const unread = balance.connections.flatMap(({ connectionId, state, unread }) =>
          unread.length === 0
            ? []
            : [
                paint(
                  state === "removed" ? "red" : "yellow",
                  `${connectionId} is ${state}: ${count(unread.length, "event")} wait${unread.length === 1 ? "s" : ""} for it, such as ${unread.slice(0, 3).join(", ")}. ${remedy[state]} ./capi give-up ${connectionId} makes dead letters of them.`
                )
              ]
        )
        return [balanceTable(balance, paint), ...unread, ...missing, ...raw].join("\n")
      })
      if (!balance.balanced)
        return yield* new CommandError({
          code: "not_balanced",
          message: "The ledger does not balance.",
          nextStep: "The events are named above (all of them with --json)."
        })
    })
  )
).pipe(
  Command.withDescription(
    "Prove that every event is delivered, accepted, skipped, rejected, expired, dead-lettered or in flight"
  )
)
