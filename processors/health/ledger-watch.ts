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
import { Codecs } from "../../shared/codec/codecs.ts"
import type { EventLog } from "../../shared/config/settings.ts"
import { KafkaClient } from "../../shared/kafka/client.ts"
import type { Missing } from "../../shared/ledger/ledger.ts"
import { followLedger, type LedgerConnection, type LedgerRound } from "../../shared/ledger/read-ledger.ts"
import { topicNames } from "../../shared/model/topics.ts"

interface LedgerWatchOptions {
  readonly connections: ReadonlyArray<LedgerConnection>
  /** Before every topic's and group's name. */
  readonly prefix: string
  /** What the normalizer reads; raw events where it is absent. */
  readonly eventLog?: EventLog
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
    const round = yield* followLedger(since, options.connections, options.prefix, options.eventLog)
    let alerted: Alerted = { missing: new Map(), unchecked: 0 }
    while (options.isActive()) {
      alerted = yield* report(options, yield* round, alerted)
      yield* Effect.sleep(options.every)
    }
  }).pipe(
    Effect.catch((error) =>
      Effect.logWarning("The ledger could not be checked; it starts again.").pipe(
        Effect.annotateLogs({ reason: error.message })
      )
    )
  )

/** What the alerts so far were about. */
interface Alerted {
  readonly missing: ReadonlyMap<string, ReadonlySet<string>>
  /** Events that the ledger gave up: it no longer names them, though they have no trace. */
  readonly unchecked: number
}

/**
 * Metrics of each round; an alert each time that a connection, or the way before all of them, has lost events that no alert was
 * about, and one when all of them have turned up.
 */
const report = Effect.fnUntraced(function* (
  { connections, prefix }: LedgerWatchOptions,
  { missing, inFlight, settled, unchecked }: LedgerRound,
  alerted: Alerted
) {
  yield* Metric.update(missingEvents, missing.length)
  yield* Metric.update(openEvents, inFlight)
  yield* Metric.update(settledEvents, settled)
  yield* Metric.update(uncheckedEvents, unchecked)
  const codecs = yield* Codecs
  const kafka = yield* KafkaClient
  const now = yield* Clock.currentTimeMillis
  const lostBy = byConnection(missing)
  const publish = (
    connectionId: string,
    alert: Omit<HealthAlert, "connection_id" | "platform" | "timestamp" | "cause" | "threshold_percent">
  ) =>
    kafka.produce([
      {
        topic: `${prefix}${topicNames.alerts}`,
        key: connectionId,
        value: codecs.encode(topicNames.alerts, "health-alert", {
          ...alert,
          connection_id: connectionId,
          platform: connections.find(({ id }) => id === connectionId)?.platform ?? "",
          timestamp: now,
          cause: "ledger",
          threshold_percent: null
        })
      }
    ])
  for (const [connectionId, lost] of lostBy) {
    const before = alerted.missing.get(connectionId)
    const fresh = lost.filter((one) => before?.has(nameOf(one)) !== true)
    if (fresh.length === 0) continue
    yield* Effect.logError("The ledger does not balance: events left no trace.").pipe(
      Effect.annotateLogs({ connection: connectionId, missing: lost.length, examples: fresh.slice(0, 5).map(nameOf) })
    )
    yield* publish(connectionId, lossAlert(connectionId, lost.length, fresh, before !== undefined))
  }
  for (const connectionId of alerted.missing.keys()) {
    if (!lostBy.has(connectionId) && unchecked === alerted.unchecked) {
      yield* publish(connectionId, foundAlert(connectionId))
    }
  }
  const names = [...lostBy].map(([connectionId, lost]) => [connectionId, new Set(lost.map(nameOf))] as const)
  return { missing: new Map(names), unchecked } satisfies Alerted
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

const lossAlert = (connectionId: string, lost: number, fresh: ReadonlyArray<Missing>, isKnown: boolean) => ({
  previous_status: isKnown ? "unhealthy" : "unknown",
  status: "unhealthy",
  message: `The ledger of ${connectionId} does not balance: ${lost} events left no trace${isKnown ? `, ${fresh.length} more than before` : ""}. \`./capi ledger\` names them.`,
  issues: fresh.slice(0, 5).map(nameOf)
})

const foundAlert = (connectionId: string) => ({
  previous_status: "unhealthy",
  status: "healthy",
  message: `The ledger of ${connectionId} balances again: the events that were missing have a trace.`,
  issues: []
})

const nameOf = ({ source, eventId, lostRetry }: Missing): string =>
  `raw-events ${source.partition}:${source.offset}${eventId === null ? "" : ` (${eventId})`}${lostRetry ? ", its delayed retry is gone" : ""}`

const gauge = (name: string, description: string) => Metric.gauge(name, { description })
const missingEvents = gauge("capi_ledger_missing_events", "Events that a stage has passed without a trace.")
const openEvents = gauge("capi_ledger_open_events", "Events that some connection has no outcome of yet.")
const settledEvents = gauge("capi_ledger_settled_events", "Events accounted for since this member became active.")
const uncheckedEvents = gauge("capi_ledger_unchecked_events", "Events not checked, since too many were in flight.")
