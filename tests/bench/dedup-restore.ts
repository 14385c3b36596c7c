/** The restore of the mapper's ids from a real broker: all of the changelog's partitions into one process, side by side. */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import path from "node:path"
import process from "node:process"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { localBroker } from "../../infra/local/broker.ts"
import { Deduplicator, type DeduplicatorOptions } from "../../shared/dedup/deduplicator.ts"
import { KafkaClient } from "../../shared/kafka/client.ts"
import { layerKafka } from "../../shared/kafka/kafkajs/adapter.ts"

const partitions = 4
/** As many records as one write takes. */
const recordsAtOnce = 200

export interface RestoreFromKafka {
  readonly idsPerSecond: number
  /** By the CPU time of this process: what a core without other load gives. */
  readonly idsPerCpuSecond: number
  readonly ids: number
}

/** Writes the changelog records to a new topic and reads them back; the broker is the named one or a local one. */
export const restoreFromKafka = (
  records: ReadonlyArray<Buffer>,
  options: DeduplicatorOptions,
  now: number
): Effect.Effect<RestoreFromKafka, unknown> =>
  Effect.scoped(
    Effect.gen(function* () {
      const { brokers } = yield* localBroker({
        stateDirectory: yield* temporaryDirectory,
        ending: "kill",
        onProgress: (line) => void process.stderr.write(`${line}\n`)
      })
      const topic = `bench-dedup-${process.pid}`
      return yield* writeAndRead(topic, records, options, now).pipe(
        Effect.provide(Layer.fresh(layerKafka({ brokers: brokers.split(",") })))
      )
    })
  )

const temporaryDirectory = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(path.join(tmpdir(), "capi-bench-"))),
  (folder) => Effect.sync(() => rmSync(folder, { recursive: true, force: true }))
)

const writeAndRead = Effect.fnUntraced(function* (
  topic: string,
  records: ReadonlyArray<Buffer>,
  options: DeduplicatorOptions,
  now: number
) {
  const client = yield* KafkaClient
  const config = { "cleanup.policy": "delete", "retention.ms": "3600000" }
  yield* client.createTopics([{ name: topic, partitions, replication: 1, config }])
  for (let from = 0; from < records.length; from += recordsAtOnce) {
    const some = records.slice(from, from + recordsAtOnce)
    yield* client.produce(
      some.map((value, index) => ({ topic, key: null, value, partition: (from + index) % partitions }))
    )
  }
  const ends = yield* client.topicOffsets(topic)
  const tables = ends.map(() => new Deduplicator({ ...options, idsMax: Math.ceil(options.idsMax / partitions) }))
  const begun = process.hrtime.bigint()
  const cpuBefore = process.cpuUsage()
  yield* Effect.forEach(
    ends,
    ({ partition, low, high }) =>
      client.read({
        topic,
        ranges: [{ partition, from: low, to: high }],
        onRecords: (found) => {
          for (const { value } of found) if (value !== null) tables[partition]!.restore(value, now)
        }
      }),
    { concurrency: "unbounded", discard: true }
  )
  const seconds = Number(process.hrtime.bigint() - begun) / 1e9
  const { user, system } = process.cpuUsage(cpuBefore)
  const ids = tables.reduce((sum, { statistics }) => sum + statistics.ids, 0)
  return { ids, idsPerSecond: ids / seconds, idsPerCpuSecond: (ids * 1e6) / (user + system) }
})
