/** The health processor as a program, and beside it the watches of the ledger, of what waits, and of unread events. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import type { ConnectorState } from "../../schemas/types.gen.ts"
import { decodeSettings, SettingsService } from "../../shared/config/settings.ts"
import { Connections } from "../../shared/connections/connections.ts"
import type { LedgerConnection } from "../../shared/ledger/read-ledger.ts"
import { type UnreadEvents, unreadEvents } from "../../shared/ledger/unread-events.ts"
import { type Observe, observeAll, RuntimeObserver } from "../../shared/runtime/metrics.ts"
import { type Program, processorsProgram } from "../../shared/runtime/program.ts"
import type { HealthOptions } from "./aggregate.ts"
import { isHeld } from "./assess.ts"
import { watchBacklog } from "./backlog-watch.ts"
import { health } from "./health.ts"
import { ledgerEvery, watchLedger } from "./ledger-watch.ts"

export const healthProgram: Program = {
  name: "health",
  work: Effect.gen(function* () {
    const { all, enabled } = yield* Connections
    const { topicPrefix, eventLog } = yield* SettingsService
    const every = yield* decodeSettings(ledgerEvery)
    let owned = 0
    const countOwned: Observe = (event) => {
      if (event.type === "assigned") owned = event.partitions.length
      if (event.type === "left") owned = 0
    }
    const observe = observeAll(yield* RuntimeObserver, countOwned)
    const isActive = () => owned > 0
    const ledger = watchLedger({ connections: enabled, prefix: topicPrefix, eventLog, every, isActive })
    const states = new Map<string, ConnectorState>()
    const due = Latch.makeUnsafe(true)
    const onChange = () => due.openUnsafe()
    const unread = yield* watchUnread({ connections: all, prefix: topicPrefix, isActive, onChange })
    const backlog = yield* watchBacklog({
      connections: enabled,
      prefix: topicPrefix,
      isHeld: (id) => isHeld(states.get(id)),
      isActive,
      onChange
    })
    const connections = new Map(all.map((connection) => [connection.id, connection]))
    const enabledIds = new Set(enabled.map(({ id }) => id))
    const isEnabled = (id: string) => enabledIds.has(id)
    const isRemoved = (id: string) => !connections.has(id)
    const options = { unread: unread.found, backlogs: backlog.found, connections, isEnabled, isRemoved, states, due }
    const processor = processorsProgram(
      "health",
      Effect.sync(() => [health(options)])
    )
    const watched = Effect.provideService(processor.work, RuntimeObserver, observe)
    yield* Effect.all([watched, ledger, unread.watch, backlog.watch], { concurrency: "unbounded", discard: true })
  })
}

interface UnreadWatchOptions {
  /** All of the file, which is read at the start: who removes one restarts the programs. */
  readonly connections: ReadonlyArray<LedgerConnection>
  /** Before every topic's and group's name. */
  readonly prefix: string
  readonly isActive: () => boolean
  /** It was looked for the first time. */
  readonly onChange: () => void
}

/** What was found last, and the watch, which runs for ever in the active member; one that fails is tried again. */
const watchUnread = (options: UnreadWatchOptions) =>
  Effect.sync(() => {
    let latest: ReadonlyMap<string, UnreadEvents> | null = null
    const found: HealthOptions["unread"] = () => latest
    const look = Effect.gen(function* () {
      if (!options.isActive()) {
        latest = null
        return yield* Effect.sleep(untilActive)
      }
      const unread = yield* unreadEvents(options.connections, options.prefix)
      const isFirst = latest === null
      latest = new Map(unread.map((one) => [one.connectionId, one]))
      if (isFirst) options.onChange()
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
