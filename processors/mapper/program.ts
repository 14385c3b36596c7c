/** The mapper as a program, alone or beside others in one process. */
import * as Effect from "effect/Effect"
import { SettingsService } from "../../shared/config/settings.ts"
import type { Connection } from "../../shared/connections/connection.ts"
import { Connections } from "../../shared/connections/connections.ts"
import { connectorFor } from "../../shared/connectors/registry.ts"
import { describeUnread, unreadEvents } from "../../shared/ledger/unread-events.ts"
import { type Program, processorsProgram } from "../../shared/runtime/program.ts"
import { duplicateOptions } from "./config.ts"
import { mapper } from "./mapper.ts"

/** Names what waits for a connection that is gone: whoever removed it restarts the mapper. It holds up nothing. */
const warnOfUnread = Effect.fnUntraced(
  function* (connections: ReadonlyArray<Connection>) {
    const { topicPrefix } = yield* SettingsService
    for (const unread of yield* unreadEvents(connections, topicPrefix)) yield* Effect.logWarning(describeUnread(unread))
  },
  Effect.catch((error) =>
    Effect.logWarning("Whether events wait for connections that are gone could not be found out.").pipe(
      Effect.annotateLogs({ reason: error.message })
    )
  )
)

export const mapperProgram: Program = processorsProgram(
  "mapper",
  Effect.gen(function* () {
    const { all, enabled } = yield* Connections
    yield* Effect.forkScoped(warnOfUnread(all))
    const targets = enabled.map((connection) => ({ connection, connector: connectorFor(connection.kind) }))
    return [mapper(targets, yield* duplicateOptions)]
  })
)
