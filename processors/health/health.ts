/**
 * The health processor: delivery-results and connector-state in; connector-health and health-alerts out.
 * One member owns all partitions, since a connection's results lie on all of them. Steps only count; everything is
 * written by the tick of connector-state's one partition, so that a tick that fails is undone by that partition's restore.
 */

import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { ConnectorState, EventDeliveryLog, HealthAlert } from "../../schemas/types.gen.ts"
import { Codecs, type Records, type RegistryError, type SchemaName } from "../../shared/codec/codecs.ts"
import type { UnreadEvents } from "../../shared/ledger/unread-events.ts"
import { topicNames } from "../../shared/model/topics.ts"
import type {
  AssignedPartition,
  Inbound,
  Outbound,
  PartitionTask,
  Processor,
  Step
} from "../../shared/runtime/contract.ts"
import { type Assessment, alertFailuresMin, assess, rank } from "./assess.ts"
import { add, noTotals, OutcomeWindow, type Totals, windowMillis } from "./window.ts"

/** How often changes are looked for, and how often an unchanged status is written again. */
export const checkEvery = Duration.seconds(1)
export const republishMillis = 30_000

/** What waits for connections without a delivery, by their ids; read again at each tick. */
export type Unread = () => ReadonlyMap<string, UnreadEvents>

const noneUnread: Unread = () => new Map()

export const health = (unread: Unread = noneUnread): Processor<RegistryError, Codecs> => {
  const aggregate: Aggregate = { windows: new Map(), states: new Map(), published: new Map(), unread }
  return {
    name: "health",
    topics: [topicNames.results, topicNames.state],
    batch: { recordsMax: 5_000, bytesMax: 4_000_000, linger: Duration.millis(50) },
    concurrency: 1,
    stepDeadline: Duration.minutes(2),
    assignment: "active-standby",
    open: (assigned) =>
      Effect.map(Effect.service(Codecs), (codecs) =>
        assigned.topic === topicNames.state ? stateTask(aggregate, codecs) : resultsTask(aggregate, codecs, assigned)
      )
  }
}

interface Published {
  readonly status: string
  /** What health-alerts says. */
  readonly alerted: string
  /** Since when an alert is held back; null where none is. */
  readonly heldBackSince: number | null
  readonly at: number
}

interface Aggregate {
  /** By partition of delivery-results, then by connection: a partition that is opened again starts from zero. */
  readonly windows: Map<number, PartitionWindows>
  readonly states: Map<string, ConnectorState>
  /** What connector-health says now, by connection. */
  readonly published: Map<string, Published>
  readonly unread: Unread
}

interface PartitionWindows {
  readonly connections: Map<string, ConnectionWindow>
  /** Ticks since the last hour was restored; 0 while it is being restored. */
  ticks: number
}

interface ConnectionWindow {
  readonly platform: string
  readonly window: OutcomeWindow
}

const resultsTask = (
  aggregate: Aggregate,
  codecs: Codecs["Service"],
  assigned: AssignedPartition
): PartitionTask<RegistryError, Codecs> => {
  const windows: PartitionWindows = { connections: new Map(), ticks: 0 }
  aggregate.windows.set(assigned.partition, windows)
  const count = (log: EventDeliveryLog): void => {
    let entry = windows.connections.get(log.connection_id)
    if (entry === undefined) {
      entry = { platform: log.platform, window: new OutcomeWindow() }
      windows.connections.set(log.connection_id, entry)
    }
    entry.window.add(log)
  }
  const apply = reader(codecs, "event-delivery-log", count)
  return {
    restore: [{ topic: topicNames.results, since: Duration.millis(windowMillis), until: "committed", apply }],
    step: (batch) => Effect.as(apply(batch.records), noOutputs),
    tick: {
      every: checkEvery,
      step: Effect.sync(() => {
        windows.ticks++
        return noOutputs
      })
    }
  }
}

const stateTask = (aggregate: Aggregate, codecs: Codecs["Service"]): PartitionTask<RegistryError, Codecs> => {
  aggregate.states.clear()
  aggregate.published.clear()
  const apply = reader(codecs, "connector-state", (state) => aggregate.states.set(state.connection_id, state))
  const applyPublished = reader(codecs, "connector-health-status", (status) =>
    aggregate.published.set(status.connection_id, {
      status: status.status,
      alerted: status.alerted_status ?? status.status,
      heldBackSince: null,
      at: status.last_check
    })
  )
  return {
    restore: [
      { topic: topicNames.state, since: "beginning", until: "committed", apply },
      { topic: topicNames.health, since: "beginning", until: "end", apply: applyPublished }
    ],
    step: (batch) => Effect.as(apply(batch.records), noOutputs),
    tick: {
      every: checkEvery,
      step: Effect.map(Clock.currentTimeMillis, (now) => ({ outputs: publish(aggregate, codecs, now) }))
    }
  }
}

/** What is to be written now: statuses that changed or are due again, and an alert for each change. */
const publish = (aggregate: Aggregate, codecs: Codecs["Service"], now: number): ReadonlyArray<Outbound> => {
  if (!isWhole(aggregate)) return []
  const outputs: Array<Outbound> = []
  for (const assessment of assessAll(aggregate, now)) {
    const { health: status } = assessment
    const before = aggregate.published.get(status.connection_id)
    const said = before?.alerted ?? "unknown"
    const heldBackSince = isDoubtful(assessment, said) ? (before?.heldBackSince ?? now) : null
    const isHeldBack = heldBackSince !== null && now - heldBackSince < windowMillis
    const alerted = isHeldBack ? said : status.status
    const isDue = before === undefined || now - before.at >= republishMillis
    if (before?.status === status.status && alerted === said && !isDue) {
      aggregate.published.set(status.connection_id, { ...before, heldBackSince })
      continue
    }
    aggregate.published.set(status.connection_id, { status: status.status, alerted, heldBackSince, at: now })
    outputs.push({
      topic: topicNames.health,
      key: status.connection_id,
      value: codecs.encode(topicNames.health, "connector-health-status", { ...status, alerted_status: alerted })
    })
    // A connection that is healthy when first seen is no news.
    if (alerted === said || (said === "unknown" && alerted === "healthy")) continue
    outputs.push({
      topic: topicNames.alerts,
      key: status.connection_id,
      value: codecs.encode(topicNames.alerts, "health-alert", alertOf(assessment, said))
    })
  }
  return outputs
}

// An hour that is only half restored would look better or worse than it was, and raise a false alarm.
const isWhole = (aggregate: Aggregate): boolean => {
  let whole = aggregate.windows.size > 0
  for (const windows of aggregate.windows.values()) whole &&= windows.ticks > 1
  return whole
}

const assessAll = (aggregate: Aggregate, now: number): ReadonlyArray<Assessment> => {
  const totals = new Map<string, { platform: string; totals: Totals }>()
  for (const [connectionId, state] of aggregate.states)
    totals.set(connectionId, { platform: state.platform, totals: noTotals })
  const unread = aggregate.unread()
  for (const [connectionId, { platform }] of unread)
    if (!totals.has(connectionId)) totals.set(connectionId, { platform, totals: noTotals })
  for (const windows of aggregate.windows.values()) {
    for (const [connectionId, entry] of windows.connections) {
      const sum = totals.get(connectionId)?.totals ?? noTotals
      totals.set(connectionId, { platform: entry.platform, totals: add(sum, entry.window.totals(now)) })
    }
  }
  return [...totals].map(([connectionId, entry]) =>
    assess({ connectionId, ...entry, state: aggregate.states.get(connectionId), unread: unread.get(connectionId) }, now)
  )
}

/** Whether the connection got worse by so few failures that it may be chance. */
const isDoubtful = ({ health: status, decisive }: Assessment, said: string): boolean =>
  decisive?.cause === "success_rate" && status.error_count_1h < alertFailuresMin && rank[decisive.status] > rankOf(said)

const rankOf = (status: string): number =>
  status === "unhealthy" ? rank.unhealthy : status === "degraded" ? rank.degraded : 0

const alertOf = ({ health: status, decisive }: Assessment, previous: string): HealthAlert => ({
  connection_id: status.connection_id,
  platform: status.platform,
  previous_status: previous,
  status: status.status,
  timestamp: status.last_check,
  cause: decisive?.cause ?? "recovered",
  message: `${status.connection_id} is ${status.status}${decisive === null ? " again" : `: ${decisive.issue}`}`,
  issues: status.issues
})

// Only our own processors write these topics; what can't be read there says nothing about a connection's health.
const reader = <S extends SchemaName>(codecs: Codecs["Service"], schema: S, use: (record: Records[S]) => void) =>
  Effect.fnUntraced(function* (records: ReadonlyArray<Inbound>) {
    yield* codecs.loadSchemas(records.map((record) => record.value))
    for (const record of records) {
      const decoded = codecs.decode(schema, record.value)
      if (decoded._tag === "Decoded") use(decoded.value)
    }
  })

const noOutputs: Step = { outputs: [] }
