/** What health holds of all connections, and what it finds of them. */
import type * as Latch from "effect/Latch"
import type { ConnectorState } from "../../schemas/types.gen.ts"
import type { Connection } from "../../shared/connections/connection.ts"
import type { UnreadEvents } from "../../shared/ledger/unread-events.ts"
import { type Alerted, neverAlerted } from "./alerts.ts"
import { type Assessment, assess, type Cause } from "./assess.ts"
import type { Backlog } from "./backlog.ts"
import type { History, MinuteCounts } from "./history.ts"
import type { Published } from "./published.ts"
import { add, latest, noTotals, type OutcomeWindow, type Totals } from "./window.ts"

export interface HealthOptions {
  /** What waits for connections without a delivery, by their ids; null before it was looked. Read again at each tick. */
  readonly unread: () => ReadonlyMap<string, UnreadEvents> | null
  /** What waits for those with a delivery; null before it was looked. A connection that is not in it is not known. */
  readonly backlogs: () => ReadonlyMap<string, Backlog> | null
  /** The connections of the file by their ids. */
  readonly connections: ReadonlyMap<string, Pick<Connection, "platform" | "credential" | "testEventCode">>
  /** Whether a connection is delivered to: else its last state, and how it is set up, say nothing of it any more. */
  readonly isEnabled: (connectionId: string) => boolean
  /** Whether it is no longer in the file: then it is forgotten once nothing waits for it and its last hour is over. */
  readonly isRemoved: (connectionId: string) => boolean
  /** Holds the connections' last states, for others to read. */
  readonly states: Map<string, ConnectorState>
  /** Open where there is something to check. */
  readonly due: Latch.Latch
}

export interface Aggregate extends HealthOptions {
  /** By partition of delivery-results, then by connection: a partition that is opened again starts from zero. */
  readonly windows: Map<number, PartitionWindows>
  /** What connector-health says now, by connection. */
  readonly published: Map<string, Published>
  readonly history: History
}

export interface PartitionWindows {
  readonly connections: Map<string, ConnectionWindow>
  /** Results from this time on are counted, in milliseconds since the epoch. */
  since: number
  /** Ticks since the last hour was restored; 0 while it is being restored. */
  ticks: number
}

interface ConnectionWindow {
  readonly platform: string
  readonly window: OutcomeWindow
  readonly minutes: MinuteCounts
}

interface Hour {
  readonly platform: string
  totals: Totals
  lastSuccessAt: number | null
  lastDeliveryAt: number | null
}

/** What is found of every connection that something is known of; `now` in milliseconds since the epoch. */
export const assessAll = (aggregate: Aggregate, now: number): ReadonlyArray<Assessment> => {
  const { states, connections, isEnabled, isRemoved, published } = aggregate
  const unread = aggregate.unread()
  const backlogs = aggregate.backlogs()
  const hours = new Map<string, Hour>()
  const hourOf = (connectionId: string, platform: string): Hour => {
    const known = hours.get(connectionId) ?? { platform, totals: noTotals, lastSuccessAt: null, lastDeliveryAt: null }
    hours.set(connectionId, known)
    return known
  }
  for (const [connectionId, { platform }] of states) if (!isRemoved(connectionId)) hourOf(connectionId, platform)
  for (const [connectionId, { platform }] of unread ?? []) hourOf(connectionId, platform)
  // An alert is ended before its connection is forgotten.
  for (const [connectionId, { platform, alerted }] of published)
    if (isRemoved(connectionId) && isRaised(alerted)) hourOf(connectionId, platform)
  for (const connectionId of backlogs?.keys() ?? []) hourOf(connectionId, connections.get(connectionId)?.platform ?? "")
  for (const windows of aggregate.windows.values()) {
    for (const [connectionId, { platform, window }] of windows.connections) {
      const totals = window.totals(now)
      if (totals === noTotals && isRemoved(connectionId)) continue
      const hour = hourOf(connectionId, platform)
      hour.totals = add(hour.totals, totals)
      hour.lastSuccessAt = latest(hour.lastSuccessAt, window.lastSuccessAt)
      hour.lastDeliveryAt = latest(hour.lastDeliveryAt, window.lastDeliveryAt)
    }
  }
  // What was wrong before a restart is over when it is seen to be, not before anyone has looked.
  const isKnown = (connectionId: string): boolean =>
    (unread !== null || isEnabled(connectionId)) &&
    (backlogs !== null || !causesOfBacklogs.has(published.get(connectionId)?.condition?.cause ?? ""))
  const known = [...hours].filter(([connectionId]) => isKnown(connectionId))
  return known.map(([connectionId, hour]) =>
    assess(
      {
        connectionId,
        ...hour,
        credential: connections.get(connectionId)?.credential ?? null,
        isTest: isEnabled(connectionId) && (connections.get(connectionId)?.testEventCode ?? null) !== null,
        lastSuccessAt: latest(hour.lastSuccessAt, published.get(connectionId)?.lastSuccessAt ?? null),
        state: isEnabled(connectionId) ? states.get(connectionId) : undefined,
        unread: unread?.get(connectionId),
        backlog: backlogs?.get(connectionId) ?? null,
        before: published.get(connectionId)?.condition ?? null
      },
      now
    )
  )
}

const isRaised = ({ status, agePercent }: Alerted): boolean =>
  agePercent > 0 || !(status === "healthy" || status === neverAlerted.status)

const causesOfBacklogs: ReadonlySet<string> = new Set<Cause>(["stalled", "age_limit"])

/** Removed connections that nothing is said of any more. Before it was looked whether something waits for them, none is known to be. */
export const toForget = ({ published, unread, isRemoved }: Aggregate, assessments: ReadonlyArray<Assessment>) => {
  if (unread() === null) return []
  const assessed = new Set(assessments.map(({ health }) => health.connection_id))
  return [...published.keys()].filter((id) => isRemoved(id) && !assessed.has(id))
}
