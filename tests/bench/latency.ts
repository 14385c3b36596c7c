/**
 * `make bench-latency`: from a raw record's time to the platform's answer, at a fixed rate. Records are published by a
 * schedule and carry the time at which they were due, so that a stall of the publisher counts as well (no coordinated
 * omission). Both ends are read from the records themselves: the raw record's timestamp and the result's answer.
 */
import process from "node:process"
import { Effect } from "effect"
import { Codecs } from "../../shared/avro/codecs.ts"
import { registryLayer } from "../../shared/avro/registry.ts"
import { layerKafka } from "../../shared/kafka/kafkajs-client.ts"
import { KafkaClient } from "../../shared/kafka/port.ts"
import { type Cluster, cluster, progress, startProcessors, startSink, until, untilReady } from "./cluster.ts"
import { purchase } from "./purchases.ts"
import { report } from "./report.ts"

const rate = Number(process.env["RATE"] ?? 500)
const seconds = Number(process.env["SECONDS"] ?? 30)
const warmUpSeconds = 10
const stepMillis = 5

/** Publishes what is due every few milliseconds; each record's time is the one at which it was due. */
const publishBySchedule = Effect.gen(function* () {
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
        const value = codecs.encode("raw-events", "raw-event", purchase(index, begun))
        return { topic: "raw-events", key: `u-${index}`, value, timestamp: begun + Math.floor((index * 1000) / rate) }
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
        Effect.map(codecs.prepare(records.map(({ value }) => value)), () => {
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

const measure = (made: Cluster) =>
  Effect.gen(function* () {
    const sink = yield* startSink(made, null)
    const processes = yield* Effect.promise(() =>
      startProcessors(made, { platforms: ["meta"], sink, limits: { linger: "5 millis" } })
    )
    yield* Effect.addFinalizer(() => Effect.promise(() => Promise.all(processes.map(({ stop }) => stop()))))
    yield* Effect.promise(() => untilReady(processes))
    progress(`Publishing ${rate} events/s for ${warmUpSeconds + seconds} s.`)
    const { begun, total } = yield* publishBySchedule
    yield* Effect.promise(() => until("all is delivered", async () => (await sink.stats()).events >= total))
    yield* Effect.sleep("2 seconds")
    const sorted = yield* latencies(begun + warmUpSeconds * 1000)
    return report(
      "latency",
      [
        { figure: "p50", value: at(sorted, 0.5), unit: "ms", goal: { atMost: 50 } },
        { figure: "p90", value: at(sorted, 0.9), unit: "ms" },
        { figure: "p99", value: at(sorted, 0.99), unit: "ms", goal: { atMost: 250 } },
        { figure: "p99.9", value: at(sorted, 0.999), unit: "ms" },
        { figure: "longest", value: at(sorted, 1), unit: "ms" },
        { figure: "events", value: sorted.length, unit: "events", goal: { atLeast: rate * seconds * 0.99 } }
      ],
      { rate, seconds, warmUpSeconds, linger: "5 ms" }
    )
  }).pipe(
    Effect.scoped,
    Effect.provide(layerKafka({ brokers: made.brokers.split(",") })),
    Effect.provide(registryLayer({ url: made.registryUrl, prefix: "" }))
  )

Effect.runPromise(Effect.scoped(Effect.flatMap(cluster, measure))).then(
  (reached) => process.exit(reached ? 0 : 1),
  (error: unknown) => {
    process.stderr.write(`${String(error)}\n`)
    process.exit(2)
  }
)
