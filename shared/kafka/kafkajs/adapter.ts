/** The Kafka port on kafkajs. Only the files of this folder here import that client. */

import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import type { Kafka, KafkaConfig, LogEntry, SASLOptions } from "kafkajs"
import { KafkaClient } from "../client.ts"
import type { ResolvedKafkaOptions } from "../options.ts"
import { type KafkaOptions, resolveKafkaOptions } from "../options.ts"
import { openAdmin } from "./admin.ts"
import { openCluster } from "./cluster.ts"
import { retryPolicy } from "./errors.ts"
import kafkajs from "./kafkajs.ts"
import { joinGroup } from "./member.ts"
import { repairReadCommitted } from "./patches/aborted-transactions.ts"
import { registerCodecs } from "./patches/compression-codecs.ts"
import { repairHeartbeats } from "./patches/heartbeat.ts"
import { repairOutOfRange } from "./patches/offset-out-of-range.ts"
import { repairClusters } from "./patches/repairs.ts"
import { repairResume } from "./patches/resume.ts"
import { repairStop } from "./patches/stop.ts"
import { pooledSocket, repairReceive } from "./pooled-socket.ts"
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

/** Builds kafkajs clients that are quiet and bounded: its logs become Effect logs, its warnings none. */

export const connectKafkaJs = (options: ResolvedKafkaOptions, context: Context.Context<never>): Kafka => {
  silenceTimeoutWarnings()
  registerCodecs()
  repairReadCommitted()
  repairHeartbeats()
  repairOutOfRange()
  repairReceive()
  repairResume()
  repairStop()
  const config: KafkaConfig = {
    brokers: [...options.brokers],
    clientId: options.clientId,
    ssl: typeof options.ssl === "boolean" ? options.ssl : { ca: [options.ssl.ca] },
    connectionTimeout: options.connectionTimeoutMillis,
    requestTimeout: options.requestTimeoutMillis,
    socketFactory: pooledSocket,
    retry: retryPolicy,
    logLevel: kafkajs.logLevel.WARN,
    logCreator: () => (entry) => logEntry(entry, context)
  }
  if (options.sasl !== undefined) config.sasl = saslOf(options.sasl)
  return new kafkajs.Kafka(config)
}

const saslOf = ({ mechanism, username, password }: NonNullable<ResolvedKafkaOptions["sasl"]>): SASLOptions => ({
  mechanism,
  username,
  password: Redacted.value(password)
})

/** The runtime logs what matters in its own words, so kafkajs's errors are details, but for those that name a loss. */
const logEntry = (entry: LogEntry, context: Context.Context<never>) => {
  const serious = entry.level === kafkajs.logLevel.ERROR && entry.namespace === "ConsumerGroup"
  const log = serious ? Effect.logWarning : Effect.logDebug
  const { message, groupId, topic, partition, broker, retryCount, error } = entry.log
  const annotations = {
    namespace: entry.namespace,
    groupId,
    topic,
    partition,
    broker,
    retryCount,
    error: textOf(error)
  }
  Effect.runForkWith(context)(
    log(`kafkajs: ${message}`).pipe(
      Effect.annotateLogs(Object.fromEntries(Object.entries(annotations).filter(([, value]) => value !== undefined)))
    )
  )
}

const textOf = (error: unknown): string | undefined =>
  error === undefined ? undefined : error instanceof Error ? error.message : String(error)

/**
 * kafkajs computes timer delays that are already past, which Node 24 warns of on stderr; nothing is wrong and nobody
 * can act on it, so this one kind of warning is dropped.
 */
const silenceTimeoutWarnings = () => {
  if (process.emitWarning.name === quietName) return
  const emitWarning = process.emitWarning
  const quiet = {
    [quietName]: (...args: ReadonlyArray<unknown>) => {
      if (args[1] !== "TimeoutNegativeWarning") Reflect.apply(emitWarning, process, args)
    }
  }
  process.emitWarning = quiet[quietName] as typeof process.emitWarning
}

const quietName = "emitWarningButTimeouts"
