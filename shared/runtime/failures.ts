/** What kind of failure a partition had: whether it ends by itself, and what is said of it. */
import * as Effect from "effect/Effect"
import { RegistryError } from "../codec/codecs.ts"
import { KafkaError } from "../kafka/client.ts"

/** The broker ends a transaction that takes too long by fencing its producer; a step past its deadline times out. */
export const isTooSlow = (failure: unknown): boolean =>
  failure instanceof KafkaError && (failure.code === "timeout" || failure.code === "fenced")

/** A broker that restarts, or a leader that moves: a warning only when it lasts. */
export const isTransient = (failure: unknown, failures: number): boolean =>
  failure instanceof KafkaError && (failure.code === "unreachable" || failure.code === "timeout") && failures < 3

/**
 * What fails again and again until an operator corrects it, and then goes on by itself: an output that its topic refuses (processors
 * check sizes, so the topic was created with a smaller limit than declared), or whose compression the broker or the topic does not take, topics whose
 * numbers of partitions differ, an input that cannot be decompressed, or a schema registry that refuses the program's user.
 */
export const needsOperator = (failure: unknown): failure is KafkaError | RegistryError =>
  (failure instanceof KafkaError && operatorCodes.has(failure.code)) ||
  (failure instanceof RegistryError && failure.code === "other")

const operatorCodes: ReadonlySet<KafkaError["code"]> = new Set([
  "too_large",
  "partitions_differ",
  "unsupported_compression",
  "damaged"
])

/** Says what failed as loudly as it has to be. */
export const logFailure = (failure: unknown, failures: number): Effect.Effect<void> => {
  if (needsOperator(failure))
    return Effect.logError(`Partition cannot go on until this is corrected: ${failure.message} ${failure.nextStep}`)
  const log = isTransient(failure, failures) ? Effect.logInfo : Effect.logWarning
  return log("Partition failed; it is opened again from its committed offset.")
}
