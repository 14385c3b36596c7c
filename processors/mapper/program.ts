/** The mapper as a program, alone or beside others in one process, and its settings. */
import * as Config from "effect/Config"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import topicTable from "../../schemas/topics.json" with { type: "json" }
import { decodeSettings, SettingsError, SettingsService } from "../../shared/config/settings.ts"
import type { Connection } from "../../shared/connections/connection.ts"
import { Connections } from "../../shared/connections/connections.ts"
import { connectorFor } from "../../shared/connectors/registry.ts"
import { Sealer, sealerLayer } from "../../shared/credentials/sealer.ts"
import type { DeduplicatorOptions } from "../../shared/dedup/deduplicator.ts"
import { describeUnread, unreadEvents } from "../../shared/ledger/unread-events.ts"
import { type Program, processorsProgram } from "../../shared/runtime/program.ts"
import { followSuppressions } from "../../shared/suppression/follow-suppressions.ts"
import { duplicateDefaults, duplicatesTopic } from "./dedup/duplicate-filter.ts"
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

/** The mapper reads on, as no event may wait for a connection that no one has made: so it is said where that may be a mistake. */
export const warnOfNoConnection = (enabled: ReadonlyArray<Connection>): Effect.Effect<void> =>
  enabled.length > 0
    ? Effect.void
    : Effect.logWarning(
        "No connection is enabled: events are read and go to no platform. Those of this time are sent by a replay alone: ./capi replay --stage mapper --from <time>."
      )

export const mapperProgram: Program = processorsProgram(
  "mapper",
  Effect.gen(function* () {
    const { all, enabled } = yield* Connections
    yield* warnOfNoConnection(enabled)
    yield* Effect.forkScoped(warnOfUnread(all))
    const targets = enabled.map((connection) => ({ connection, connector: connectorFor(connection.kind) }))
    return [mapper(targets, yield* Sealer, yield* duplicateOptions, yield* followSuppressions())]
  }).pipe(Effect.provide(sealerLayer))
)

const settings = Config.all({
  window: Config.Duration("DEDUP_WINDOW").pipe(Config.withDefault(duplicateDefaults.window)),
  idsMax: Config.Int("DEDUP_IDS_MAX").pipe(Config.withDefault(duplicateDefaults.idsMax))
})

/** How this deployment recognizes duplicates; fails with the setting that is wrong. */
const duplicateOptions: Effect.Effect<DeduplicatorOptions, SettingsError> = decodeSettings(settings).pipe(
  Effect.filterOrFail(
    ({ window }) => Duration.toMillis(window) > 0 && Duration.toMillis(window) <= retentionMillis,
    () =>
      wrong(
        "DEDUP_WINDOW is not between zero and the retention of the topic that the ids are restored from.",
        `Give at most ${Duration.toHours(Duration.millis(retentionMillis))} hours.`
      )
  ),
  Effect.filterOrFail(
    ({ idsMax }) => idsMax > 0,
    () => wrong("DEDUP_IDS_MAX is not above zero.", "Give the ids that each partition may remember.")
  )
)

// What the changelog has lost can't be restored: a longer window would be a promise that a restart breaks.
const retentionMillis = topicTable.topics.find(({ name }) => name === duplicatesTopic)?.retention_ms ?? 0

const wrong = (message: string, nextStep: string): SettingsError =>
  new SettingsError({ code: "invalid", message, nextStep, cause: null })
