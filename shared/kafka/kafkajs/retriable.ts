/** Which failures of kafkajs pass by themselves, and how long and how often to ask again. */
import * as Schedule from "effect/Schedule"
import type { KafkaError } from "../client.ts"
import { causesOf } from "./errors.ts"

/** How long an operation asks again before it fails; what lasts longer is for its caller to decide. */
export const retryBudgetMillis = 30_000

/**
 * True if the same request may succeed in a moment: leaders and coordinators that move, load or are elected, replicas that
 * lag, a broker that restarts. False as soon as one cause forbids a repetition, above all a fenced producer. A topic that
 * is not known counts as a new one, which not every broker has heard of, for the first seconds of waiting alone.
 */
export const isRetriable = (cause: unknown, waitedMillis = Number.POSITIVE_INFINITY): boolean => {
  const causes = causesOf(cause)
  const passes = ({ type }: { readonly type?: string }) =>
    passingTypes.has(type ?? "") || (type === unknownTopic && waitedMillis < newTopicMillis)
  if (causes.some((found) => found.type !== undefined && !passes(found))) return false
  return causes.some((found) => passes(found) || isLost(found))
}

const unknownTopic = "UNKNOWN_TOPIC_OR_PARTITION"
const newTopicMillis = 5_000

/** True if the request may not have reached its broker, or not the right one: metadata and coordinators are asked again. */
export const isMisdirected = (cause: unknown): boolean =>
  causesOf(cause).some((found) => movedTypes.has(found.type ?? "") || isLost(found))

/** True if the broker could not be reached or did not answer. */
export const isConnectionLost = (cause: unknown): boolean => causesOf(cause).some(isLost)

const isLost = ({ name, message }: { readonly name?: string; readonly message?: string }) =>
  connectionNames.has(name ?? "") || message === "Broker not connected"

/**
 * For `Effect.retry`: growing waits, for as long as the trouble looks passing. A broker that was never reached is not waited
 * for: its address may be wrong, which is to be told soon.
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

const passingTypes = new Set([
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
