/** The Kafka port on kafkajs. Only the files of this folder here import that client. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { KafkaClient } from "../client.ts"
import { type KafkaOptions, resolveKafkaOptions } from "../options.ts"
import { openAdmin } from "./admin.ts"
import { connectKafkaJs } from "./connect.ts"
import { joinGroup } from "./member.ts"
import { openCluster } from "./patches/cluster.ts"
import { repairClusters } from "./patches/repairs.ts"
import { openIdempotent, openTransactional } from "./producer.ts"
import { readRanges } from "./reader.ts"

/** Connects at the first use; nothing here fails while the broker is away. */
export const layerKafka = (given: KafkaOptions): Layer.Layer<KafkaClient> =>
  Layer.effect(
    KafkaClient,
    Effect.gen(function* () {
      const options = resolveKafkaOptions(given)
      const kafka = connectKafkaJs(options, yield* Effect.context<never>())
      repairClusters(kafka)
      const cluster = yield* openCluster(kafka)
      const admin = yield* openAdmin(kafka, cluster)
      const produce = yield* openIdempotent(kafka, options)
      return KafkaClient.of({
        ...admin,
        join: (member) => joinGroup(kafka, options, member),
        transactional: (transactionalId) => openTransactional(kafka, options, transactionalId),
        produce,
        read: (read) => readRanges(cluster, options, read)
      })
    })
  )
