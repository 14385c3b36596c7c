/** Turns what kafkajs throws into the port's error: a stable code, and what a person can do about it. */
import * as Effect from "effect/Effect"
import { KafkaError } from "../client.ts"

/** Runs a promise of kafkajs; its rejection becomes a KafkaError. */
export const attempt = <A>(operation: string, run: (signal: AbortSignal) => Promise<A>): Effect.Effect<A, KafkaError> =>
  Effect.tryPromise({ try: run, catch: (cause) => kafkaError(operation, cause) })

/**
 * Runs a promise for at most so long and forgets its outcome: for goodbyes, which may wait for a broker that is away.
 * The bound is on the promise because finalizers can't be interrupted.
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
  return new KafkaError({
    code,
    operation,
    message: `Kafka could not ${operation}: ${messageOf(cause)}.`,
    nextStep: nextSteps[code],
    cause
  })
}

const codeOf = (cause: unknown): KafkaError["code"] => {
  for (const error of causesOf(cause)) {
    const type = String(error.type ?? error.code ?? "")
    if (fencedTypes.has(type)) return "fenced"
    if (tooLargeTypes.has(type)) return "too_large"
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
}

/** The error and its causes; kafkajs wraps the telling one in "number of retries exceeded". */
export const causesOf = (cause: unknown): ReadonlyArray<KafkaJsFailure> => {
  const chain: Array<KafkaJsFailure> = []
  let current = cause
  while (typeof current === "object" && current !== null && chain.length < chainLengthMax) {
    chain.push(current)
    current = (current as KafkaJsFailure).cause
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

const nextSteps: Record<KafkaError["code"], string> = {
  unreachable: "Check that the broker runs and that its address and port are right.",
  fenced: "Another owner of the partition has taken over; this one starts again from the committed offset.",
  partitions_differ: "Give all topics the same number: ./capi topics --add-partitions <number>.",
  too_large: "Raise the topic's max.message.bytes, or make the record smaller.",
  unknown_topic: "Create the topics first, and check the topic prefix.",
  timeout: "Look at the broker's load and its log; the request is repeated.",
  unauthorized: "Check the user, the password, the SASL mechanism and the broker's access rules.",
  other: "Look at the cause and at the broker's log."
}
