/**
 * `make soak MINUTES=10`: a steady load on the whole chain, every processor a process, and a look at each one's heap every
 * second. The heap after garbage collection must not grow once the processes are warm.
 * The load is half of the maximum, which is measured first: how fast a backlog goes through all of it. RATE overrides it.
 */

import { mkdirSync } from "node:fs"
import path from "node:path"
import process from "node:process"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import { createTopics } from "../../infra/topics/create-topics.ts"
import { registerSchemas } from "../../infra/topics/register-schemas.ts"
import { registryLayer } from "../../shared/codec/registry.ts"
import { KafkaClient } from "../../shared/kafka/client.ts"
import { layerKafka } from "../../shared/kafka/kafkajs/adapter.ts"
import { endWithLauncher } from "../../shared/runtime/end-with-launcher.mjs"
import { committedOffsets } from "../../shared/testing/kafka-probe.ts"
import { type Figure, report } from "../bench/report.ts"
import { type ChaosCluster, chaosEnvironment, startChaosCluster } from "./chaos-cluster.ts"
import { makeLoad } from "./load.ts"
import { allProcessors } from "./plan.ts"
import { type Instance, makeSupervisor } from "./supervisor.ts"

endWithLauncher()

const minutes = Number(process.env["MINUTES"] || 10)
const loadShare = 0.5
const backlogRecords = 40_000
const prefix = "soak."
const sampleEvery = "1 second"
/** A growth of the heap after collection that is no leak, in MiB: caches fill and code is compiled for a while. */
const riseMax = 16
const mebibyte = 2 ** 20

interface Samples {
  readonly instance: Instance
  readonly heap: Array<number>
  readonly resident: Array<number>
}

const soak = Effect.gen(function* () {
  const cluster = yield* startChaosCluster(1)
  return yield* work(cluster).pipe(
    Effect.provide(
      Layer.merge(layerKafka({ brokers: [cluster.brokers] }), registryLayer({ url: cluster.registry.url, prefix }))
    )
  )
})

const work = (cluster: ChaosCluster) =>
  Effect.gen(function* () {
    yield* createTopics(prefix)
    yield* registerSchemas({ url: cluster.registry.url }, prefix)
    const folder = path.join(cluster.folder, "soak")
    yield* Effect.sync(() => mkdirSync(folder))
    const supervisor = yield* makeSupervisor({ folder, environment: chaosEnvironment(cluster, prefix, allProcessors) })
    const instances = yield* Effect.forEach(allProcessors, supervisor.start)
    yield* Effect.forEach(instances, ({ ready }) => ready, { concurrency: "unbounded", discard: true })
    const maximum = yield* measureMaximum
    const recordsPerSecond = Number(process.env["RATE"] || Math.max(1, Math.round(maximum * loadShare)))
    progress(`${Math.round(maximum)} records/s at most; ${recordsPerSecond} records/s for ${minutes} minutes.`)
    const load = makeLoad(prefix, 1, recordsPerSecond)
    const publishing = yield* Effect.forkScoped(load.publish)
    const all = instances.map((instance): Samples => ({ instance, heap: [], resident: [] }))
    for (let second = 0; second < minutes * 60; second++) {
      yield* Effect.forEach(all, sample, { concurrency: "unbounded", discard: true })
      yield* Effect.sleep(sampleEvery)
    }
    const behind = yield* lag
    yield* Fiber.interrupt(publishing)
    return { all, maximum, recordsPerSecond, published: load.records(), behind, restarts: supervisor.restarts() }
  })

/** Records a second from the first one published to the last one that Meta, the platform that takes most, has. */
const measureMaximum = Effect.gen(function* () {
  const backlog = makeLoad(prefix, 2, backlogRecords * 4)
  const begun = yield* Clock.currentTimeMillis
  const publishing = yield* Effect.forkScoped(backlog.publish)
  while (backlog.records() < backlogRecords) yield* Effect.sleep("50 millis")
  yield* Fiber.interrupt(publishing)
  while ((yield* lag) > 0) yield* Effect.sleep("200 millis")
  return (backlog.records() * 1_000) / ((yield* Clock.currentTimeMillis) - begun)
})

const sample = ({ instance, heap, resident }: Samples) =>
  Effect.gen(function* () {
    const used = yield* instance.metric("capi_process_heap_used_bytes")
    const rss = yield* instance.metric("capi_process_resident_memory_bytes")
    if (used !== null) heap.push(used / mebibyte)
    if (rss !== null) resident.push(rss / mebibyte)
  })

/** Records that a stage on the way to Meta has not committed yet: above a few seconds' worth the load was too much. */
const lag = Effect.gen(function* () {
  const kafka = yield* KafkaClient
  let behind = 0
  for (const [group, topic] of stages) {
    const ends = yield* kafka.topicOffsets(prefix + topic)
    const committed = yield* committedOffsets(kafka, prefix + group, prefix + topic)
    for (const { partition, high } of ends) behind += high - (committed[partition]?.offset ?? 0)
  }
  return behind
})

const stages = [
  ["normalizer", "raw-events"],
  ["mapper", "normalized-events"],
  ["delivery-meta.meta-chaos", "mapped-events.meta"]
] as const

const progress = (line: string): void => void process.stderr.write(`${line}\n`)

/** The lowest of each tenth, since what was collected last says how much is really held. */
const lowestOfTenths = (values: ReadonlyArray<number>): ReadonlyArray<number> =>
  Array.from({ length: 10 }, (_, tenth) =>
    Math.min(...values.slice(Math.floor((values.length * tenth) / 10), Math.ceil((values.length * (tenth + 1)) / 10)))
  )

/** How much more heap is left after collection in the last three tenths than in the three after the warm-up. */
const riseOf = (values: ReadonlyArray<number>): number => {
  const tenths = lowestOfTenths(values)
  return Math.min(...tenths.slice(7)) - Math.min(...tenths.slice(2, 5))
}

const figuresOf = ({ all, maximum, recordsPerSecond, published, behind, restarts }: Soaked) => [
  { figure: "most that goes through", value: maximum, unit: "records/s" },
  { figure: "load", value: recordsPerSecond, unit: "records/s" },
  { figure: "raw records published", value: published, unit: "records" },
  { figure: "behind at the end", value: behind, unit: "records", goal: { atMost: recordsPerSecond * 10 } },
  { figure: "processes started again", value: restarts, unit: "processes", goal: { atMost: 0 } },
  ...all.flatMap(
    ({ instance: { processor }, heap, resident }): ReadonlyArray<Figure> => [
      {
        figure: `${processor}: growth of the heap after collection`,
        value: riseOf(heap),
        unit: "MiB",
        goal: { atMost: riseMax }
      },
      {
        figure: `${processor}: heap after collection at the end`,
        value: lowestOfTenths(heap).at(-1) ?? 0,
        unit: "MiB"
      },
      { figure: `${processor}: resident at the end`, value: resident.at(-1) ?? 0, unit: "MiB" }
    ]
  )
]

type Soaked = Effect.Success<ReturnType<typeof work>>

const exit = await Effect.runPromiseExit(Effect.scoped(soak))
if (Exit.isFailure(exit)) process.stderr.write(`${Cause.pretty(exit.cause)}\n`)
const reached =
  Exit.isSuccess(exit) &&
  report("soak", figuresOf(exit.value), { minutes, recordsPerSecond: exit.value.recordsPerSecond })
process.exit(reached ? 0 : 1)
