/**
 * `make bench-trace`: LOG events (200,000: 3 KB of disk each) in a real log, each with six records, the indexer's CPU for them, and how
 * long lookups of whole stories take with the entries of EVENTS events (10,000,000) in its file: by event id, order id and click id in
 * turn, of events of any age in the log. The entries of the others are written to the file before it starts. ONLY=index measures the
 * index alone, without a log.
 */
import { statSync } from "node:fs"
import path from "node:path"
import process from "node:process"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import { freePort } from "../../infra/local/ports.ts"
import { IndexStore } from "../../processors/indexer/index-store.ts"
import { makeTermHasher } from "../../processors/indexer/terms.ts"
import { maskRecord } from "../../processors/normalizer/preview/mask.ts"
import type { Codecs } from "../../shared/codec/codecs.ts"
import { Codecs as CodecsService } from "../../shared/codec/codecs.ts"
import { registryLayer } from "../../shared/codec/registry.ts"
import { SettingsService } from "../../shared/config/settings.ts"
import { loadIdentityKey } from "../../shared/credentials/identity-key-topic.ts"
import { makeSealer } from "../../shared/credentials/sealer.ts"
import { makeIndexClient } from "../../shared/event-story/ask-index.ts"
import type { QueryKind } from "../../shared/event-story/story.ts"
import { traceEvent } from "../../shared/event-story/trace-event.ts"
import { KafkaClient, type ProducedRecord } from "../../shared/kafka/client.ts"
import { layerKafka } from "../../shared/kafka/kafkajs/adapter.ts"
import { deliveryResult } from "../../shared/model/delivery-result.ts"
import { topicNames } from "../../shared/model/topics.ts"
import { endWithLauncher } from "../../shared/runtime/end-with-launcher.mjs"
import { mappedEvent } from "../../shared/testing/connector-fixture.ts"
import { jane, properties, purchase } from "../../shared/testing/event-fixture.ts"
import { defaultMasterKey } from "../harness/environment.ts"
import { waitUntil } from "../harness/wait-until.ts"
import { cluster, progress, startProcessors, untilReady } from "./cluster.ts"
import { cpuSeconds, peakMebibytes } from "./measured-process.ts"
import { report } from "./report.ts"
import { fillIndex, measureIndex } from "./trace-index.ts"

endWithLauncher()

const events = Number(process.env["EVENTS"] ?? 10_000_000)
const inLog = Math.min(events, Number(process.env["LOG"] ?? 200_000))
const lookups = Number(process.env["LOOKUPS"] ?? 300)
const batchEvents = 2_000
const platforms = ["meta", "tiktok"] as const

const texts: Readonly<Record<QueryKind, (index: number) => string>> = {
  event: (index) => `event-${index}`,
  order: (index) => `order-${index}`,
  click: (index) => `Cj0KCQiA-${index}`
}

/** The records of an event, at partitions by its key as everywhere; the raw record's offset is its number in its partition. */
const recordsOf = (index: number, now: number, codecs: Codecs["Service"]): ReadonlyArray<ProducedRecord> => {
  const id = texts.event(index)
  const source = { topic: topicNames.raw, partition: index % 4, offset: Math.floor(index / 4), timestamp: now }
  const user = { ...jane, fbc: null, fbclid: null, ttclid: null, sc_click_id: null, gclid: texts.click(index) }
  const normalized = purchase({ event_id: id, source, user, properties: properties({ order_id: texts.order(index) }) })
  const value = codecs.encode(topicNames.normalized, "normalized-event", normalized)
  const raw = Buffer.from(
    JSON.stringify({ event_id: id, event_name: "purchase", event_time: now, user: { ip: "8.8.8.8" } })
  )
  return [
    { topic: topicNames.raw, partition: index % 4, key: null, value: raw },
    { topic: topicNames.normalized, key: id, value },
    ...platforms.flatMap((platform): ReadonlyArray<ProducedRecord> => {
      const connection = { connection_id: `${platform}-shop`, platform }
      const topic = topicNames.mapped(platform)
      const mapped = codecs.encode(topic, "mapped-event", { ...mappedEvent(1), ...connection, event_id: id, source })
      const result = deliveryResult({
        ...connection,
        event_id: id,
        event_name: "purchase",
        timestamp: now,
        outcome: "delivered",
        request_id: `r-${index}`,
        attempted_at: now,
        source
      })
      return [
        { topic, key: id, value: mapped, headers: { connection: connection.connection_id } },
        { topic: topicNames.results, key: id, value: codecs.encode(topicNames.results, "event-delivery-log", result) }
      ]
    })
  ]
}

const write = Effect.gen(function* () {
  const kafka = yield* KafkaClient
  const codecs = yield* CodecsService
  for (let first = 0; first < inLog; first += batchEvents) {
    const now = Date.now()
    const count = Math.min(batchEvents, inLog - first)
    yield* kafka.produce(Array.from({ length: count }, (_, at) => recordsOf(first + at, now, codecs)).flat())
    if (first % 50_000 === 0) progress(`${first + count} of ${inLog} events are in the log.`)
  }
})

/** Milliseconds of `lookups` whole stories; a story that is not whole ends the run. */
const measureLookups = Effect.fnUntraced(function* (url: string) {
  const index = makeIndexClient(url, null)
  const kinds: ReadonlyArray<QueryKind> = ["event", "order", "click"]
  const millis: Array<number> = []
  for (let one = 0; one < lookups; one++) {
    const number = Math.floor(((one * 0.618_034) % 1) * inLog)
    const kind = kinds[one % kinds.length]!
    const begun = performance.now()
    const story = yield* traceEvent({ text: texts[kind](number), kind }, { view: maskRecord, index })
    millis.push(performance.now() - begun)
    const [timeline] = story.events
    if (timeline?.event_id !== texts.event(number) || timeline.entries.length !== 2 + 2 * platforms.length)
      throw new Error(`The story of ${texts[kind](number)} has ${timeline?.entries.length ?? 0} records.`)
  }
  return millis.sort((left, right) => left - right)
})

const run = Effect.gen(function* () {
  const made = yield* cluster
  const settings = Layer.succeed(SettingsService, { topicPrefix: "" } as SettingsService["Service"])
  const services = Layer.mergeAll(
    layerKafka({ brokers: made.brokers.split(",") }),
    registryLayer({ url: made.registryUrl, prefix: "" }),
    settings
  )
  return yield* Effect.gen(function* () {
    const hasher = makeTermHasher(yield* loadIdentityKey(makeSealer(Redacted.make(defaultMasterKey))))
    const port = yield* freePort
    const file = path.join(made.folder, "index.sqlite")
    const startIndexer = Effect.gen(function* () {
      const [indexer] = yield* Effect.acquireRelease(
        Effect.promise(() =>
          startProcessors(made, {
            platforms,
            sink: { url: "http://127.0.0.1:1" },
            names: ["indexer"],
            environment: { CAPI_INDEXER_FILE: file, CAPI_INDEXER_PORT: String(port) }
          })
        ),
        (started) => Effect.promise(() => Promise.all(started.map(({ stop }) => stop())))
      )
      yield* Effect.promise(() => untilReady([indexer!], 3_600_000))
      return indexer!
    })
    const startCpu = yield* Effect.scoped(Effect.map(startIndexer, ({ pid }) => cpuSeconds(pid)))
    yield* write
    const store = new IndexStore({ file, owner: `${hasher.keyName} `, retentionMillis: 7 * 86_400_000 })
    // As many records of an event as in the log; in topics of one each, so that all have the event's number as their offset.
    const topics = [
      topicNames.normalized,
      ...platforms.flatMap((platform) => [topicNames.mapped(platform), topicNames.retry(platform)])
    ]
    fillIndex({ store, hasher, first: inLog, end: events, topics, textOf: (kind, index) => texts[kind](index) })
    store.close()
    const begun = performance.now()
    const indexer = yield* startIndexer
    const seconds = (performance.now() - begun) / 1_000
    const micros = ((cpuSeconds(indexer.pid) - startCpu) * 1e6) / inLog
    progress("The index has read all records.")
    const url = `http://127.0.0.1:${port}`
    yield* Effect.promise(() =>
      waitUntil("the index is at the end", () =>
        Effect.runPromise(Effect.map(makeIndexClient(url, null).ask([]), ({ behind }) => behind === 0))
      )
    )
    const millis = yield* measureLookups(url)
    const at = (share: number) => millis[Math.min(millis.length - 1, Math.floor(share * millis.length))]!
    return report(
      "trace",
      [
        { figure: "events in the index", value: events, unit: "events" },
        { figure: "records in the log", value: inLog * (2 + 2 * platforms.length), unit: "records" },
        { figure: "a whole story, p50", value: at(0.5), unit: "ms" },
        { figure: "a whole story, p95", value: at(0.95), unit: "ms", goal: { atMost: 1_000 } },
        { figure: "a whole story, slowest", value: at(1), unit: "ms" },
        {
          figure: "indexing an event of the log, without the start",
          value: micros,
          unit: "us CPU",
          goal: { atMost: 100 }
        },
        { figure: "indexed, with the start", value: inLog / seconds, unit: "events/s" },
        {
          figure: "file",
          value: (statSync(file).size + statSync(`${file}-wal`).size) / events,
          unit: "bytes an event"
        },
        { figure: "peak memory of the indexer", value: peakMebibytes(indexer.pid), unit: "MiB" }
      ],
      { events, inLog, lookups, platforms }
    )
  }).pipe(Effect.provide(services))
})

const indexAlone = () =>
  report(
    "trace-index",
    measureIndex(events, 1 + 2 * platforms.length, (kind, index) => texts[kind](index)),
    { events, records: 1 + 2 * platforms.length }
  )

process.exit((process.env["ONLY"] === "index" ? indexAlone() : await Effect.runPromise(Effect.scoped(run))) ? 0 : 1)
