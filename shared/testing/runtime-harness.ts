/** What the runtime's unit tests run on: Kafka in memory, a copying processor, virtual time. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as TestClock from "effect/testing/TestClock"
import type { Batch, Processor, Step } from "../runtime/contract.ts"
import { layerRuntimeOptions, type RuntimeOptionsShape } from "../runtime/contract.ts"
import { type RuntimeEvent, RuntimeObserver } from "../runtime/metrics.ts"
import { run } from "../runtime/runtime.ts"
import { MemoryKafka } from "./memory-kafka.ts"

/** A step that writes what it read to partition 0 of `out`. */
export const copyOf = (batch: Batch): Step => ({
  outputs: batch.records.map((record) => ({ topic: "out", key: null, value: record.value, partition: 0 }))
})

/** A processor that copies `in` to `out`, two records a batch. */
export const copy = <E = never, R = never>(overrides: Partial<Processor<E, R>> = {}): Processor<E, R> => ({
  name: "copy",
  topics: ["in"],
  batch: { recordsMax: 2, bytesMax: 100_000, linger: Duration.zero },
  concurrency: 1,
  open: () => Effect.succeed({ step: (batch) => Effect.succeed(copyOf(batch)) }),
  ...overrides
})

/** One or more partitions of `in`, and its runtime's events. */
export const runtimeHarness = (partitions = 1, options: Partial<RuntimeOptionsShape> = {}) => {
  const kafka = new MemoryKafka()
  kafka.log.create("in", partitions)
  kafka.log.create("out", 1)
  const events: Array<RuntimeEvent> = []
  const layer = Layer.mergeAll(
    kafka.layer,
    layerRuntimeOptions(options),
    Layer.succeed(RuntimeObserver, (event) => void events.push(event))
  )
  const write = (values: ReadonlyArray<string>, partition = 0) =>
    kafka.client.produce(values.map((value) => ({ topic: "in", key: null, value: Buffer.from(value), partition })))
  const out = () => kafka.log.records({ topic: "out", partition: 0 }).map((record) => record.value?.toString())
  const start = <E, R>(processor: Processor<E, R>) => Effect.forkChild(run(processor).pipe(Effect.provide(layer)))
  return { kafka, events, write, out, start }
}

/** Lets every fiber run; the clock does not move. */
export const settle = Effect.repeat(Effect.yieldNow, { times: 50 }).pipe(Effect.andThen(TestClock.adjust(0)))
