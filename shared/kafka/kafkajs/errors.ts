/**
 * The errors of kafkajs: as the port's error, with a stable code and what a person can do about it; and which of them are
 * retriable, how often and for how long.
 */
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import { KafkaError } from "../client.ts"
import { stepFor } from "../unreachable.ts"
import type { Denied } from "./denied.ts"

/** Runs a promise of kafkajs; its rejection becomes a KafkaError. */
export const attempt = <A>(operation: string, run: (signal: AbortSignal) => Promise<A>): Effect.Effect<A, KafkaError> =>
  Effect.tryPromise({ try: run, catch: (cause) => kafkaError(operation, cause) })

/**
 * Runs a promise for at most so long and ignores its outcome: for disconnects, which may wait for a broker that is away.
 * The limit is on the promise because finalizers cannot be interrupted.
 */
export const attemptBriefly = (timeoutMillis: number, run: () => Promise<unknown>): Effect.Effect<void> =>
  Effect.promise(() => settledWithin(timeoutMillis, run()).catch(() => undefined))

/** Rejects if the work hasn't settled in time; the work itself goes on. */
export const settledWithin = async <A>(timeoutMillis: number, work: Promise<A>): Promise<A> => {
  const { promise, reject } = Promise.withResolvers<never>()
  const timer = setTimeout(() => reject(new RequestTimeout(`no answer within ${timeoutMillis} ms`)), timeoutMillis)
  return Promise.race([work, promise]).finally(() => clearTimeout(timer))
}

class RequestTimeout extends Error {
  override readonly name = "KafkaJSRequestTimeoutError"
}

export const kafkaError = (operation: string, cause: unknown): KafkaError => {
  if (cause instanceof KafkaError) return cause
  const code = codeOf(cause)
  const denied = causesOf(cause).find((found) => found.denied !== undefined)?.denied
  if (denied !== undefined) return deniedError(operation, denied, cause)
  return new KafkaError({
    code,
    operation,
    message: `Kafka could not ${operation}: ${messageOf(cause)}.`,
    nextStep: stepOfType(cause) ?? stepOf(code, cause) ?? nextSteps[code],
    cause
  })
}

/** Where a reason of the broker says more than the code. */
const stepOfType = (cause: unknown): string | null =>
  causesOf(cause).flatMap(({ type }) => stepsByType.get(type ?? "") ?? [])[0] ?? null

const startBrokers =
  "Start the brokers that are away: fewer hold the topic than its min.insync.replicas asks for (./capi doctor names it)."
const stepsByType: ReadonlyMap<string, string> = new Map([
  ["INVALID_TRANSACTION_TIMEOUT", "Set the brokers' transaction.max.timeout.ms to 30000 or more."],
  ["NOT_ENOUGH_REPLICAS", startBrokers],
  ["NOT_ENOUGH_REPLICAS_AFTER_APPEND", startBrokers]
])

/** Only of connections: a reason of the broker may have the same words. */
const stepOf = (code: KafkaError["code"], cause: unknown): string | null =>
  code === "unreachable" || code === "other" ? stepFor(messageOf(cause)) : null

const deniedError = (operation: string, { operation: needed, resource, names }: Denied, cause: unknown): KafkaError => {
  const on =
    resource === "cluster" ? "the cluster" : `the ${resource}${names.length > 1 ? "s" : ""} ${names.join(", ")}`
  const option =
    resource === "cluster" ? "--cluster" : names.map((name) => `--${resource.replace(" ", "-")} ${name}`).join(" ")
  return new KafkaError({
    code: "unauthorized",
    operation,
    message: `Kafka could not ${operation}: this user has no right to ${needed} on ${on}.`,
    nextStep: `Grant it: kafka-acls.sh --add --allow-principal User:<user> --operation ${needed} ${option}; infra/acl lists the rights of each program.`,
    cause
  })
}

const codeOf = (cause: unknown): KafkaError["code"] => {
  for (const error of causesOf(cause)) {
    const type = String(error.type ?? error.code ?? "")
    if (fencedTypes.has(type)) return "fenced"
    if (tooLargeTypes.has(type)) return "too_large"
    if (type === "UNSUPPORTED_COMPRESSION_TYPE") return "unsupported_compression"
    if (type.startsWith("UNKNOWN_TOPIC")) return "unknown_topic"
    if (error.name === "KafkaJSSASLAuthenticationError" || type.endsWith("AUTHORIZATION_FAILED")) return "unauthorized"
    if (error.name === "KafkaJSRequestTimeoutError" || timeoutTypes.has(type)) return "timeout"
    if (unreachableNames.has(error.name ?? "") || unreachableTypes.has(type)) return "unreachable"
  }
  return "other"
}

interface KafkaJsFailure {
  readonly name?: string
  readonly type?: string
  readonly code?: string | number
  readonly message?: string
  readonly cause?: unknown
  readonly denied?: Denied
  /** Of several topics that could not be created. */
  readonly errors?: ReadonlyArray<KafkaJsFailure>
}

/** The error and its causes; kafkajs wraps the original one in "number of retries exceeded". */
const causesOf = (cause: unknown): ReadonlyArray<KafkaJsFailure> => {
  const chain: Array<KafkaJsFailure> = []
  let current = cause
  while (typeof current === "object" && current !== null && chain.length < chainLengthMax) {
    chain.push(current)
    const { cause: next, errors } = current as KafkaJsFailure
    current = next ?? errors?.[0]
  }
  return chain
}

const messageOf = (cause: unknown): string => {
  const chain = causesOf(cause)
  const message = chain[chain.length - 1]?.message ?? chain[0]?.message ?? String(cause)
  return message.replace(/\.$/, "")
}

const chainLengthMax = 8

const fencedTypes = new Set([
  "PRODUCER_FENCED",
  "INVALID_PRODUCER_EPOCH",
  "INVALID_PRODUCER_ID_MAPPING",
  "INVALID_TXN_STATE",
  "TRANSACTION_COORDINATOR_FENCED",
  // The broker does not know whether a request belongs to the transaction: a new producer ends it.
  "TRANSACTION_ABORTABLE",
  "OUT_OF_ORDER_SEQUENCE_NUMBER"
])
const tooLargeTypes = new Set(["MESSAGE_TOO_LARGE", "RECORD_LIST_TOO_LARGE"])
const timeoutTypes = new Set(["REQUEST_TIMED_OUT", "CONCURRENT_TRANSACTIONS"])
const unreachableNames = new Set([
  "KafkaJSConnectionError",
  "KafkaJSConnectionClosedError",
  "KafkaJSBrokerNotFound",
  "KafkaJSTopicMetadataNotLoaded",
  "KafkaJSNoBrokerAvailableError",
  "KafkaJSGroupCoordinatorNotFound",
  "KafkaJSLockTimeout"
])
const unreachableTypes = new Set([
  "ECONNREFUSED",
  "ECONNRESET",
  "ENOTFOUND",
  "ETIMEDOUT",
  "LEADER_NOT_AVAILABLE",
  "NOT_LEADER_FOR_PARTITION",
  "NOT_COORDINATOR_FOR_GROUP",
  "GROUP_COORDINATOR_NOT_AVAILABLE",
  "GROUP_LOAD_IN_PROGRESS",
  "NOT_ENOUGH_REPLICAS",
  "NOT_ENOUGH_REPLICAS_AFTER_APPEND"
])

export const nextSteps: Record<KafkaError["code"], string> = {
  unreachable: "Check that the broker runs and that its address and port are right.",
  fenced: "Another owner of the partition has taken over; this one starts again from the committed offset.",
  partitions_differ: "Give all topics the same number: ./capi topics --add-partitions <number>.",
  too_large: "Raise the topic's max.message.bytes, or make the record smaller.",
  damaged:
    "Read it with Kafka's console consumer: if that can, report it; if not, restore the broker's file, or go on behind it (docs/runbook.md).",
  unsupported_compression: "Set KAFKA_COMPRESSION=none: the broker or the topic takes no Zstandard.",
  unknown_topic: "Create the topics first, and check the topic prefix.",
  timeout: "Look at the broker's load and its log; the request is repeated.",
  unauthorized: "Check the user, the password, the SASL mechanism and the broker's access rules.",
  other: "Look at the cause and at the broker's log."
}

/** How long an operation is retried before it fails; what to do then is up to its caller. */
export const retryBudgetMillis = 30_000

/**
 * True if the same request may succeed soon: leaders and coordinators that move, load or are elected, replicas that
 * lag, a broker that restarts. False as soon as one cause forbids a repetition, above all a fenced producer. A topic that
 * is not known counts as a new one, which not every broker knows yet, for the first seconds only.
 */
export const isRetriable = (cause: unknown, waitedMillis = Number.POSITIVE_INFINITY): boolean => {
  const causes = causesOf(cause)
  const isRetriableType = ({ type }: { readonly type?: string }) =>
    retriableTypes.has(type ?? "") || (type === unknownTopic && waitedMillis < newTopicMillis)
  if (causes.some((found) => found.type !== undefined && !isRetriableType(found))) return false
  return causes.some((found) => isRetriableType(found) || isLost(found))
}

const unknownTopic = "UNKNOWN_TOPIC_OR_PARTITION"
const newTopicMillis = 5_000

/** True if the request may not have reached its broker, or not the right one: metadata and coordinators are looked up again. */
export const isMisdirected = (cause: unknown): boolean =>
  causesOf(cause).some((found) => movedTypes.has(found.type ?? "") || isLost(found))

/** True if the broker could not be reached or did not answer. */
export const isConnectionLost = (cause: unknown): boolean => causesOf(cause).some(isLost)

const isLost = ({ name, message }: { readonly name?: string; readonly message?: string }) =>
  connectionNames.has(name ?? "") || message === "Broker not connected"

/**
 * For `Effect.retry`: growing waits while the error is retriable. A broker that was never reached is not waited for: its address
 * may be wrong, which is to be reported soon.
 */
export const whileRetriable = (wasConnected: () => boolean) => ({
  schedule: Schedule.min([Schedule.exponential("50 millis"), Schedule.spaced("1 second")]).pipe(
    Schedule.jittered,
    Schedule.upTo({ duration: retryBudgetMillis })
  ),
  while: ({ cause }: KafkaError) => isRetriable(cause) && (wasConnected() || !isConnectionLost(cause))
})

/** kafkajs's names of the protocol's errors; it calls coordinators of transactions by the groups' names too. */
const movedTypes = new Set([
  "NOT_LEADER_FOR_PARTITION",
  "LEADER_NOT_AVAILABLE",
  "FENCED_LEADER_EPOCH",
  "UNKNOWN_LEADER_EPOCH",
  "NOT_COORDINATOR_FOR_GROUP",
  "GROUP_COORDINATOR_NOT_AVAILABLE",
  "NOT_CONTROLLER",
  "REPLICA_NOT_AVAILABLE",
  "PREFERRED_LEADER_NOT_AVAILABLE"
])

const retriableTypes = new Set([
  ...movedTypes,
  "GROUP_LOAD_IN_PROGRESS",
  "CONCURRENT_TRANSACTIONS",
  "UNSTABLE_OFFSET_COMMIT",
  "OFFSET_NOT_AVAILABLE",
  "NOT_ENOUGH_REPLICAS",
  "NOT_ENOUGH_REPLICAS_AFTER_APPEND",
  "REQUEST_TIMED_OUT",
  "NETWORK_EXCEPTION",
  "KAFKA_STORAGE_ERROR",
  "BROKER_NOT_AVAILABLE"
])

const connectionNames = new Set([
  "KafkaJSConnectionError",
  "KafkaJSConnectionClosedError",
  "KafkaJSRequestTimeoutError",
  "KafkaJSBrokerNotFound",
  "KafkaJSNoBrokerAvailableError",
  "KafkaJSGroupCoordinatorNotFound",
  "KafkaJSMetadataNotLoaded",
  // What is known of topics goes with the connection, which another operation may have closed meanwhile.
  "KafkaJSTopicMetadataNotLoaded",
  "ClosedByOwner",
  "KafkaJSLockTimeout",
  "KafkaJSTimeout"
])

/** Few and short: callers retry themselves, and a transaction must not outlive its timeout in retries. */
export const retryPolicy = { initialRetryTime: 50, multiplier: 2, factor: 0.2, maxRetryTime: 2_000, retries: 6 }
