/** Topics `in` and `out` behind a prefix, a runner of copying processors, and what it takes to check exactly-once. */
import { assert } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { KafkaClient } from "../kafka/client.ts"
import type { Processor } from "../runtime/contract.ts"
import { layerRuntimeOptions } from "../runtime/contract.ts"
import { type RuntimeEvent, RuntimeObserver } from "../runtime/metrics.ts"
import { run } from "../runtime/runtime.ts"
import { readAll } from "./kafka-probe.ts"

export interface CopyHarnessOptions {
  readonly prefix: string
  /** Default 4. */
  readonly partitions?: number
  /** Default 1. */
  readonly replication?: number
}

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
            layerRuntimeOptions({ prefix, drainTimeout: Duration.seconds(5) }),
            Layer.succeed(RuntimeObserver, (event) => void observed.push(event))
          )
        ),
        Effect.forkChild
      )
    /** True when all that was written is committed as read. */
    const done = Effect.gen(function* () {
      const ends = yield* client.topicOffsets(`${prefix}in`)
      const committed = yield* client.committed(`${prefix}copy`, `${prefix}in`)
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
