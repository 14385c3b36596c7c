/** Processors that share their input, on Kafka in memory: each copies its records, marked with its name. */

import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { topicNames } from "../model/topics.ts"
import {
  type Batch,
  layerRuntimeOptions,
  type Processor,
  type RuntimeOptionsShape,
  type Step
} from "../runtime/contract.ts"
import { type RuntimeEvent, RuntimeObserver } from "../runtime/metrics.ts"
import { runShared, type SharedInput } from "../runtime/shared-input.ts"
import { committedOffsets } from "./kafka-probe.ts"
import { MemoryKafka } from "./memory-kafka.ts"

export type Work = (batch: Batch, copied: Step) => Effect.Effect<Step, { readonly message: string }>

/** `a`, `b`, … each copy their records (header `to`) from `in` to `out`, marked with their name. */
export const sharedInputHarness = (names: ReadonlyArray<string>, options: Partial<RuntimeOptionsShape> = {}) => {
  const kafka = new MemoryKafka()
  kafka.log.create("in", 1)
  kafka.log.create("out", 1)
  kafka.log.create(topicNames.positions, 1)
  const events: Array<RuntimeEvent> = []
  const layer = Layer.mergeAll(
    kafka.layer,
    layerRuntimeOptions(options),
    Layer.succeed(RuntimeObserver, (event) => void events.push(event))
  )
  const works = new Map<string, Work>()
  const processor = (name: string): Processor<{ readonly message: string }> => ({
    name: `copy.${name}`,
    topics: ["in"],
    batch: { recordsMax: 2, bytesMax: 100_000, linger: Duration.zero },
    concurrency: 1,
    open: () =>
      Effect.succeed({
        step: (batch) => {
          const copied = {
            outputs: batch.records.map(({ value }) => ({
              topic: "out",
              key: name,
              value: Buffer.from(`${name}:${value}`),
              partition: 0
            }))
          }
          return works.get(name)?.(batch, copied) ?? Effect.succeed(copied)
        },
        poison: ({ value }) =>
          Effect.succeed({
            outputs: [{ topic: "out", key: name, value: Buffer.from(`${name}:${value} is poison`), partition: 0 }]
          })
      })
  })
  const input: SharedInput<{ readonly message: string }> = {
    name: "copy",
    topics: ["in"],
    processorOf: ({ headers }) => `copy.${headers["to"]}`,
    processors: names.map(processor)
  }
  const write = (records: ReadonlyArray<readonly [to: string, value: string]>) =>
    kafka.client.produce(
      records.map(([to, value]) => ({
        topic: "in",
        key: null,
        value: Buffer.from(value),
        partition: 0,
        headers: { to }
      }))
    )
  const out = (name?: string) =>
    kafka.log
      .records({ topic: "out", partition: 0 })
      .map((record) => String(record.value))
      .filter((value) => name === undefined || value.startsWith(`${name}:`))
  const start = Effect.forkChild(runShared(input).pipe(Effect.provide(layer)))
  const committed = (name: string) =>
    Effect.map(committedOffsets(kafka.client, `copy.${name}`, "in"), ([found]) => found?.offset ?? null)
  const groupCommits = () => kafka.offsetCommits
  return { kafka, events, works, write, out, start, committed, groupCommits }
}
