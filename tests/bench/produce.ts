/** Publishes purchases to raw-events as any producer would: Confluent-Avro, keyed by the customer. */
import * as Effect from "effect/Effect"
import { Codecs } from "../../shared/avro/codecs.ts"
import { registryLayer } from "../../shared/avro/registry.ts"
import { layerKafka } from "../../shared/kafka/kafkajs-client.ts"
import { KafkaClient } from "../../shared/kafka/port.ts"
import type { Cluster } from "./cluster.ts"
import { purchase } from "./purchases.ts"

const batchEvents = 2_000

/** Publishes `count` purchases from number `from` on, as fast as the broker takes them. */
export const produce = ({ brokers, registryUrl }: Cluster, from: number, count: number) =>
  Effect.gen(function* () {
    const codecs = yield* Codecs
    const kafka = yield* KafkaClient
    const now = Date.now()
    for (let first = from; first < from + count; first += batchEvents) {
      const records = Array.from({ length: Math.min(batchEvents, from + count - first) }, (_, offset) => {
        const value = codecs.encode("raw-events", "raw-event", purchase(first + offset, now))
        return { topic: "raw-events", key: `u-${first + offset}`, value }
      })
      yield* kafka.produce(records)
    }
  }).pipe(
    Effect.provide(layerKafka({ brokers: brokers.split(",") })),
    Effect.provide(registryLayer({ url: registryUrl, prefix: "" }))
  )
