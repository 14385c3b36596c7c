/** Publishes purchases to raw-events as a shop's backend would: Confluent-Avro, keyed by the customer. */
import * as Effect from "effect/Effect"
import { Codecs } from "../../shared/codec/codecs.ts"
import { registryLayer } from "../../shared/codec/registry.ts"
import { KafkaClient } from "../../shared/kafka/client.ts"
import { layerKafka } from "../../shared/kafka/kafkajs/adapter.ts"
import type { Cluster } from "./cluster.ts"
import { purchase } from "./purchases.ts"

const batchEvents = 2_000

/**
 * Publishes `count` purchases from number `from` on, as fast as the broker takes them.
 *
 * @param signUpEvery so many events are one sign-up, which is what a message is sent for; 0 for none
 */
export const produce = ({ brokers, registryUrl }: Cluster, from: number, count: number, signUpEvery = 0) =>
  Effect.gen(function* () {
    const codecs = yield* Codecs
    const kafka = yield* KafkaClient
    const now = Date.now()
    for (let first = from; first < from + count; first += batchEvents) {
      const records = Array.from({ length: Math.min(batchEvents, from + count - first) }, (_, offset) => {
        const index = first + offset
        const event = purchase(index, now)
        const isSignUp = signUpEvery > 0 && index % signUpEvery === 0
        const value = codecs.encode("raw-events", "raw-event", isSignUp ? { ...event, event_name: "sign_up" } : event)
        return { topic: "raw-events", key: `u-${index}`, value }
      })
      yield* kafka.produce(records)
    }
  }).pipe(
    Effect.provide(layerKafka({ brokers: brokers.split(",") })),
    Effect.provide(registryLayer({ url: registryUrl, prefix: "" }))
  )
