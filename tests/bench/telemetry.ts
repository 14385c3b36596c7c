/**
 * `make bench-telemetry`: what tracing costs. Purchases go through the steps of normalizer, mapper and delivery, over Kafka's record
 * batches between them and over HTTP to a local sink, without tracing, with 1 % and with 100 % sampled, alternating in one run; spans are
 * exported to the sink as well. Processor time of the whole process, its exporter included. EVENTS=3000 a turn, ROUNDS=20, FULL=no without 100 %.
 */
import process from "node:process"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import { DeliveryServices } from "../../processors/delivery/engine/delivery-services.ts"
import { deliveryProcessor } from "../../processors/delivery/engine/processor.ts"
import { deliveryDefaults } from "../../processors/delivery/engine/settings.ts"
import { mapper } from "../../processors/mapper/mapper.ts"
import { normalizer } from "../../processors/normalizer/normalizer.ts"
import { Codecs } from "../../shared/codec/codecs.ts"
import type { TelemetrySettings } from "../../shared/config/otel.ts"
import type { Connection } from "../../shared/connections/connection.ts"
import { opensNothing } from "../../shared/connectors/connector.ts"
import { makeHttpTransport } from "../../shared/connectors/http/http-client.ts"
import { builtinConnection } from "../../shared/connectors/load-connections.ts"
import { connectorFor } from "../../shared/connectors/registry.ts"
import { makeSealer } from "../../shared/credentials/sealer.ts"
import { KafkaClient } from "../../shared/kafka/client.ts"
import { type RecordView, readBatch } from "../../shared/kafka/wire/record-batch-reader.ts"
import { type BatchRecord, sizeBatch, writeBatch } from "../../shared/kafka/wire/record-batch-writer.ts"
import type { Outbound } from "../../shared/runtime/contract.ts"
import { endWithLauncher } from "../../shared/runtime/end-with-launcher.mjs"
import { tuneHeap } from "../../shared/runtime/tune-heap.ts"
import { noSuppressions } from "../../shared/suppression/suppressions.ts"
import { telemetryLayer } from "../../shared/telemetry/otlp/otlp.ts"
import { makeMemoryCodecs } from "../../shared/testing/memory-codecs.ts"
import { MemoryKafka } from "../../shared/testing/memory-kafka.ts"
import { purchaseJson } from "./purchases.ts"
import { report } from "./report.ts"
import { startSink } from "./start-sink.ts"

endWithLauncher()

const events = Number(process.env["EVENTS"] ?? 3_000)
const rounds = Number(process.env["ROUNDS"] ?? 20)
const batchSize = 1_000
const now = Date.now()
const codecs = makeMemoryCodecs()
const sealer = makeSealer(Redacted.make("a key of the benchmark alone"))

const warmUps = 6
const orders = ["012", "201", "120", "210", "021", "102"].map((order) => [...order].map(Number))

/** Null: without tracing. */
const modes = { off: null, "1 %": 0.01, "100 %": 1 } as const
type Mode = keyof typeof modes

/** FULL=no: without the last, which leaves garbage that the others collect. */
const compared = (Object.keys(modes) as ReadonlyArray<Mode>).slice(0, process.env["FULL"] === "no" ? 2 : 3)

const telemetry = (url: string, ratio: number | null) => {
  if (ratio === null) return Layer.empty
  const settings: TelemetrySettings = {
    endpoint: url,
    headers: Redacted.make({}),
    protocol: (process.env["PROTOCOL"] ?? "http/json") as TelemetrySettings["protocol"],
    compression: "none",
    timeout: Duration.seconds(10),
    tls: {},
    serviceName: null,
    resource: {},
    traces: true,
    metrics: false,
    logs: false,
    sampler: { name: "parentbased_traceidratio", ratio },
    // None is dropped, which would make it cheaper.
    queueItemsMax: 1_000_000,
    batchItemsMax: 512,
    exportEvery: Duration.millis(100),
    metricsEvery: Duration.minutes(1)
  }
  return telemetryLayer({ settings, program: "bench", prefix: "" })
}

const connectionTo = (url: string): Connection => {
  const builtin = builtinConnection("meta")
  const limits = { requestsPerWindow: 10_000_000, eventsPerWindow: 100_000_000, linger: Duration.zero }
  return { ...builtin, id: "bench", endpoint: { host: url, version: "v1" }, limits: { ...builtin.limits, ...limits } }
}

/** The records as the broker hands them on: written to a batch, and read from it. */
const throughKafka = (topic: string, records: ReadonlyArray<BatchRecord>, firstOffset: number): Array<RecordView> => {
  const sized = sizeBatch(records, now)
  const buffer = Buffer.alloc(sized.bytes + 16)
  writeBatch(buffer, 0, sized, { now, transactional: false, producerId: -1n, producerEpoch: -1, firstSequence: -1 })
  const read = [...readBatch(buffer, 0).records]
  for (const [index, record] of read.entries()) {
    record.topic = topic
    record.offset = firstOffset + index
  }
  return read
}

const ofTopic = (outputs: ReadonlyArray<Outbound>, topic: string): ReadonlyArray<BatchRecord> =>
  outputs.filter((output) => output.topic === topic).map((output) => ({ ...output, timestamp: now }))

/** The three steps of a mode; gives how many events have a result. */
const chainOf = (url: string) =>
  Effect.gen(function* () {
    const config = {
      options: { defaultCountries: ["US"], recipients: null, messageEvents: null, futureToleranceMillis: 86_400_000 },
      deadLetters: sealer,
      recordBytesMax: 1_048_576,
      schemaTimeout: Duration.seconds(30)
    }
    const connection = connectionTo(url)
    const connector = connectorFor("meta")
    const transport = yield* makeHttpTransport()
    const services = {
      execute: transport.execute,
      secret: Effect.succeed({ access_token: Redacted.make("token") }),
      open: opensNothing,
      sealer,
      publish: () => Effect.void,
      partitionsTotal: Effect.succeed(1),
      suppressions: noSuppressions
    }
    // Requests are as large in every mode.
    const settings = { ...deliveryDefaults, optimizer: { ...deliveryDefaults.optimizer, sizeMin: batchSize } }
    const deliveries = yield* Effect.provideService(
      deliveryProcessor({ connector, connection, settings }),
      DeliveryServices,
      services
    )
    const append = () => Effect.void
    const [raw, normalized, mapped] = ["raw-events", "normalized-events", "mapped-events.meta"] as const
    const normalize = yield* normalizer(config).open({ topic: raw, partition: 0, append })
    const map = yield* mapper([{ connection, connector }], sealer).open({ topic: normalized, partition: 0 })
    const deliver = yield* deliveries.open({ topic: mapped, partition: 0, append })
    return Effect.fnUntraced(function* (values: ReadonlyArray<BatchRecord>, offset: number) {
      const batch = (topic: string, records: ReadonlyArray<BatchRecord>) => ({
        topic,
        partition: 0,
        records: throughKafka(topic, records, offset)
      })
      const first = yield* normalize.step(batch(raw, values))
      const second = yield* map.step(batch(normalized, ofTopic(first.outputs, normalized)))
      first.release?.()
      const third = yield* deliver.step(batch(mapped, ofTopic(second.outputs, mapped)))
      second.release?.()
      return third.outputs.length
    })
  })

let next = 0
const rawBatch = (): ReadonlyArray<BatchRecord> =>
  Array.from({ length: batchSize }, () => ({ key: String(next), value: purchaseJson(next++, now), timestamp: now }))

type Run = Effect.Success<ReturnType<typeof chainOf>>
type Needs = Codecs | KafkaClient | Scope.Scope

/** Microseconds for each event, with what is exported of them. */
const turn = Effect.fnUntraced(function* (run: Run) {
  let micros = 0
  for (let done = 0; done < events; done += batchSize) {
    const offset = next
    const batch = rawBatch()
    const before = process.cpuUsage()
    const results = yield* run(batch, offset)
    const { user, system } = process.cpuUsage(before)
    micros += user + system
    if (results < batchSize) throw new Error("An event has no result.")
  }
  const before = process.cpuUsage()
  yield* Effect.sleep("250 millis")
  const { user, system } = process.cpuUsage(before)
  return (micros + user + system) / events
})

const main = (url: string): Effect.Effect<ReadonlyMap<Mode, ReadonlyArray<number>>, unknown, Needs> =>
  Effect.gen(function* () {
    const names = compared
    const chains = yield* Effect.forEach(names, (name) =>
      Effect.gen(function* () {
        const context = yield* Layer.build(telemetry(url, modes[name]))
        const run = yield* Effect.provideContext(chainOf(url), context)
        return { name, turn: Effect.provideContext(turn(run), context), micros: [] as Array<number> }
      })
    )
    for (let round = 0; round < rounds + warmUps; round++) {
      // Each mode comes equally often after each other: one leaves garbage that the next collects.
      const order = orders[round % orders.length]!.filter((index) => index < chains.length)
      for (const index of order) {
        const chain = chains[index]!
        const micros = yield* chain.turn
        if (round >= warmUps) chain.micros.push(micros)
      }
    }
    return new Map(chains.map(({ name, micros }) => [name, micros]))
  }) as Effect.Effect<ReadonlyMap<Mode, ReadonlyArray<number>>, unknown, Needs>

tuneHeap()
const { url, sink } = await startSink()
const measured = await Effect.runPromise(
  main(url).pipe(
    Effect.scoped,
    Effect.provide(Layer.merge(Layer.succeed(Codecs, codecs), Layer.succeed(KafkaClient, new MemoryKafka().client)))
  )
)
sink.kill()
/** The lower quartile: what disturbs a turn only makes it dearer. */
const cost = (mode: Mode): number =>
  measured.get(mode)!.toSorted((left, right) => left - right)[Math.floor(rounds / 4)]!
const overhead = (mode: Mode): number => (100 * (cost(mode) - cost("off"))) / cost("off")
const reached = report(
  "telemetry",
  [
    ...[...measured.keys()].map((mode) => ({ figure: mode, value: cost(mode), unit: "us CPU/event" })),
    { figure: "1 %: overhead", value: overhead("1 %"), unit: "%", goal: { atMost: 3 } },
    ...(compared.includes("100 %") ? [{ figure: "100 %: overhead", value: overhead("100 %"), unit: "%" }] : [])
  ],
  { events, rounds, batchSize }
)
process.exit(reached ? 0 : 1)
