/**
 * `make soak MINUTES=10 RATE=500`: a steady load on the whole chain, and a look at each processor's heap every second. The
 * floor of the heap, which is what garbage collection can't free, must not rise once the processes are warm.
 */
import { mkdirSync } from "node:fs"
import path from "node:path"
import process from "node:process"
import { Cause, Effect, Exit, Fiber, Layer } from "effect"
import { createTopics } from "../../infra/topics/create-topics.ts"
import { registerSchemas } from "../../infra/topics/register-schemas.ts"
import { registryLayer } from "../../shared/avro/registry.ts"
import { layerKafka } from "../../shared/kafka/kafkajs-client.ts"
import { KafkaClient } from "../../shared/kafka/port.ts"
import { type Figure, report } from "../bench/report.ts"
import { type Arena, environmentOf, startArena } from "./arena.ts"
import { type Instance, makeFleet } from "./instance.ts"
import { makeLoad } from "./load.ts"
import { processors } from "./plan.ts"

const minutes = Number(process.env["MINUTES"] || 10)
/** Half of what one machine of two cores carries through all of broker, registry, sandbox and processors. */
const recordsPerSecond = Number(process.env["RATE"] || 500)
const prefix = "soak."
const sampleEvery = "1 second"
/** A rise of the heap's floor that is still flat, in MiB: caches fill and code is compiled for a while. */
const riseMax = 16
const mebibyte = 2 ** 20

interface Samples {
  readonly instance: Instance
  readonly heap: Array<number>
  readonly resident: Array<number>
}

const soak = Effect.gen(function* () {
  const arena = yield* startArena(1)
  return yield* work(arena).pipe(
    Effect.provide(
      Layer.merge(layerKafka({ brokers: [arena.brokers] }), registryLayer({ url: arena.registry.url, prefix }))
    )
  )
})

const work = (arena: Arena) =>
  Effect.gen(function* () {
    yield* createTopics(prefix)
    yield* registerSchemas({ url: arena.registry.url }, prefix)
    const folder = path.join(arena.folder, "soak")
    yield* Effect.sync(() => mkdirSync(folder))
    const fleet = yield* makeFleet({ folder, environment: environmentOf(arena, prefix) })
    const instances = yield* Effect.forEach(processors, fleet.start)
    yield* Effect.forEach(instances, ({ ready }) => ready, { concurrency: "unbounded", discard: true })
    const load = makeLoad(prefix, 1, recordsPerSecond)
    const publishing = yield* Effect.forkScoped(load.publish)
    const all = instances.map((instance): Samples => ({ instance, heap: [], resident: [] }))
    for (let second = 0; second < minutes * 60; second++) {
      yield* Effect.forEach(all, sample, { concurrency: "unbounded", discard: true })
      yield* Effect.sleep(sampleEvery)
    }
    const behind = yield* normalizerLag
    yield* Fiber.interrupt(publishing)
    return { all, published: load.records(), behind, restarts: fleet.restarts() }
  })

const sample = ({ instance, heap, resident }: Samples) =>
  Effect.gen(function* () {
    const used = yield* instance.metric("capi_process_heap_used_bytes")
    const rss = yield* instance.metric("capi_process_resident_memory_bytes")
    if (used !== null) heap.push(used / mebibyte)
    if (rss !== null) resident.push(rss / mebibyte)
  })

/** Records of raw-events that the normalizer has not committed yet: above a few seconds' worth the load was too much. */
const normalizerLag = Effect.gen(function* () {
  const kafka = yield* KafkaClient
  const ends = yield* kafka.topicOffsets(`${prefix}raw-events`)
  const committed = yield* kafka.committed(`${prefix}normalizer`, `${prefix}raw-events`)
  return ends.reduce((sum, { partition, high }) => sum + high - (committed[partition]?.offset ?? 0), 0)
})

/** The lowest of each tenth, since what was collected last says how much is really held. */
const floors = (values: ReadonlyArray<number>): ReadonlyArray<number> =>
  Array.from({ length: 10 }, (_, tenth) =>
    Math.min(...values.slice(Math.floor((values.length * tenth) / 10), Math.ceil((values.length * (tenth + 1)) / 10)))
  )

/** How much the floor of the last three tenths lies over that of the three after the warm-up. */
const riseOf = (values: ReadonlyArray<number>): number => {
  const tenths = floors(values)
  return Math.min(...tenths.slice(7)) - Math.min(...tenths.slice(2, 5))
}

const figuresOf = ({ all, published, behind, restarts }: Effect.Success<ReturnType<typeof work>>) => [
  { figure: "raw records published", value: published, unit: "records" },
  { figure: "behind at the end", value: behind, unit: "records", goal: { atMost: recordsPerSecond * 10 } },
  { figure: "processes started again", value: restarts, unit: "processes", goal: { atMost: 0 } },
  ...all.flatMap(
    ({ instance: { processor }, heap, resident }): ReadonlyArray<Figure> => [
      { figure: `${processor}: rise of the heap's floor`, value: riseOf(heap), unit: "MiB", goal: { atMost: riseMax } },
      { figure: `${processor}: heap's floor at the end`, value: floors(heap).at(-1) ?? 0, unit: "MiB" },
      { figure: `${processor}: resident at the end`, value: resident.at(-1) ?? 0, unit: "MiB" }
    ]
  )
]

const exit = await Effect.runPromiseExit(Effect.scoped(soak))
if (Exit.isFailure(exit)) process.stderr.write(`${Cause.pretty(exit.cause)}\n`)
const reached = Exit.isSuccess(exit) && report("soak", figuresOf(exit.value), { minutes, recordsPerSecond })
process.exit(reached ? 0 : 1)
