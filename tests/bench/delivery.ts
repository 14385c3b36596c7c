/**
 * `make bench-delivery`: what the delivery engine costs for each event without Kafka: batches of mapped purchases go through
 * a connection's step and over HTTP to a local sink. PLATFORM=meta, EVENTS=200000; profile with --cpu-prof.
 */
import process from "node:process"
import { GCProfiler } from "node:v8"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import { DeliveryServices } from "../../processors/delivery/engine/delivery-services.ts"
import { deliveryProcessor } from "../../processors/delivery/engine/processor.ts"
import { deliveryDefaults } from "../../processors/delivery/engine/settings.ts"
import { Codecs } from "../../shared/codec/codecs.ts"
import type { Connection } from "../../shared/connections/connection.ts"
import { opensNothing } from "../../shared/connectors/connector.ts"
import { makeHttpTransport } from "../../shared/connectors/http/http-client.ts"
import { builtinConnection } from "../../shared/connectors/load-connections.ts"
import { connectorFor } from "../../shared/connectors/registry.ts"
import { readBatch } from "../../shared/kafka/wire/record-batch-reader.ts"
import { sizeBatch, writeBatch } from "../../shared/kafka/wire/record-batch-writer.ts"
import type { ConnectorKind } from "../../shared/model/platform.ts"
import type { Inbound, Outbound } from "../../shared/runtime/contract.ts"
import { endWithLauncher } from "../../shared/runtime/end-with-launcher.mjs"
import { tuneHeap } from "../../shared/runtime/tune-heap.ts"
import { noSuppressions } from "../../shared/suppression/suppressions.ts"
import { makeMemoryCodecs } from "../../shared/testing/memory-codecs.ts"
import { corePipeline, median } from "./core-pipeline.ts"
import { collected } from "./heap-use.ts"
import { purchase } from "./purchases.ts"
import { report } from "./report.ts"
import { startSink } from "./start-sink.ts"

endWithLauncher()

const kind = (process.env["PLATFORM"] ?? "meta") as ConnectorKind
const events = Number(process.env["EVENTS"] ?? 200_000)
const rounds = 10
const now = Date.now()
const topic = `mapped-events.${kind}`
const codecs = makeMemoryCodecs()
const pipeline = corePipeline(now, kind === "whatsapp" ? "of all events" : "none")
const batchSize = connectorFor(kind).limits.documented.eventsPerRequest

/** Batches as a fetch brings them: one buffer each, from which the records are cut when asked. */
const batchesPrepared = Math.ceil(20_000 / batchSize)
const fetched = Array.from({ length: batchesPrepared }, (_, batch) => {
  const records = Array.from({ length: batchSize }, (_, index) => {
    const event = pipeline.mapped(pipeline.normalized(purchase(batch * batchSize + index, now)), kind)
    const value = codecs.encode(topic, "mapped-event", event)
    return { key: event.event_id, value, timestamp: now, headers: { connection: "bench" } }
  })
  const sized = sizeBatch(records, now)
  const buffer = Buffer.alloc(sized.bytes + 16)
  writeBatch(buffer, 0, sized, { now, transactional: false, producerId: -1n, producerEpoch: -1, firstSequence: -1 })
  return buffer
})

const fetchBatch = (index: number): ReadonlyArray<Inbound> => {
  const { records } = readBatch(Buffer.from(fetched[index % fetched.length]!), 0)
  for (const record of records) record.topic = topic
  return records
}

const connectionTo = (url: string): Connection => {
  const builtin = builtinConnection(kind)
  return {
    ...builtin,
    id: "bench",
    account: { ...builtin.account, ...(kind === "google" ? { oauth_host: url } : {}) },
    endpoint: { host: url, version: "v1" },
    limits: { ...builtin.limits, requestsPerWindow: 10_000_000, eventsPerWindow: 100_000_000, linger: Duration.zero }
  }
}

const servicesOver = (execute: Effect.Success<ReturnType<typeof makeHttpTransport>>["execute"]) => ({
  execute,
  secret: Effect.succeed({
    access_token: Redacted.make("token"),
    refresh_token: Redacted.make("r"),
    client_id: Redacted.make("c"),
    client_secret: Redacted.make("s")
  }),
  open: opensNothing,
  sealer: null,
  publish: () => Effect.void,
  partitionsTotal: Effect.succeed(1),
  suppressions: noSuppressions
})

/** Outputs are held for as long as a commit takes about: until the next step is complete. */
let committing: ReadonlyArray<Outbound> = []
let held: Buffer | null = null

const main = (url: string) =>
  Effect.gen(function* () {
    const transport = yield* makeHttpTransport()
    const connector = connectorFor(kind)
    const options = { connector, connection: connectionTo(url), settings: deliveryDefaults }
    const services = servicesOver(transport.execute)
    const processor = yield* Effect.provideService(deliveryProcessor(options), DeliveryServices, services)
    const task = yield* processor.open({ topic, partition: 0, append: () => Effect.void })
    const batches = Math.ceil(events / rounds / batchSize)
    let next = 0
    const round = Effect.gen(function* () {
      const main = process.threadCpuUsage()
      const all = process.cpuUsage()
      for (let batch = 0; batch < batches; batch++) {
        const records = fetchBatch(next++).filter(processor.accept ?? (() => true))
        const { outputs } = yield* task.step({ topic, partition: 0, records })
        if (outputs.length < records.length) throw new Error("An event has no result.")
        committing = outputs
      }
      const { user, system } = process.cpuUsage(all)
      const own = process.threadCpuUsage(main)
      const count = batches * batchSize
      return { all: (user + system) / count, main: (own.user + own.system) / count }
    })
    for (let warm = 0; warm < 3; warm++) yield* round
    const collector = new GCProfiler()
    collector.start()
    const measured: Array<Effect.Success<typeof round>> = []
    for (let one = 0; one < rounds; one++) measured.push(yield* round)
    return { measured, garbage: collected(collector.stop(), rounds * batches * batchSize) }
  })

tuneHeap()
const { url, sink } = await startSink()
const { measured, garbage } = await Effect.runPromise(
  main(url).pipe(Effect.scoped, Effect.provide(Layer.succeed(Codecs, codecs)))
)
sink.kill()
if (committing.length === 0) throw new Error("Nothing was delivered.")
const fetching = process.cpuUsage()
const lots = Math.ceil(events / 2 / batchSize)
for (let batch = 0; batch < lots; batch++) for (const record of fetchBatch(batch)) held = record.value
const own = process.cpuUsage(fetching)
if (held === null) throw new Error("Nothing was fetched.")
report(
  `delivery-${kind}`,
  [
    { figure: "all threads", value: median(measured.map(({ all }) => all)), unit: "us CPU/event" },
    { figure: "main thread", value: median(measured.map(({ main }) => main)), unit: "us CPU/event" },
    { figure: "the fetch alone", value: (own.user + own.system) / lots / batchSize, unit: "us CPU/event" },
    { figure: "allocated in the heap", value: garbage.allocated, unit: "bytes/event" },
    { figure: "that outlived the young generation", value: garbage.promoted, unit: "bytes/event" },
    { figure: "young collections", value: garbage.young, unit: "in 100,000 events" },
    { figure: "whole collections", value: garbage.whole, unit: "in 100,000 events" }
  ],
  { events, batchSize }
)
