/** Processors that share their input, on Kafka in memory: each copies its records, marked with its name. */

import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { topicNames } from "../model/topics.ts"
import {
  type Batch,
  layerRuntimeOptions,
  type PartOfStep,
  type Processor,
  type RuntimeOptionsShape,
  type Step
} from "../runtime/contract.ts"
import { type RuntimeEvent, RuntimeObserver } from "../runtime/metrics.ts"
import { runShared, type SharedInput } from "../runtime/shared-input.ts"
import { committedOffsets } from "./kafka-probe.ts"
import { MemoryKafka } from "./memory-kafka.ts"

interface Failure {
  readonly message: string
}

export type Work = (batch: Batch, copied: Step) => Effect.Effect<Step, Failure>

interface Input {
  readonly partitions: number
  readonly linger: Duration.Duration
  /** Steps of several partitions; `copied` are those that a partition would take alone. */
  readonly stepTogether: (
    batches: ReadonlyArray<Batch>,
    copied: ReadonlyArray<Step>
  ) => Effect.Effect<ReadonlyArray<PartOfStep<Failure, never>>, Failure>
}

/** `a`, `b`, … each copy their records (header `to`) from `in` to `out`, marked with their name. */
export const sharedInputHarness = (
  names: ReadonlyArray<string>,
  options: Partial<RuntimeOptionsShape> = {},
  { partitions = 1, linger = Duration.zero, stepTogether }: Partial<Input> = {}
) => {
  const kafka = new MemoryKafka()
  kafka.log.create("in", partitions)
  kafka.log.create("out", 1)
  kafka.log.create(topicNames.positions, partitions)
  const events: Array<RuntimeEvent> = []
  const layer = Layer.mergeAll(
    kafka.layer,
    layerRuntimeOptions(options),
    Layer.succeed(RuntimeObserver, (event) => void events.push(event))
  )
  const works = new Map<string, Work>()
  /** What the openings of a processor wait for. */
  const openings = new Map<string, Effect.Effect<void>>()
  const copyOf = (name: string, { records }: Batch): Step => ({
    outputs: records.map(({ value }) => ({
      topic: "out",
      key: name,
      value: Buffer.from(`${name}:${value}`),
      partition: 0
    }))
  })
  const processor = (name: string): Processor<Failure> => ({
    name: `copy.${name}`,
    topics: ["in"],
    batch: { recordsMax: stepTogether === undefined ? 2 : 10, bytesMax: 100_000, linger },
    concurrency: 1,
    releasesInputBuffers: true,
    ...(stepTogether === undefined
      ? {}
      : {
          stepTogether: (batches) =>
            stepTogether(
              batches,
              batches.map((batch) => copyOf(name, batch))
            )
        }),
    open: () =>
      Effect.as(openings.get(name) ?? Effect.void, {
        step: (batch) => {
          const copied = copyOf(name, batch)
          return works.get(name)?.(batch, copied) ?? Effect.succeed(copied)
        },
        poison: ({ value }) =>
          Effect.succeed({
            outputs: [{ topic: "out", key: name, value: Buffer.from(`${name}:${value} is poison`), partition: 0 }]
          })
      })
  })
  const input: SharedInput<Failure> = {
    name: "copy",
    topics: ["in"],
    processorOf: ({ headers }) => `copy.${headers["to"]}`,
    processors: names.map(processor)
  }
  const write = (records: ReadonlyArray<readonly [to: string, value: string, partition?: number]>) =>
    kafka.client.produce(
      records.map(([to, value, partition = 0]) => ({
        topic: "in",
        key: null,
        value: Buffer.from(value),
        partition,
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
  return { kafka, events, works, openings, write, out, start, committed, groupCommits }
}
