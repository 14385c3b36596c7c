/** The mapper: normalized-events in; mapped-events.<platform>, delivery-results and dead-letters out, each event once. */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Metric from "effect/Metric"
import { Codecs, type RegistryError } from "../../shared/avro/codecs.ts"
import type { AssignedPartition, Batch, Inbound, PartitionTask, Processor } from "../../shared/stream/contract.ts"
import { duplicateDefaults } from "./config.ts"
import { decide, type OutcomeCount, type Target } from "./decide.ts"
import { duplicateReport } from "./duplicate-metrics.ts"
import { type DuplicateOptions, Duplicates, duplicatesTopic } from "./duplicates.ts"

/** Maps every event for each of the enabled connections; repeats of an event id become skipped results. */
export const mapper = (
  targets: ReadonlyArray<Target>,
  options: DuplicateOptions = duplicateDefaults
): Processor<RegistryError, Codecs> => ({
  name: "mapper",
  topics: ["normalized-events"],
  batch: { recordsMax: 2_000, bytesMax: 4_000_000, linger: Duration.millis(5) },
  bytesInFlightMax: bytesInFlight(targets.length),
  // One step at a time: what a step remembers of an id must be known to the next.
  concurrency: 1,
  stepDeadline: Duration.minutes(2),
  letsGoOfRecords: true,
  open: (assigned) =>
    openPartition(
      targets.filter(({ connection }) => connection.enabled),
      options,
      assigned
    )
})

/** An event is held once as it came and once for each connection, so that more connections leave room for fewer events. */
const bytesInFlight = (connections: number): number => Math.max(inFlightMin, heldMax / Math.max(1, connections))
const heldMax = 4 * 1_048_576
/** A few fetches: with less, the partition would stand still between them. */
const inFlightMin = 1_048_576

// The ids belong to this opening: a step that is not committed leaves nothing behind, since the next opening restores anew.
const openPartition = (targets: ReadonlyArray<Target>, options: DuplicateOptions, { partition }: AssignedPartition) =>
  Effect.gen(function* () {
    const duplicates = new Duplicates(options)
    const report = yield* duplicateReport(duplicates, partition)
    const task: PartitionTask<RegistryError, Codecs> = {
      restore: [
        {
          topic: duplicatesTopic,
          since: options.window,
          until: "end",
          apply: (records) => restore(duplicates, records)
        }
      ],
      step: (batch) => Effect.tap(mapBatch(targets, duplicates, batch), () => report)
    }
    return task
  })

const restore = (duplicates: Duplicates, records: ReadonlyArray<Inbound>) =>
  Effect.map(Clock.currentTimeMillis, (now) => {
    for (const { value } of records) if (value !== null) duplicates.restore(value, now)
  })

const mapBatch = Effect.fn("mapper.mapBatch")(function* (
  targets: ReadonlyArray<Target>,
  duplicates: Duplicates,
  batch: Batch
) {
  const codecs = yield* Codecs
  yield* codecs.prepare(batch.records.map((record) => record.value))
  const now = yield* Clock.currentTimeMillis
  const { value: decision, giveBack } = codecs.lend(() => decide(batch, targets, codecs, duplicates, now))
  yield* Effect.forEach(decision.outcomes.values(), updateMetric, { discard: true })
  return { ...decision.step, release: giveBack }
})

const updateMetric = ({ connectionId, outcome, reason, count }: OutcomeCount) =>
  Metric.update(Metric.withAttributes(events, { connection: connectionId, outcome, reason: reason ?? "" }), count)

const events = Metric.counter("mapper_events_total", {
  incremental: true,
  description: "Events by connection and what the mapper made of them."
})
