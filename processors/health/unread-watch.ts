/** Looks for events that wait for connections which nobody delivers for, so that their health says it. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { LedgerConnection } from "../../shared/ledger/read-ledger.ts"
import { type UnreadEvents, unreadEvents } from "../../shared/ledger/unread-events.ts"
import type { Unread } from "./health.ts"

export interface UnreadWatchOptions {
  /** All of the file, which is read at the start: who removes one restarts the programs. */
  readonly connections: ReadonlyArray<LedgerConnection>
  /** Before every topic's and group's name. */
  readonly prefix: string
  readonly isActive: () => boolean
}

/** What was found last, and the watch, which runs for ever in the active member; one that fails is tried again. */
export const watchUnread = (options: UnreadWatchOptions) =>
  Effect.sync(() => {
    let latest: ReadonlyMap<string, UnreadEvents> = new Map()
    const found: Unread = () => latest
    const look = Effect.gen(function* () {
      if (!options.isActive()) return yield* Effect.sleep(untilActive)
      const unread = yield* unreadEvents(options.connections, options.prefix)
      latest = new Map(unread.map((one) => [one.connectionId, one]))
      yield* Effect.sleep(every)
    }).pipe(
      Effect.catch((error) =>
        Effect.andThen(
          Effect.logWarning("Whether events wait for connections that are gone could not be found out.").pipe(
            Effect.annotateLogs({ reason: error.message })
          ),
          Effect.sleep(every)
        )
      )
    )
    return { found, watch: Effect.forever(look) }
  })

/** What waits only gets less without a restart: by retention, or given up. */
const every = Duration.minutes(10)
const untilActive = Duration.seconds(10)
