/** How long the mapper's process takes from its start to /readyz with so many ids to restore, and with none. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { entryBytes } from "../../shared/dedup/deduplicator.ts"
import { KafkaClient } from "../../shared/kafka/client.ts"
import { layerKafka } from "../../shared/kafka/kafkajs/adapter.ts"
import { partitionsHeader } from "../../shared/runtime/restore-state.ts"
import { type Cluster, cluster, startProcessors, startSink, untilReady } from "./cluster.ts"
import { peakMebibytes } from "./measured-process.ts"

const topic = "mapper-dedup"
/** As many records as one write takes. */
const recordsAtOnce = 200

export interface Start {
  readonly seconds: number
  readonly peakMebibytes: number
}

/** The records are the changelog's; of `idsMax` ids each partition holds its share and some more. */
export const measureStarts = (records: ReadonlyArray<Buffer>, idsMax: number) =>
  Effect.gen(function* () {
    const made = yield* cluster
    const empty = yield* startOf(made, idsMax)
    yield* write(records).pipe(Effect.provide(Layer.fresh(layerKafka({ brokers: made.brokers.split(",") }))))
    return { empty, full: yield* startOf(made, idsMax) }
  }).pipe(Effect.scoped)

const write = Effect.fnUntraced(function* (records: ReadonlyArray<Buffer>) {
  const client = yield* KafkaClient
  const partitions = (yield* client.topicOffsets(topic)).length
  for (let from = 0; from < records.length; from += recordsAtOnce) {
    const some = records.slice(from, from + recordsAtOnce)
    yield* client.produce(
      some.map((packed, index) => ({
        topic,
        key: null,
        // As the mapper writes them: behind the entries the hash of each id's key, which only added partitions ask for.
        value: Buffer.concat([packed, Buffer.alloc((packed.length / entryBytes) * 4)]),
        headers: { [partitionsHeader]: String(partitions) },
        partition: (from + index) % partitions
      }))
    )
  }
})

const startOf = (made: Cluster, idsMax: number) =>
  Effect.gen(function* () {
    const sink = yield* startSink(made, null)
    const begun = performance.now()
    const [mapper] = yield* Effect.promise(() =>
      startProcessors(made, {
        platforms: ["meta"],
        sink,
        names: ["mapper"],
        environment: { DEDUP_IDS_MAX: String(idsMax) }
      })
    )
    yield* Effect.promise(() => untilReady([mapper!]))
    const start: Start = { seconds: (performance.now() - begun) / 1_000, peakMebibytes: peakMebibytes(mapper!.pid) }
    yield* Effect.promise(() => mapper!.stop())
    return start
  }).pipe(Effect.scoped)
