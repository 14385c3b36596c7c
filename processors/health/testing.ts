/** The health processor over records in memory, and what it writes. */
import * as Effect from "effect/Effect"
import * as TestClock from "effect/testing/TestClock"
import type { ConnectorHealthStatus, ConnectorState, EventDeliveryLog, HealthAlert } from "../../schemas/types.gen.ts"
import type { Codecs, Records, SchemaName } from "../../shared/codec/codecs.ts"
import type { Inbound, PartitionTask, Step } from "../../shared/runtime/contract.ts"
import { connectorState, deliveryLog, recordTime } from "../../shared/testing/event-fixture.ts"
import { makeMemoryCodecs } from "../../shared/testing/memory-codecs.ts"
import { batchOf, openPartition } from "../../shared/testing/run-batches.ts"
import type { HealthOptions } from "./aggregate.ts"
import { health } from "./health.ts"

const now = recordTime
const codecs = makeMemoryCodecs()

export const result = (fields: Partial<EventDeliveryLog>): Buffer =>
  codecs.encode("delivery-results", "event-delivery-log", deliveryLog(fields))

export const failed = result({ success: false, outcome: "rejected" })

export const state = (fields: Partial<ConnectorState>): Buffer =>
  codecs.encode("connector-state", "connector-state", connectorState(fields))

export const recorded = (topic: string, value: Buffer, timestamp = now): Inbound =>
  batchOf(topic, [{ value, timestamp }]).records[0]!

const written = <S extends SchemaName>(step: Step, topic: string, schema: S): ReadonlyArray<Records[S]> =>
  step.outputs
    .filter((output) => output.topic === topic)
    .flatMap((output) => {
      const decoded = codecs.decode(schema, output.value)
      return decoded._tag === "Decoded" ? [decoded.value] : []
    })

export const statuses = (step: Step): ReadonlyArray<ConnectorHealthStatus> =>
  written(step, "connector-health", "connector-health-status")
export const alerts = (step: Step): ReadonlyArray<HealthAlert> => written(step, "health-alerts", "health-alert")

interface Opened {
  readonly feed: (topic: string, values: ReadonlyArray<Buffer>) => Effect.Effect<void, unknown, Codecs>
  readonly check: Effect.Effect<Step, unknown, Codecs>
}

/** The processor with two partitions of results and the one of states, restored from the log. */
export const opened = Effect.fnUntraced(function* (
  log: ReadonlyArray<Inbound> = [],
  options: Partial<HealthOptions> = {}
) {
  yield* TestClock.setTime(now)
  const processor = health(options)
  const results = yield* openPartition(processor, { topic: "delivery-results", partition: 0 }, log)
  const otherResults = yield* openPartition(processor, { topic: "delivery-results", partition: 1 }, log)
  const states = yield* openPartition(processor, { topic: "connector-state", partition: 0 }, log)
  const tickTwice = (task: PartitionTask<unknown, Codecs>) => Effect.andThen(task.tick!.step, task.tick!.step)
  yield* tickTwice(results)
  yield* tickTwice(otherResults)
  const feed: Opened["feed"] = (topic, values) => {
    const half = Math.ceil(values.length / 2)
    const records = values.map((value) => ({ value }))
    if (topic === "connector-state") return states.step(batchOf(topic, records))
    const second = records.slice(half)
    return Effect.andThen(
      results.step(batchOf(topic, records.slice(0, half))),
      second.length === 0 ? Effect.void : otherResults.step(batchOf(topic, second, { partition: 1 }))
    )
  }
  return { feed, check: states.tick!.step } satisfies Opened
})
