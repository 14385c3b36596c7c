/**
 * `make bench-latency`: from a raw record's time to the platform's answer, at a fixed rate: that of a shop, and half of what
 * the machine can do (RATE for another). Records are published by a schedule and carry the time at which they were due, so that
 * a stall of the publisher counts as well (no coordinated omission). Both ends are read from the records themselves: the raw
 * record's timestamp and the result's answer.
 */
import process from "node:process"
import * as Effect from "effect/Effect"
import { Codecs, type Records } from "../../shared/codec/codecs.ts"
import { registryLayer } from "../../shared/codec/registry.ts"
import { type FetchedRecord, KafkaClient } from "../../shared/kafka/client.ts"
import { layerKafka } from "../../shared/kafka/kafkajs/adapter.ts"
import { topicNames } from "../../shared/model/topics.ts"
import { endWithLauncher } from "../../shared/runtime/end-with-launcher.mjs"
import { waitUntil } from "../harness/wait-until.ts"
import { type Cluster, clusterWith, progress, startProcessors, startSink, untilReady } from "./cluster.ts"
import { purchase } from "./purchases.ts"
import { type Figure, report } from "./report.ts"
import { warmBroker } from "./warm-broker.ts"

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
/** The broker's JVM compiles for longer than it takes our programs to be warm: a broker that has run for a while has done so. */
const warmUpTransactions = Number(process.env["WARM_UP_TRANSACTIONS"] ?? 16_000)
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

/** Milliseconds from each raw record that was due after the warm-up to what happened to it, sorted, in the order of the way. */
const latencies = (after: number) =>
  Effect.gen(function* () {
    const normalized = yield* readMillis(topicNames.normalized, "normalized-event", after, ({ timestamp }) => timestamp)
    const mapped = yield* readMillis(topicNames.mapped("meta"), "mapped-event", after, ({ timestamp }) => timestamp)
    const begun = yield* readMillis(topicNames.results, "event-delivery-log", after, (_, log) => log.attempted_at)
    const answered = yield* readMillis(topicNames.results, "event-delivery-log", after, (_, log) =>
      log.attempted_at === null ? null : log.attempted_at + log.latency_ms
    )
    return { normalized, mapped, begun, answered }
  })

/** `endOf` gives when, by a stage's record; null leaves it out. */
const readMillis = <S extends "normalized-event" | "mapped-event" | "event-delivery-log">(
  topic: string,
  schema: S,
  after: number,
  endOf: (record: FetchedRecord, value: Records[S]) => number | null
) =>
  Effect.gen(function* () {
    const codecs = yield* Codecs
    const kafka = yield* KafkaClient
    const found: Array<number> = []
    const offsets = yield* kafka.topicOffsets(topic)
    yield* kafka.read({
      topic,
      ranges: offsets.map(({ partition, low, high }) => ({ partition, from: low, to: high })),
      onRecords: (records) =>
        Effect.map(codecs.loadSchemas(records.map(({ value }) => value)), () => {
          for (const record of records) {
            const decoded = codecs.decode(schema, record.value)
            if (decoded._tag !== "Decoded") continue
            const value = decoded.value as Records[S]
            const end = endOf(record, value)
            const { source } = value
            if (end !== null && source !== null && source.timestamp >= after) found.push(end - source.timestamp)
          }
        })
    })
    return found.sort((left, right) => left - right)
  })

const at = (sorted: ReadonlyArray<number>, share: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN

interface Latencies {
  readonly normalized: ReadonlyArray<number>
  readonly mapped: ReadonlyArray<number>
  readonly begun: ReadonlyArray<number>
  readonly answered: ReadonlyArray<number>
}

/** Of the stages, from the raw record on, so that a hop is the difference of two. */
const figuresOf = (
  { rate, p50Max, p99Max }: Load,
  { answered: sorted, ...stages }: Latencies
): ReadonlyArray<Figure> => {
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
    figure("until the normalizer writes, p50", at(stages.normalized, 0.5), "ms"),
    figure("until the normalizer writes, p99", at(stages.normalized, 0.99), "ms"),
    figure("until the mapper writes, p50", at(stages.mapped, 0.5), "ms"),
    figure("until the mapper writes, p99", at(stages.mapped, 0.99), "ms"),
    figure("until the request begins, p50", at(stages.begun, 0.5), "ms"),
    figure("until the request begins, p99", at(stages.begun, 0.99), "ms"),
    figure("events", sorted.length, "events", { atLeast: rate * seconds * 0.99 })
  ]
}

const measure = (made: Cluster) =>
  Effect.gen(function* () {
    const sink = yield* startSink(made, null)
    yield* warmBroker(made, warmUpTransactions)
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
    return report("latency", figures, { seconds, warmUpSeconds, warmUpTransactions, partitions, linger: "5 ms" })
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
