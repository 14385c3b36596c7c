/**
 * The health processor: delivery-results and connector-state in; connector-health, its history and health-alerts out.
 * One member owns all partitions, since a connection's results lie on all of them. Steps only count; everything is
 * written by the tick of connector-state's one partition, so that a tick that fails is undone by that partition's restore.
 */

import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import type * as Scope from "effect/Scope"
import type { ConnectorHealthStatus, EventDeliveryLog } from "../../schemas/types.gen.ts"
import { Codecs, type Records, type RegistryError, type SchemaName } from "../../shared/codec/codecs.ts"
import { isRepeatOfSending } from "../../shared/model/delivery-result.ts"
import { monotonicMillis } from "../../shared/model/monotonic.ts"
import { topicNames } from "../../shared/model/topics.ts"
import type {
  AssignedPartition,
  Inbound,
  Outbound,
  PartitionTask,
  Processor,
  Step
} from "../../shared/runtime/contract.ts"
import { type Aggregate, assessAll, type HealthOptions, type PartitionWindows, toForget } from "./aggregate.ts"
import { alertsOf, neverAlerted, nextAlerted } from "./alerts.ts"
import type { Assessment } from "./assess.ts"
import { isWaiting } from "./backlog.ts"
import { History, MinuteCounts } from "./history.ts"
import { removeMetrics, updateMetrics } from "./metrics.ts"
import { isNews, type Published, publishedOf } from "./published.ts"
import { OutcomeWindow, windowMillis } from "./window.ts"

/** How often changes are looked for, how often where nothing was read since, and how often where nothing waits either. */
const checkEvery = Duration.seconds(1)
const checkWaitingEvery = Duration.seconds(5)
const checkIdleEvery = Duration.seconds(15)

export const health = (options: Partial<HealthOptions> = {}): Processor<RegistryError, Codecs> => {
  const aggregate: Aggregate = {
    windows: new Map(),
    published: new Map(),
    history: new History(),
    unread: () => new Map(),
    backlogs: () => new Map(),
    connections: new Map(),
    isEnabled: () => true,
    isRemoved: () => false,
    states: new Map(),
    due: Latch.makeUnsafe(true),
    ...options
  }
  return {
    name: "health",
    topics: [topicNames.results, topicNames.state],
    batch: { recordsMax: 5_000, bytesMax: 4_000_000, linger: Duration.millis(50) },
    concurrency: 1,
    stepDeadline: Duration.minutes(2),
    assignment: "active-standby",
    open: (assigned) =>
      Effect.flatMap(Effect.service(Codecs), (codecs) =>
        assigned.topic === topicNames.state ? stateTask(aggregate, codecs) : resultsTask(aggregate, codecs, assigned)
      )
  }
}

const resultsTask = (aggregate: Aggregate, codecs: Codecs["Service"], assigned: AssignedPartition) =>
  Effect.map(Clock.Clock, (clock): PartitionTask<RegistryError, Codecs> => {
    const since = clock.currentTimeMillisUnsafe() - windowMillis
    const windows: PartitionWindows = { connections: new Map(), since, ticks: 0 }
    aggregate.windows.set(assigned.partition, windows)
    const count = (log: EventDeliveryLog): void => {
      aggregate.due.openUnsafe()
      // What the normalizer skipped is no connection's.
      if (log.connection_id === "") return
      let entry = windows.connections.get(log.connection_id)
      if (entry === undefined) {
        entry = { platform: log.platform, window: new OutcomeWindow(), minutes: new MinuteCounts() }
        windows.connections.set(log.connection_id, entry)
      }
      entry.window.add(log, clock.currentTimeMillisUnsafe())
      if (log.timestamp >= windows.since && !isRepeatOfSending(log)) entry.minutes.add(log)
    }
    const apply = reader(codecs, "event-delivery-log", count)
    const beginning = Latch.makeUnsafe(true)
    return {
      restore: [{ topic: topicNames.results, since: Duration.millis(windowMillis), until: "committed", apply }],
      step: (batch) => Effect.as(apply(batch.records), noOutputs),
      tick: {
        every: checkEvery,
        due: beginning,
        // Once it has come twice the partition is restored.
        step: Effect.sync(() => {
          if (++windows.ticks > 1) beginning.closeUnsafe()
          return noOutputs
        })
      }
    }
  })

const stateTask = (
  aggregate: Aggregate,
  codecs: Codecs["Service"]
): Effect.Effect<PartitionTask<RegistryError, Codecs>, never, Scope.Scope> =>
  Effect.gen(function* () {
    aggregate.states.clear()
    aggregate.published.clear()
    aggregate.history.clear()
    aggregate.due.openUnsafe()
    // A member on standby would go on to report what was when it lost the partition.
    yield* Effect.addFinalizer(() => removeMetrics(aggregate.published.keys()))
    // What changes by the clock alone, and what waits.
    const open = Effect.suspend(() => Effect.sleep(somethingWaits(aggregate) ? checkWaitingEvery : checkIdleEvery))
    yield* Effect.forkScoped(Effect.forever(Effect.andThen(open, aggregate.due.open)))
    const apply = reader(codecs, "connector-state", (state) => {
      aggregate.due.openUnsafe()
      aggregate.states.set(state.connection_id, state)
    })
    const applyPublished = reader(codecs, "connector-health-status", (status) =>
      aggregate.published.set(status.connection_id, publishedOf(status))
    )
    const applyPoint = reader(codecs, "connector-health-history", (point) => aggregate.history.restore(point))
    return {
      restore: [
        { topic: topicNames.state, since: "beginning", until: "committed", apply },
        { topic: topicNames.health, since: "beginning", until: "end", apply: applyPublished },
        { topic: topicNames.healthHistory, since: historyRestored, until: "end", apply: applyPoint }
      ],
      step: (batch) => Effect.as(apply(batch.records), noOutputs),
      tick: {
        every: checkEvery,
        due: aggregate.due,
        step: Effect.gen(function* () {
          const now = yield* Clock.currentTimeMillis
          if (isWhole(aggregate)) aggregate.due.closeUnsafe()
          const { outputs, statuses, forgotten } = publish(aggregate, codecs, now, yield* monotonicMillis)
          yield* updateMetrics(statuses)
          yield* removeMetrics(forgotten)
          return { outputs }
        })
      }
    } satisfies PartitionTask<RegistryError, Codecs>
  })

const somethingWaits = ({ backlogs, unread }: HealthOptions): boolean =>
  (unread()?.size ?? 0) > 0 || [...(backlogs()?.values() ?? [])].some(isWaiting)

/** What is compared with the last hour of results, and what was written of it late. */
const historyRestored = Duration.millis(windowMillis + 600_000)

/** What is to be written now: statuses that changed or are due again, an alert for each change, and each minute the history. */
const publish = (aggregate: Aggregate, codecs: Codecs["Service"], now: number, elapsed: number) => {
  const outputs: Array<Outbound> = []
  const statuses: Array<ConnectorHealthStatus> = []
  if (!isWhole(aggregate)) return { outputs, statuses, forgotten: [] }
  const write = <S extends SchemaName>(topic: string, key: string, schema: S, value: Records[S]) =>
    outputs.push({ topic, key, value: codecs.encode(topic, schema, value) })
  const assessments = assessAll(aggregate, now)
  for (const assessment of assessments) {
    const id = assessment.health.connection_id
    const before = aggregate.published.get(id)
    const said = before?.alerted ?? neverAlerted
    const alerted = nextAlerted(assessment, said, elapsed)
    const status = { ...assessment.health, alerted_status: alerted.status, alerted_age_percent: alerted.agePercent }
    const published: Published = { ...publishedOf(status), alerted }
    if (before !== undefined && !isNews(before, published)) {
      aggregate.published.set(id, { ...before, alerted })
      continue
    }
    aggregate.published.set(id, published)
    statuses.push(status)
    write(topicNames.health, id, "connector-health-status", status)
    for (const alert of alertsOf(assessment, said, alerted, before?.condition?.since ?? null))
      write(topicNames.alerts, id, "health-alert", alert)
  }
  for (const point of historyDue(aggregate, assessments, now))
    write(topicNames.healthHistory, point.connection_id, "connector-health-history", point)
  const forgotten = toForget(aggregate, assessments)
  for (const id of forgotten) {
    aggregate.published.delete(id)
    aggregate.history.forget(id)
    outputs.push({ topic: topicNames.health, key: id, value: null })
  }
  return { outputs, statuses, forgotten }
}

const historyDue = ({ history, windows }: Aggregate, assessments: ReadonlyArray<Assessment>, now: number) => {
  if (!history.isDue(now)) return []
  const partitions = [...windows.values()]
  // Where the clock was set back, what comes from now on is counted.
  for (const one of partitions) one.since = Math.min(one.since, now)
  const inputs = assessments.map(({ health }) => ({
    health,
    counts: partitions.flatMap(({ connections }) => connections.get(health.connection_id)?.minutes ?? [])
  }))
  return history.due(inputs, now, Math.max(...partitions.map(({ since }) => since)))
}

// An hour that is only half restored would look better or worse than it was, and raise a false alarm.
const isWhole = (aggregate: Aggregate): boolean => {
  let whole = aggregate.windows.size > 0
  for (const windows of aggregate.windows.values()) whole &&= windows.ticks > 1
  return whole
}

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
