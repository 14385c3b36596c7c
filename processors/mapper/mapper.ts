/** The mapper: normalized-events in; mapped-events.<platform>, delivery-results and dead-letters out, each event once. */

import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Metric from "effect/Metric"
import { Codecs, type RegistryError } from "../../shared/codec/codecs.ts"
import type { Pooled } from "../../shared/codec/record-writer.ts"
import type { Connection } from "../../shared/connections/connection.ts"
import type { SealerShape } from "../../shared/credentials/sealer.ts"
import type { DeduplicatorOptions } from "../../shared/dedup/deduplicator.ts"
import type { AtConnection } from "../../shared/dedup/refusals.ts"
import type { KafkaClient, KafkaError } from "../../shared/kafka/client.ts"
import {
  decidedConnectionsTopic,
  decidedKeptMillis,
  readDecidedConnections
} from "../../shared/ledger/decided-connections.ts"
import { topicNames } from "../../shared/model/topics.ts"
import {
  type AssignedPartition,
  type Batch,
  type Inbound,
  type Outbound,
  type PartitionTask,
  type Processor,
  RuntimeOptions,
  type Step
} from "../../shared/runtime/contract.ts"
import { noSuppressions, type Suppressions } from "../../shared/suppression/suppressions.ts"
import { CurrentTracing } from "../../shared/telemetry/tracing.ts"
import { type DecideContext, type Decision, decide, decideRepeats, type OutcomeCount, type Target } from "./decide.ts"
import { DuplicateFilter, duplicateDefaults, duplicateReport, duplicatesTopic } from "./dedup/duplicate-filter.ts"
import { type RefusalLog, RefusalLogs } from "./dedup/refusal-log.ts"
import { poisoned } from "./records.ts"

/**
 * Maps every event for each of the enabled connections; a repeat of an event id goes to those alone that refused the event.
 *
 * @param sealer seals the originals of dead letters
 * @param suppressions whose events are not mapped
 */
export const mapper = (
  targets: ReadonlyArray<Target>,
  sealer: SealerShape,
  options: DeduplicatorOptions = duplicateDefaults,
  suppressions: Suppressions = noSuppressions
): Processor<RegistryError | KafkaError, Codecs | KafkaClient> => {
  const refusals = new RefusalLogs(options.window)
  return {
    name: "mapper",
    topics: [topicNames.normalized],
    batch: { recordsMax: 2_000, bytesMax: 4_000_000, linger: Duration.millis(5), lingersWhileBusy: true },
    bytesInFlightMax: bytesInFlight(targets.length),
    // One step at a time: what a step remembers of an id must be known to the next.
    concurrency: 1,
    stepDeadline: Duration.minutes(2),
    releasesInputBuffers: true,
    open: (assigned) =>
      openPartition(
        targets.filter(({ connection }) => connection.enabled),
        sealer,
        options,
        suppressions,
        refusals,
        assigned
      )
  }
}

/** An event is held once as it came and once for each connection, so that more connections leave room for fewer events. */
const bytesInFlight = (connections: number): number => Math.max(inFlightMin, heldMax / Math.max(1, connections))
const heldMax = 2.5 * 1_048_576
/** A few fetches: with less, the partition would have nothing to do between them. */
const inFlightMin = 1_048_576

// The ids belong to this opening: a step that is not committed leaves nothing behind, since the next opening restores again.
const openPartition = (
  targets: ReadonlyArray<Target>,
  sealer: SealerShape,
  options: DeduplicatorOptions,
  suppressions: Suppressions,
  refusals: RefusalLogs,
  assigned: AssignedPartition
) =>
  Effect.gen(function* () {
    const { partition, partitions = 1 } = assigned
    yield* announceConnections(
      targets.map(({ connection }) => connection),
      assigned
    )
    const state = {
      targets,
      sealer,
      suppressions,
      duplicates: new DuplicateFilter(options, assigned),
      refusals: refusals.of({ partition, partitions })
    }
    const report = yield* duplicateReport(state.duplicates, partition)
    const task: PartitionTask<RegistryError | KafkaError, Codecs | KafkaClient> = {
      restore: [
        {
          topic: duplicatesTopic,
          since: options.window,
          until: "end",
          byKey: true,
          apply: (records) => restore(state.duplicates, records)
        }
      ],
      step: (batch) => Effect.tap(mapBatch(state, batch), () => report),
      poison: Effect.fnUntraced(function* (record) {
        const { encode } = yield* Codecs
        const headers = (yield* CurrentTracing)?.failed(record, null, "poison")
        return { outputs: [poisoned(record, { encode, sealer, now: yield* Clock.currentTimeMillis }, headers)] }
      })
    }
    return task
  })

interface PartitionState {
  readonly targets: ReadonlyArray<Target>
  readonly sealer: SealerShape
  readonly suppressions: Suppressions
  readonly duplicates: DuplicateFilter
  readonly refusals: RefusalLog
}

const restore = (duplicates: DuplicateFilter, records: ReadonlyArray<Inbound>) =>
  Effect.map(Clock.currentTimeMillis, (now) => {
    for (const record of records) duplicates.restore(record, now)
  })

/** The stages of a batch, in order: load, decide (decode, find repeats, map, encode: event by event), count, step. */
const mapBatch = Effect.fn("mapper.mapBatch")(function* (state: PartitionState, batch: Batch) {
  const context = yield* loadContext(state, batch)
  const decided = context.codecs.encodePooled(() => decide(batch, context))
  const repeats = yield* decideWithRefusals(state, context, decided.value)
  yield* Effect.forEach([...decided.value.outcomes.values()].flat(), countOutcome, { discard: true })
  return toStep(decided.value, state.duplicates.drain(), [decided, ...repeats])
})

/** What a decision needs: the schemas of the records' writers, and the time. */
const loadContext = Effect.fnUntraced(function* (state: PartitionState, batch: Batch) {
  const { targets, sealer, duplicates, suppressions } = state
  const codecs = yield* Codecs
  yield* codecs.loadSchemas(batch.records.map(({ value }) => value))
  const hop = (yield* CurrentTracing)?.hop(batch.topic) ?? null
  return { targets, sealer, codecs, duplicates, suppressions, now: yield* Clock.currentTimeMillis, hop }
})

/** Decides the repeats of a batch. What deliveries refused is read only where there are some. */
const decideWithRefusals = Effect.fnUntraced(function* (
  { refusals }: PartitionState,
  context: DecideContext & { readonly codecs: Codecs["Service"] },
  decision: Decision
) {
  if (decision.repeats.length === 0) return []
  yield* refusals.refresh
  const isRefused = (at: AtConnection) => refusals.isRefused(at, context.now)
  return [context.codecs.encodePooled(() => decideRepeats(decision, context, isRefused))]
})

const toStep = (
  { outputs, writtenAt }: Decision,
  changelog: ReadonlyArray<Outbound>,
  pooled: ReadonlyArray<Pooled<unknown>>
): Step => ({
  outputs: [...outputs, ...changelog],
  ...(writtenAt === null ? {} : { writtenAt }),
  release: () => {
    for (const { release } of pooled) release()
  }
})

const countOutcome = ({ connectionId, outcome, reason, count }: OutcomeCount) =>
  Metric.update(Metric.withAttributes(events, { connection: connectionId, outcome, reason: reason ?? "" }), count)

const events = Metric.counter("capi_mapper_events_total", {
  incremental: true,
  description: "Events by connection and what the mapper made of them."
})

/**
 * Writes for which connections the partition's events are decided from its position on, where that is another set than is said. It
 * does so before the first batch, by the partition's own producer: a member that lost the partition fails here, and no step of this
 * opening is committed without it. `connections` are the enabled ones.
 */
const announceConnections = Effect.fn("mapper.announceConnections")(function* (
  connections: ReadonlyArray<Pick<Connection, "id" | "platform">>,
  { partition, position, append }: AssignedPartition
) {
  if (append === undefined || position === undefined) return
  const { prefix } = yield* RuntimeOptions
  const decided = yield* readDecidedConnections(prefix)
  if (decided.isSaid({ partition, offset: position }, connections)) return
  const codecs = yield* Codecs
  const timestamp = yield* Clock.currentTimeMillis
  const value = codecs.encode(decidedConnectionsTopic, "mapper-connections", {
    partition,
    offset: position,
    timestamp,
    connections: connections.map(({ id, platform }) => ({ id, platform }))
  })
  // A fleet that changes every day would make each reading longer for ever.
  const outdated = decided.outdated(partition, timestamp - decidedKeptMillis).filter((offset) => offset !== position)
  const records = outdated.slice(0, deletedAtOnceMax).map((offset) => ({ offset, value: null }))
  yield* append(
    [...records, { offset: position, value }].map((one) => ({
      topic: decidedConnectionsTopic,
      key: `${partition}:${one.offset}`,
      value: one.value
    }))
  )
})

const deletedAtOnceMax = 10_000
