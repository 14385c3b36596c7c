/** The Kafka port on kafkajs. Only the files of this folder import that client. */
import { promisify } from "node:util"
import zlib from "node:zlib"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import type { Kafka, KafkaConfig, LogEntry, SASLOptions } from "kafkajs"
import { nodeTlsOptions } from "../../http/http-request.ts"
import { KafkaClient } from "../client.ts"
import { type KafkaOptions, type ResolvedKafkaOptions, resolveKafkaOptions } from "../options.ts"
import { type Decompress, decompressLz4, decompressSnappy } from "../wire/decompress.ts"
import { openAdmin } from "./admin.ts"
import { openCluster } from "./cluster.ts"
import { retryPolicy } from "./errors.ts"
import { joinGroup } from "./member.ts"
import { tokenProvider } from "./oauth-token.ts"
import kafkajs from "./patches/index.ts"
import { pooledSocket } from "./patches/network.ts"
import { openIdempotent, openTransactional } from "./producer.ts"
import { readRanges } from "./reader.ts"

/** Connects at the first use; nothing here fails while the broker is away. */
export const layerKafka = (given: KafkaOptions): Layer.Layer<KafkaClient> =>
  Layer.effect(
    KafkaClient,
    Effect.gen(function* () {
      const options = resolveKafkaOptions(given)
      const kafka = makeKafkaJs(options, yield* Effect.context<never>())
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

/** A client of kafkajs whose retries are bounded, and whose logs become Effect logs. */
export const makeKafkaJs = (options: ResolvedKafkaOptions, context: Context.Context<never>): Kafka => {
  registerCompressions()
  const config: KafkaConfig = {
    brokers: [...options.brokers],
    clientId: options.clientId,
    ssl: typeof options.ssl === "boolean" ? options.ssl : nodeTlsOptions(options.ssl),
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

const saslOf = (login: NonNullable<ResolvedKafkaOptions["sasl"]>): SASLOptions => {
  if (login.mechanism === "oauthbearer")
    return { mechanism: login.mechanism, oauthBearerProvider: tokenProvider(login) }
  const { mechanism, username, password } = login
  return { mechanism, username, password: Redacted.value(password) }
}

/** The runtime logs failures itself, so kafkajs's errors are details, except for those of lost offsets or records. */
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

/** Adds the compressions that kafkajs lacks to its table of codecs: Zstandard by Node's zlib; LZ4 and Snappy for reading only. */
const registerCompressions = (): void => {
  const { CompressionCodecs, CompressionTypes } = kafkajs
  CompressionCodecs[CompressionTypes.ZSTD] = () => ({
    compress: ({ buffer }: { readonly buffer: Buffer }) => promisify(zlib.zstdCompress)(buffer),
    decompress: (buffer: Buffer) => promisify(zlib.zstdDecompress)(buffer)
  })
  CompressionCodecs[CompressionTypes.LZ4] = () => readOnly("LZ4", decompressLz4)
  CompressionCodecs[CompressionTypes.Snappy] = () => readOnly("Snappy", decompressSnappy)
}

const readOnly = (name: string, decompress: Decompress) => ({
  compress: () => Promise.reject(new Error(`Records are not written with ${name}; choose none, gzip or zstd`)),
  decompress: (buffer: Buffer) => {
    const bytes = decompress(buffer)
    return bytes === null
      ? Promise.reject(new Error(`A batch compressed with ${name} is damaged`))
      : Promise.resolve(bytes)
  }
})
