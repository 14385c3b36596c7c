/** What a response changes for the connection: batch size, rate, delay of the next pause, metrics, log. */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { DeliveryContextShape } from "./delivery-context.ts"
import { callOutcome, type Interpretable, isUndocumented, overallClass } from "./interpret-response.ts"

type ReadResponse = Pick<Interpretable, "verdict" | "facts">

/** Takes note of a request that was answered, or that got no answer. One effect where there is nothing to say: most are so. */
export const observeRequest = (
  delivery: DeliveryContextShape,
  { sent, waited }: { readonly sent: ReadonlyArray<unknown>; readonly waited: Duration.Duration },
  reading: ReadResponse
): Effect.Effect<void> => {
  const { verdict, facts } = reading
  const { confirmation, limiter, limits, logWarnings, metrics, optimizer, pause } = delivery
  const errorClass = overallClass(verdict)
  const isSuccess = callOutcome(verdict) === "success"
  if (isSuccess) confirmation.succeeded()
  const resized = observeSize(delivery, sent.length, isSuccess, reading)
  const { eventsTaken, eventsReceived, latencyMillis } = facts
  const counted = metrics.request({
    waited,
    errorClass,
    latencyMillis,
    events: sent.length,
    eventsMax: limits.eventsPerRequest,
    eventsTaken,
    eventsReceived,
    batchSize: optimizer.size(),
    improvementPercent: optimizer.result().estimated_throughput_improvement
  })
  const reset = isSuccess ? Effect.andThen(pause.resetDelay, counted) : counted
  const slowed =
    verdict.usagePercent === null ? reset : Effect.andThen(limiter.reportUsage(verdict.usagePercent), reset)
  const warned =
    verdict.warnings.length === 0 ? slowed : Effect.andThen(slowed, logWarnings(verdict.warnings, facts.requestId))
  return resized === null ? warned : Effect.andThen(resized, warned)
}

/** Books the request for the optimizer; the log of another batch size, null where it stays. */
const observeSize = (
  { connection, optimizer }: DeliveryContextShape,
  size: number,
  success: boolean,
  { verdict, facts: { latencyMillis } }: ReadResponse
): Effect.Effect<void> | null => {
  // An outage says nothing about batch sizes; a timeout does.
  const timedOut = verdict._tag === "All" && verdict.verdict.reasonCode === "http_timeout"
  if ((overallClass(verdict) === "transient" || isUndocumented(verdict)) && !timedOut) return null
  const before = optimizer.result().optimized_size
  const isTooLarge = verdict._tag === "SomeInvalid" && verdict.verdict.reasonCode === "payload_too_large"
  optimizer.record({ size, latencyMillis, success: success && !isTooLarge })
  const result = optimizer.result()
  return result.optimized_size === before
    ? null
    : Effect.logInfo("Another batch size is used.").pipe(Effect.annotateLogs({ connection: connection.id, ...result }))
}
