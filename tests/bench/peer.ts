/** The peer's side of the comparison: its own input, its three streams, the same broker and sink. */
import path from "node:path"
import avro from "avsc"
import * as Effect from "effect/Effect"
import { repository } from "../../infra/local/state.ts"
import { makeRegistryClient } from "../../shared/codec/registry-client.ts"
import { KafkaClient } from "../../shared/kafka/client.ts"
import { layerKafka } from "../../shared/kafka/kafkajs/adapter.ts"
import { waitUntil } from "../harness/wait-until.ts"
import { type Cluster, progress, type Sink } from "./cluster.ts"
import { cpuSeconds, measureSurroundings, peakMebibytes, type Surroundings, startProcess } from "./measured-process.ts"
import { purchase } from "./purchases.ts"

export interface PeerRun extends Surroundings {
  readonly eventsPerSecond: number
  readonly cpuMicros: number
  /** From the start to the first request. */
  readonly firstSeconds: number
  readonly peakMebibytes: number
}

/** Runs the peer's chain over `count` purchases; its processor time includes its start, as ours does. */
export const runPeer = (made: Cluster, sink: Sink, build: string, count: number) =>
  Effect.gen(function* () {
    const group = `peer${Date.now()}`
    progress(`Publishing ${count} purchases for the peer.`)
    yield* produceForPeer(made, group, count)
    progress("Running the peer.")
    return yield* Effect.promise(() => measure(made, sink, build, group, count))
  })

const measure = async (made: Cluster, sink: Sink, build: string, group: string, count: number): Promise<PeerRun> => {
  await sink.reset()
  const surroundings = measureSurroundings(made.brokerPid, sink.pid)
  const begun = Date.now()
  const streams = path.join(repository, "tests/bench/peer")
  const peer = startProcess(
    "peer",
    path.join(build, "benthos"),
    [
      "-c",
      path.join(streams, "observe.yaml"),
      "streams",
      ...["n", "m", "d"].map((one) => path.join(streams, `${one}.yaml`))
    ],
    made.folder,
    { BROKER: made.brokers, REGISTRY: made.registryUrl, SINK: sink.url, GROUP: group }
  )
  await waitUntil("the peer has delivered all", async () => (await sink.stats()).events >= count, 400_000)
  const around = surroundings()
  const { first_ms, last_ms } = await sink.stats()
  const cpu = cpuSeconds(peer.pid)
  const memory = peakMebibytes(peer.pid)
  await peer.stop()
  return {
    eventsPerSecond: count / ((last_ms - begun) / 1000),
    cpuMicros: (cpu * 1e6) / count,
    ...around,
    firstSeconds: (first_ms - begun) / 1000,
    peakMebibytes: memory
  }
}

const text = (name: string) => ({ name, type: "string" })
const userFields = [
  ...["email", "phone", "first_name", "last_name", "city", "state", "zip", "country"],
  ...["ip", "user_agent", "fbp", "fbc"]
] as const
const itemFields = [text("id"), { name: "quantity", type: "int" }, { name: "price", type: "double" }]
const peerSchema = JSON.stringify({
  type: "record",
  name: "RawEvent",
  namespace: "bench",
  fields: [
    text("event_id"),
    text("event_name"),
    { name: "event_time_ms", type: "long" },
    { name: "user", type: { type: "record", name: "User", fields: userFields.map(text) } },
    text("currency"),
    { name: "value", type: "double" },
    text("order_id"),
    { name: "items", type: { type: "array", items: { type: "record", name: "Item", fields: itemFields } } }
  ]
})

const produceForPeer = ({ brokers, registryUrl }: Cluster, group: string, count: number) =>
  Effect.gen(function* () {
    const kafka = yield* KafkaClient
    const topics = [`raw-${group}`, `n-${group}`, `m-${group}`, `r-${group}`]
    yield* kafka.createTopics(topics.map((name) => ({ name, partitions: 4, replication: 1, config: {} })))
    const { id } = yield* makeRegistryClient({ url: registryUrl }).register("raw-value", peerSchema)
    const type = avro.Type.forSchema(JSON.parse(peerSchema))
    const head = Buffer.alloc(5)
    head.writeUInt32BE(id, 1)
    const now = Date.now()
    for (let first = 0; first < count; first += batchEvents) {
      const records = Array.from({ length: Math.min(batchEvents, count - first) }, (_, offset) => ({
        topic: `raw-${group}`,
        key: `u-${first + offset}`,
        value: Buffer.concat([head, type.toBuffer(peerEvent(first + offset, now))])
      }))
      yield* kafka.produce(records)
    }
  }).pipe(Effect.provide(layerKafka({ brokers: brokers.split(",") })))

const batchEvents = 2_000

const peerEvent = (index: number, now: number) => {
  const { event_id, event_name, event_time, properties, user } = purchase(index, now)
  return {
    event_id,
    event_name,
    event_time_ms: event_time,
    user: Object.fromEntries(userFields.map((name) => [name, user?.[name] ?? ""])),
    currency: properties?.currency ?? "",
    value: properties?.value ?? 0,
    order_id: properties?.order_id ?? "",
    items: properties?.items ?? []
  }
}
