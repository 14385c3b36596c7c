/**
 * `IN_MEMORY=1 make bench-accounts`: what many connections cost delivery alone: its program with Kafka in memory, in one process, lot after
 * lot of events, each for one of the connections. The first lot runs code that is not compiled yet. Bytes of the heap, unlike CPU, do not
 * depend on what else the machine does. CONNECTIONS (one number here), EVENTS, PARTITIONS, ROUNDS; FANOUT=1: one event in a request; profile
 * with --cpu-prof.
 */
import { randomBytes } from "node:crypto"
import { mkdtempSync, writeFileSync } from "node:fs"
import os from "node:os"
import path from "node:path"
import process from "node:process"
import { GCProfiler } from "node:v8"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { deliveryProgram } from "../../processors/delivery/program.ts"
import topicTable from "../../schemas/topics.json" with { type: "json" }
import { Codecs } from "../../shared/codec/codecs.ts"
import { SettingsService } from "../../shared/config/settings.ts"
import { connectionsLayer } from "../../shared/connectors/load-connections.ts"
import { Credentials } from "../../shared/credentials/credentials.ts"
import { KeyRing } from "../../shared/credentials/key-ring.ts"
import {
  KafkaClient,
  type Member,
  type MemberOptions,
  type ProducedRecord,
  type TopicPartition
} from "../../shared/kafka/client.ts"
import { BufferPool } from "../../shared/kafka/wire/buffer-pool.ts"
import { partitionOfKey } from "../../shared/kafka/wire/hashes.ts"
import { readBatch } from "../../shared/kafka/wire/record-batch-reader.ts"
import { sizeBatch, writeBatch } from "../../shared/kafka/wire/record-batch-writer.ts"
import { topicNames } from "../../shared/model/topics.ts"
import { endWithLauncher } from "../../shared/runtime/end-with-launcher.mjs"
import { Readiness } from "../../shared/runtime/health.ts"
import { observeAll, RuntimeObserver, runtimeMetrics } from "../../shared/runtime/metrics.ts"
import { tuneHeap } from "../../shared/runtime/tune-heap.ts"
import { loggerLayer } from "../../shared/telemetry/logger.ts"
import { makeMemoryCodecs } from "../../shared/testing/memory-codecs.ts"
import { MemoryKafka } from "../../shared/testing/memory-kafka.ts"
import { waitUntil } from "../harness/wait-until.ts"
import { accountsOf, connectionsOf, loadEvents } from "./account-load.ts"
import { collected } from "./heap-use.ts"
import { printTable } from "./report.ts"
import { startSink } from "./start-sink.ts"

endWithLauncher()

const numberOf = (name: string, otherwise: number): number => Number(process.env[name] ?? otherwise)
const connections = numberOf("CONNECTIONS", 200)
const events = numberOf("EVENTS", 20_000)
const partitions = numberOf("PARTITIONS", 4)
const rounds = numberOf("ROUNDS", 3)
/** How often each lot comes. */
const times = numberOf("TIMES", 1)
const total = events * times
/** About what a transaction takes. */
const commitMillis = 5
const fetchRecords = 250

const codecs = makeMemoryCodecs()
const kafka = new MemoryKafka()
const counts = { results: 0, records: 0, commits: 0, steps: 0 }

for (const { name } of topicTable.topics) kafka.log.create(name.replace("{platform}", "meta"), partitions)

/** The records of a fetch, encoded; a buffer of each is decoded when it is fetched, as from a socket. */
interface Fetch {
  readonly bytes: Buffer
  readonly count: number
}

/** A member that fetches what it is given, while it is not paused, a response of some partitions at a time. */
class FeedMember implements Member {
  readonly handlers: MemberOptions["handlers"]
  private readonly pool = new BufferPool({ stepBytes: 64 * 1024, freeBytesMax: 8 * 1024 * 1024, freeBuffersMax: 64 })
  private readonly waiting = Array.from({ length: partitions }, (): Array<Fetch> => [])
  private readonly next = new Array<number>(partitions).fill(0)
  private readonly ends = new Array<number>(partitions).fill(0)
  private readonly paused = new Set<number>()
  private isScheduled = false

  constructor({ handlers, topics }: MemberOptions) {
    this.handlers = handlers
    const all = topics.flatMap((topic) => this.waiting.map((_, partition) => ({ topic, partition })))
    setImmediate(() => handlers.onAssigned(all, false))
  }

  feed(partition: number, fetches: ReadonlyArray<Fetch>): void {
    this.waiting[partition]!.push(...fetches)
    for (const { count } of fetches) this.ends[partition]! += count
    this.schedule()
  }

  readonly pause = ({ topic, partition }: TopicPartition): void => {
    if (topic === mapped) this.paused.add(partition)
  }

  readonly resume = ({ topic, partition }: TopicPartition): void => {
    if (topic !== mapped) return
    this.paused.delete(partition)
    this.schedule()
  }

  readonly seek = (at: TopicPartition): void => this.resume(at)

  private schedule(): void {
    if (this.isScheduled) return
    this.isScheduled = true
    setTimeout(() => {
      this.isScheduled = false
      for (const [partition, waiting] of this.waiting.entries()) {
        const fetch = this.paused.has(partition) ? undefined : waiting.shift()
        if (fetch !== undefined) this.deliver(partition, fetch)
      }
      if (this.waiting.some((waiting, partition) => waiting.length > 0 && !this.paused.has(partition))) this.schedule()
    }, 1)
  }

  private deliver(partition: number, { bytes, count }: Fetch): void {
    const { buffer } = this.pool.acquire(bytes.length)
    bytes.copy(buffer)
    const from = this.next[partition]!
    buffer.writeBigInt64BE(BigInt(from))
    const { records } = readBatch(buffer, 0)
    for (const record of records) Object.assign(record, { topic: mapped, partition })
    this.next[partition] = from + count
    this.handlers.onRecords({ topic: mapped, partition }, records, from + count, this.ends[partition]!)
  }
}

const mapped = topicNames.mapped("meta")
const joined: { member: FeedMember | null } = { member: null }

/** Nothing is kept of what is written but its number. */
const client = KafkaClient.of({
  ...kafka.client,
  join: (options) =>
    Effect.sync(() => {
      joined.member = new FeedMember(options)
      return joined.member
    }),
  transactional: () =>
    Effect.succeed({
      commit: ({ records }) =>
        Effect.map(Effect.sleep(commitMillis), () => {
          counts.commits++
          counts.records += records.length
          for (const { topic } of records) if (topic === topicNames.results) counts.results++
        }),
      begin: Effect.die("Deliveries leave no transaction open.")
    })
})

tuneHeap()
const { url, sink } = await startSink()
const accounts = accountsOf(connections)
const file = path.join(mkdtempSync(path.join(os.tmpdir(), "accounts-")), "connections.yaml")
writeFileSync(file, connectionsOf(accounts, url, process.env["FANOUT"] === "1" ? { events_per_request: 1 } : {}))
const environment = {
  BENCH_TOKEN: "token",
  CAPI_CONNECTIONS: file,
  KAFKA_BROKERS: "none:1",
  SCHEMA_REGISTRY_URL: "http://none",
  CAPI_MASTER_KEY: randomBytes(32).toString("base64"),
  LOG_LEVEL: "Warn"
}
Object.assign(process.env, environment)

const settings = Layer.provide(
  SettingsService.layer,
  ConfigProvider.layer(ConfigProvider.fromEnv({ env: { ...process.env } as Record<string, string> }))
)
const services = Layer.mergeAll(
  Layer.succeed(KafkaClient, client),
  Layer.succeed(Codecs, codecs),
  Readiness.layer,
  loggerLayer({ program: "delivery-meta", level: "Warn", format: "json" }),
  connectionsLayer,
  Credentials.layer.pipe(Layer.provideMerge(KeyRing.layer))
).pipe(Layer.provideMerge(settings))

const observed = Effect.map(runtimeMetrics, (metrics) =>
  observeAll(metrics, (event) => {
    if (event.type === "batch") counts.steps++
  })
)
const ended = Effect.runPromise(
  Effect.scoped(deliveryProgram("meta").work).pipe(
    Effect.provideServiceEffect(RuntimeObserver, observed),
    Effect.provide(services)
  )
)
ended.catch((error: unknown) => {
  process.stderr.write(`${String(error)}\n`)
  process.exit(2)
})

const requestsOf = (): Promise<number> =>
  waitUntil(
    "the sink answers",
    async () => ((await (await fetch(`${url}/stats`)).json()) as { requests: number }).requests + 1
  )

const now = Date.now()
const make = loadEvents(codecs, "", now)
const encoded = (records: ReadonlyArray<ProducedRecord>): Fetch => {
  const sized = sizeBatch(
    records.map(({ key, value, headers }) => ({ key, value, headers: headers ?? {}, timestamp: now })),
    now
  )
  const bytes = Buffer.alloc(sized.bytes + 16)
  writeBatch(bytes, 0, sized, { now, transactional: false, producerId: -1n, producerEpoch: -1, firstSequence: -1 })
  return { bytes, count: records.length }
}
const lots = Array.from({ length: rounds }, (_, round) => {
  const by = Array.from({ length: partitions }, (): Array<ProducedRecord> => [])
  for (let number = round * events; number < (round + 1) * events; number++)
    for (const record of make(number, [accounts[number % connections]!]).records)
      by[partitionOfKey(record.key!, partitions)]!.push(record)
  return by.map((records) =>
    Array.from({ length: Math.ceil(records.length / fetchRecords) }, (_, index) =>
      encoded(records.slice(index * fetchRecords, (index + 1) * fetchRecords))
    )
  )
})
await waitUntil("the group is joined", () => joined.member !== null)
await new Promise((resume) => setTimeout(resume, 1_500))
const rows: Array<Record<string, number>> = []
for (const [round, lot] of lots.entries()) {
  Object.assign(counts, { results: 0, records: 0, commits: 0, steps: 0 })
  const requestsBefore = await requestsOf()
  const collector = new GCProfiler()
  collector.start()
  const before = process.cpuUsage()
  const main = process.threadCpuUsage()
  const begun = performance.now()
  for (let time = 0; time < times; time++)
    for (const [partition, fetches] of lot.entries()) joined.member!.feed(partition, fetches)
  await waitUntil("all results are committed", () => counts.results >= total, 120_000)
  const used = process.cpuUsage(before)
  const own = process.threadCpuUsage(main)
  const garbage = collected(collector.stop(), total)
  const micros = (value: number) => Math.round((value / total) * 10) / 10
  rows.push({
    connections,
    round,
    "us/event": micros(used.user + used.system),
    "main thread": micros(own.user + own.system),
    allocated: Math.round(garbage.allocated),
    promoted: Math.round(garbage.promoted),
    whole: Math.round((garbage.whole * total) / 100_000),
    ms: Math.round(performance.now() - begun),
    steps: counts.steps,
    commits: counts.commits,
    records: counts.records,
    requests: (await requestsOf()) - requestsBefore,
    "external MiB": Math.round(process.memoryUsage().external / 2 ** 20),
    "heap MiB": Math.round(process.memoryUsage().heapUsed / 2 ** 20),
    "RSS MiB": Math.round(process.memoryUsage().rss / 2 ** 20)
  })
}
printTable(rows)
sink.kill()
process.exit(0)
