/** What the runtime's tests run on: a copying processor over Kafka in memory and virtual time, or over a broker. */

import { assert } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as TestClock from "effect/testing/TestClock"
import { KafkaClient } from "../kafka/client.ts"
import type { Batch, Processor, Step } from "../runtime/contract.ts"
import { layerRuntimeOptions, type RuntimeOptionsShape } from "../runtime/contract.ts"
import { type RuntimeEvent, RuntimeObserver } from "../runtime/metrics.ts"
import { run } from "../runtime/runtime.ts"
import { committedOffsets, readAll } from "./kafka-probe.ts"
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

export interface CopyHarnessOptions {
  readonly prefix: string
  /** Default 4. */
  readonly partitions?: number
  /** Default 1. */
  readonly replication?: number
}

/** On a broker: topics `in` and `out` behind a prefix, a runner of copying processors, and what it takes to check exactly-once. */
export const makeCopyHarness = ({ prefix, partitions = 4, replication = 1 }: CopyHarnessOptions) =>
  Effect.gen(function* () {
    const client = yield* KafkaClient
    yield* client.createTopics(
      ["in", "out"].map((name) => ({ name: prefix + name, partitions, replication, config: {} }))
    )
    const events: Array<RuntimeEvent> = []
    let written = 0
    /** Values are numbers from 0 on, keys repeat. */
    const write = (count: number) => {
      const first = written
      written += count
      const records = Array.from({ length: count }, (_, index) => ({
        topic: `${prefix}in`,
        key: `key-${(first + index) % 97}`,
        value: Buffer.from(String(first + index))
      }))
      return client.produce(records)
    }
    const start = <E, R>(processor: Processor<E, R>, observed = events) =>
      run(processor).pipe(
        Effect.provide(
          Layer.merge(
            layerRuntimeOptions({ prefix, drainTimeout: Duration.seconds(5), commitSoonBytes: 0 }),
            Layer.succeed(RuntimeObserver, (event) => void observed.push(event))
          )
        ),
        Effect.forkChild
      )
    /** True when all that was written is committed as read. */
    const done = Effect.gen(function* () {
      const ends = yield* client.topicOffsets(`${prefix}in`)
      const committed = yield* committedOffsets(client, `${prefix}copy`, `${prefix}in`)
      return ends.every(({ partition, high }) => high === (committed[partition]?.offset ?? 0))
    })
    const assertExactlyOnce = Effect.gen(function* () {
      const records = yield* readAll(`${prefix}out`)
      const values = records.map(({ value }) => Number(value))
      assert.strictEqual(values.length, written, "no loss, no duplicate")
      assert.strictEqual(new Set(values).size, written)
      const last = new Map<string, number>()
      for (const { key, value } of records) {
        assert.isBelow(last.get(String(key)) ?? -1, Number(value), "the order of a key is kept")
        last.set(String(key), Number(value))
      }
    })
    return { prefix, events, write, start, done, assertExactlyOnce }
  })
