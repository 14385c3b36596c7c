/**
 * `make bench-latency`: from a raw record's time to the platform's answer, at a fixed rate: that of a shop, and half of what
 * the machine can do (RATE for another). Records are published by a schedule and carry the time at which they were due, so that
 * a stall of the publisher counts as well (no coordinated omission). Both ends are read from the records themselves: the raw
 * record's timestamp and the result's answer.
 */
import process from "node:process"
import * as Effect from "effect/Effect"
import { Codecs } from "../../shared/codec/codecs.ts"
import { registryLayer } from "../../shared/codec/registry.ts"
import { KafkaClient } from "../../shared/kafka/client.ts"
import { layerKafka } from "../../shared/kafka/kafkajs/adapter.ts"
import { endWithLauncher } from "../../shared/runtime/end-with-launcher.mjs"
import { waitUntil } from "../harness/wait-until.ts"
import { type Cluster, clusterWith, progress, startProcessors, startSink, untilReady } from "./cluster.ts"
import { purchase } from "./purchases.ts"
import { type Figure, report } from "./report.ts"

endWithLauncher()

interface Load {
  readonly rate: number
  readonly p50Max?: number
  readonly p99Max: number
}

const loads: ReadonlyArray<Load> =
  process.env["RATE"] === undefined
    ? [
        { rate: 500, p50Max: 50, p99Max: 250 },
        { rate: 4_500, p99Max: 1_000 }
      ]
    : [{ rate: Number(process.env["RATE"]), p99Max: 1_000 }]
const seconds = Number(process.env["SECONDS"] ?? 30)
/** The broker's JVM compiles for longer than it takes our programs to be warm. */
const warmUpSeconds = Number(process.env["WARM_UP_SECONDS"] ?? 30)
/** One carries 500 events/s many times over; each further one is a further transaction at each stage for the same events. */
const partitions = Number(process.env["PARTITIONS"] ?? 1)
const stepMillis = 5

/** Publishes what is due every few milliseconds; each record's time is the one at which it was due. */
const publishBySchedule = Effect.fnUntraced(function* (rate: number, first: number) {
  const codecs = yield* Codecs
  const kafka = yield* KafkaClient
  const begun = Date.now()
  const total = rate * (warmUpSeconds + seconds)
  let published = 0
  while (published < total) {
    const due = Math.min(total, Math.floor(((Date.now() - begun) * rate) / 1000))
    if (due > published) {
      const records = Array.from({ length: due - published }, (_, offset) => {
        const index = published + offset
        const value = codecs.encode("raw-events", "raw-event", purchase(first + index, begun))
        return {
          topic: "raw-events",
          key: `u-${first + index}`,
          value,
          timestamp: begun + Math.floor((index * 1000) / rate)
        }
      })
      published = due
      yield* Effect.forkChild(kafka.produce(records))
    }
    yield* Effect.sleep(stepMillis)
  }
  return { begun, total }
})

/** Milliseconds from each raw record that was due after the warm-up to its answer. */
const latencies = (after: number) =>
  Effect.gen(function* () {
    const codecs = yield* Codecs
    const kafka = yield* KafkaClient
    const found: Array<number> = []
    const offsets = yield* kafka.topicOffsets("delivery-results")
    yield* kafka.read({
      topic: "delivery-results",
      ranges: offsets.map(({ partition, low, high }) => ({ partition, from: low, to: high })),
      onRecords: (records) =>
        Effect.map(codecs.loadSchemas(records.map(({ value }) => value)), () => {
          for (const { value } of records) {
            const decoded = codecs.decode("event-delivery-log", value)
            if (decoded._tag !== "Decoded" || decoded.value.attempted_at === null) continue
            const { attempted_at, latency_ms, source } = decoded.value
            if (source !== null && source.timestamp >= after) found.push(attempted_at + latency_ms - source.timestamp)
          }
        })
    })
    return found.sort((left, right) => left - right)
  })

const at = (sorted: ReadonlyArray<number>, share: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN

const figuresOf = ({ rate, p50Max, p99Max }: Load, sorted: ReadonlyArray<number>): ReadonlyArray<Figure> => {
  const figure = (name: string, value: number, unit: string, goal?: Figure["goal"]): Figure => ({
    figure: `${name} at ${rate} events/s`,
    value,
    unit,
    ...(goal === undefined ? {} : { goal })
  })
  return [
    figure("p50", at(sorted, 0.5), "ms", p50Max === undefined ? undefined : { atMost: p50Max }),
    figure("p90", at(sorted, 0.9), "ms"),
    figure("p99", at(sorted, 0.99), "ms", { atMost: p99Max }),
    figure("p99.9", at(sorted, 0.999), "ms"),
    figure("longest", at(sorted, 1), "ms"),
    figure("events", sorted.length, "events", { atLeast: rate * seconds * 0.99 })
  ]
}

const measure = (made: Cluster) =>
  Effect.gen(function* () {
    const sink = yield* startSink(made, null)
    const processes = yield* Effect.promise(() =>
      startProcessors(made, { platforms: ["meta"], sink, limits: { linger: "5 millis" } })
    )
    yield* Effect.addFinalizer(() => Effect.promise(() => Promise.all(processes.map(({ stop }) => stop()))))
    yield* Effect.promise(() => untilReady(processes))
    const figures: Array<Figure> = []
    let published = 0
    for (const load of loads) {
      progress(`Publishing ${load.rate} events/s for ${warmUpSeconds + seconds} s.`)
      const { begun, total } = yield* publishBySchedule(load.rate, published)
      published += total
      yield* Effect.promise(() =>
        waitUntil("all is delivered", async () => (await sink.stats()).events >= published, 180_000)
      )
      yield* Effect.sleep("2 seconds")
      figures.push(...figuresOf(load, yield* latencies(begun + warmUpSeconds * 1000)))
    }
    return report("latency", figures, { seconds, warmUpSeconds, partitions, linger: "5 ms" })
  }).pipe(
    Effect.scoped,
    Effect.provide(layerKafka({ brokers: made.brokers.split(",") })),
    Effect.provide(registryLayer({ url: made.registryUrl, prefix: "" }))
  )

Effect.runPromise(Effect.scoped(Effect.flatMap(clusterWith({}, partitions), measure))).then(
  (reached) => process.exit(reached ? 0 : 1),
  (error: unknown) => {
    process.stderr.write(`${String(error)}\n`)
    process.exit(2)
  }
)
