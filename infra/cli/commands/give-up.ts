/** `./capi give-up`: makes dead letters of what waits for a connection that is disabled or gone. */

import * as Effect from "effect/Effect"
import { SettingsService } from "../../../shared/config/settings.ts"
import { Connections } from "../../../shared/connections/connections.ts"
import { connectionsLayer } from "../../../shared/connectors/load-connections.ts"
import { describeUnread, unreadEvents } from "../../../shared/ledger/unread-events.ts"
import { Argument, Command, CommandError, Flag } from "../cli.ts"
import { giveUpEvents } from "../give-up.ts"
import { confirm, count, show } from "../output.ts"
import { withKafkaAndCodecs } from "../services.ts"

const connection = Argument.String("connection").pipe(
  Argument.withDescription("Id of a connection that is disabled, no longer in the file, or of another platform now")
)
const dryRun = Flag.Boolean("dry-run").pipe(
  Flag.withDescription("Say how many events it is, change nothing"),
  Flag.withDefault(false)
)
const yes = Flag.Boolean("yes").pipe(Flag.withAlias("y"), Flag.withDescription("Do not ask"), Flag.withDefault(false))

export const giveUp = Command.make("give-up", { connection, dryRun, yes }, ({ connection, dryRun, yes }) =>
  withKafkaAndCodecs(
    Effect.gen(function* () {
      const { topicPrefix } = yield* SettingsService
      const { all, get } = yield* Connections.pipe(Effect.provide(connectionsLayer))
      // What waits for the platform that an enabled connection had before can be given up too.
      const found = (yield* unreadEvents(all, topicPrefix)).filter(({ connectionId }) => connectionId === connection)
      if (found.length === 0)
        return yield* get(connection)?.enabled === true ? stillEnabled(connection) : nothingWaits(connection)
      const events = found.reduce((sum, one) => sum + one.events, 0)
      if (dryRun) {
        yield* show({ connection_id: connection, events, given_up: 0 }, () => found.map(describeUnread).join("\n"))
        return
      }
      if (!yes)
        yield* confirm(`Make dead letters of ${count(events, "event")} of ${connection}?`, "Nothing was changed.")
      let givenUp = 0
      for (const { platform } of found) givenUp += yield* giveUpEvents(connection, platform)
      yield* show(
        { connection_id: connection, events, given_up: givenUp },
        () => `${count(givenUp, "event")} of ${connection} became dead letters.`
      )
    })
  )
).pipe(
  Command.withDescription(
    "Make dead letters of the events that wait for a connection which is disabled or gone, so that none vanishes by retention"
  ),
  Command.withExamples([
    { command: "./capi give-up old-shop --dry-run", description: "How many events would that be" },
    { command: "./capi give-up old-shop --yes", description: "Give them up" }
  ])
)

const stillEnabled = (connection: string) =>
  new CommandError({
    code: "connection_enabled",
    message: `${connection} is an enabled connection: its delivery sends what waits.`,
    nextStep: "Disable it or take it out of the file, restart the programs, then give up what waits.",
    exitCode: 2
  })

const nothingWaits = (connection: string) =>
  new CommandError({
    code: "nothing_waits",
    message: `No event waits for a disabled or removed connection ${JSON.stringify(connection)}.`,
    nextStep: "./capi topics names the connections that events wait for."
  })
