/** The mapper: normalized-events in; mapped-events.<platform>, delivery-results and dead-letters out. */
import { Clock, Duration, Effect, Metric } from "effect"
import { Codecs, type RegistryError } from "../../shared/avro/codecs.ts"
import type { Batch, Processor } from "../../shared/stream/contract.ts"
import { decide, type OutcomeCount, type Target } from "./decide.ts"

/** Maps every event for each of the enabled connections. */
export const mapper = (targets: ReadonlyArray<Target>): Processor<RegistryError, Codecs> => ({
  name: "mapper",
  topics: ["normalized-events"],
  batch: { recordsMax: 2_000, bytesMax: 4_000_000, linger: Duration.millis(5) },
  concurrency: 1,
  open: () => Effect.succeed({ step: mapBatch(targets.filter(({ connection }) => connection.enabled)) })
})

const mapBatch = (targets: ReadonlyArray<Target>) =>
  Effect.fn("mapper.mapBatch")(function* (batch: Batch) {
    const codecs = yield* Codecs
    yield* codecs.prepare(batch.records.map((record) => record.value))
    const decision = decide(batch, targets, codecs, yield* Clock.currentTimeMillis)
    yield* Effect.forEach(decision.outcomes.values(), updateMetric, { discard: true })
    return decision.step
  })

const updateMetric = ({ connectionId, outcome, reason, count }: OutcomeCount) =>
  Metric.update(Metric.withAttributes(events, { connection: connectionId, outcome, reason: reason ?? "" }), count)

const events = Metric.counter("mapper_events_total", {
  incremental: true,
  description: "Events by connection and what the mapper made of them."
})
