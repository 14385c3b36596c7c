/**
 * The continuous ledger: every minute it accounts for the events since it last looked, and raises an alert for each
 * connection that lost some. It works in the health program's active member only; a standby waits.
 */
import * as Clock from "effect/Clock"
import * as Config from "effect/Config"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Metric from "effect/Metric"
import type { HealthAlert } from "../../schemas/types.gen.ts"
import { Codecs } from "../../shared/avro/codecs.ts"
import { KafkaClient } from "../../shared/kafka/port.ts"
import { followLedger, type LedgerRound } from "../../shared/ledger/follow-ledger.ts"
import type { LedgerConnection } from "../../shared/ledger/read-ledger.ts"
import type { Missing } from "../../shared/ledger/running-ledger.ts"

export interface LedgerWatchOptions {
  readonly connections: ReadonlyArray<LedgerConnection>
  /** Before every topic's and group's name. */
  readonly prefix: string
  /** Zero switches the watch off. */
  readonly every: Duration.Duration
  readonly isActive: () => boolean
}

export const ledgerEvery = Config.Duration("LEDGER_EVERY").pipe(Config.withDefault(Duration.minutes(1)))

/** A member that becomes active looks back so far; events from before are the earlier member's. */
const lookBack = Duration.minutes(15)

/** Runs for ever. A round that fails is logged, and the next one reads what it left. */
export const watchLedger = (options: LedgerWatchOptions): Effect.Effect<void, never, KafkaClient | Codecs> =>
  Duration.toMillis(options.every) === 0 ? Effect.void : Effect.forever(watchWhileActive(options))

const watchWhileActive = (options: LedgerWatchOptions) =>
  Effect.gen(function* () {
    yield* Effect.sleep(options.every)
    if (!options.isActive()) return
    const since = (yield* Clock.currentTimeMillis) - Duration.toMillis(lookBack)
    const round = yield* followLedger(since, options.connections, options.prefix)
    const alarmed = new Set<string>()
    while (options.isActive()) {
      yield* tell(options, yield* round, alarmed)
      yield* Effect.sleep(options.every)
    }
  }).pipe(
    Effect.catch((error) =>
      Effect.logWarning("The ledger could not be checked; it is begun anew.").pipe(
        Effect.annotateLogs({ reason: error.message })
      )
    )
  )

/** Metrics of each round; an alert when a connection, or the way before all of them, loses events for the first time. */
const tell = Effect.fnUntraced(function* (
  { connections, prefix }: LedgerWatchOptions,
  { missing, inFlight, settled, unchecked }: LedgerRound,
  alarmed: Set<string>
) {
  yield* Metric.update(missingEvents, missing.length)
  yield* Metric.update(openEvents, inFlight)
  yield* Metric.update(settledEvents, settled)
  yield* Metric.update(uncheckedEvents, unchecked)
  const codecs = yield* Codecs
  const kafka = yield* KafkaClient
  const now = yield* Clock.currentTimeMillis
  for (const [connectionId, lost] of byConnection(missing)) {
    if (alarmed.has(connectionId)) continue
    alarmed.add(connectionId)
    const platform = connections.find(({ id }) => id === connectionId)?.platform ?? ""
    yield* Effect.logError("The ledger does not balance: events left no trace.").pipe(
      Effect.annotateLogs({ connection: connectionId, missing: lost.length, examples: lost.slice(0, 5).map(nameOf) })
    )
    const value = codecs.encode("health-alerts", "health-alert", alertOf(connectionId, platform, lost, now))
    yield* kafka.produce([{ topic: `${prefix}health-alerts`, key: connectionId, value }])
  }
})

/** Lost before any connection: the alert's connection is `all`. */
const byConnection = (missing: ReadonlyArray<Missing>) => {
  const found = new Map<string, Array<Missing>>()
  for (const one of missing) {
    const connectionId = one.connectionId ?? "all"
    found.set(connectionId, [...(found.get(connectionId) ?? []), one])
  }
  return found
}

const alertOf = (connectionId: string, platform: string, lost: ReadonlyArray<Missing>, now: number): HealthAlert => ({
  connection_id: connectionId,
  platform,
  previous_status: "unknown",
  status: "unhealthy",
  timestamp: now,
  cause: "ledger",
  message: `The ledger of ${connectionId} does not balance: ${lost.length} events left no trace. \`./capi ledger\` names them.`,
  issues: lost.slice(0, 5).map(nameOf)
})

const nameOf = ({ source, eventId }: Missing): string =>
  `raw-events ${source.partition}:${source.offset}${eventId === null ? "" : ` (${eventId})`}`

const gauge = (name: string, description: string) => Metric.gauge(name, { description })
const missingEvents = gauge("capi_ledger_missing_events", "Events that a stage has passed without a trace.")
const openEvents = gauge("capi_ledger_open_events", "Events that some connection has no outcome of yet.")
const settledEvents = gauge("capi_ledger_settled_events", "Events accounted for since this member became active.")
const uncheckedEvents = gauge("capi_ledger_unchecked_events", "Events not checked, since too many were in flight.")
