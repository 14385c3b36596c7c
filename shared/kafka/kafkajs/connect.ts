/** Builds kafkajs clients that are quiet and bounded: its logs become Effect logs, its warnings none. */
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import type { Kafka, KafkaConfig, LogEntry, SASLOptions } from "kafkajs"
import type { ResolvedKafkaOptions } from "../options.ts"
import kafkajs from "./kafkajs.ts"
import { repairReadCommitted } from "./patches/aborted-transactions.ts"
import { registerCodecs } from "./patches/compression-codecs.ts"
import { repairHeartbeats } from "./patches/heartbeat.ts"
import { repairOutOfRange } from "./patches/offset-out-of-range.ts"
import { pooledSocket, repairReceive } from "./patches/pooled-socket.ts"
import { repairResume } from "./patches/resume.ts"
import { repairStop } from "./patches/stop.ts"

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

/** Few and short: whoever calls has a policy of their own, and a transaction must not outlive its timeout in retries. */
export const retryPolicy = { initialRetryTime: 50, multiplier: 2, factor: 0.2, maxRetryTime: 2_000, retries: 6 }

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
