/** Metrics of the notifier. */
import * as Effect from "effect/Effect"
import * as Metric from "effect/Metric"
import type { Receiver } from "./notifications-file.ts"
import type { ReceiverHealth } from "./receiver.ts"
import type { Pending } from "./state.ts"

const sent = Metric.counter("capi_notifier_sent_total", {
  description: "Changes of problems that receivers took, by event: began, changed, repeated, ended.",
  incremental: true
})
const failures = Metric.counter("capi_notifier_failures_total", {
  description: "Requests that a receiver did not take, by reason.",
  incremental: true
})
const pendingChanges = Metric.gauge("capi_notifier_pending_changes", {
  description: "Changes that wait for the receiver to take them."
})
const failing = Metric.gauge("capi_notifier_receiver_failing", {
  description: "1 while the receiver takes nothing, 0 while it works."
})

export const countSent = ({ id }: Receiver, pending: ReadonlyArray<Pending>): Effect.Effect<void> =>
  Effect.forEach(pending, ({ kind }) => Metric.update(Metric.withAttributes(sent, { receiver: id, event: kind }), 1), {
    discard: true
  })

export const countFailure = ({ id }: Receiver, reason: string): Effect.Effect<void> =>
  Metric.update(Metric.withAttributes(failures, { receiver: id, reason }), 1)

export const updateReceivers = (healths: ReadonlyMap<string, ReceiverHealth>): Effect.Effect<void> =>
  Effect.forEach(
    [...healths],
    ([receiver, { pending, failingSince }]) =>
      Effect.andThen(
        Metric.update(Metric.withAttributes(pendingChanges, { receiver }), pending),
        Metric.update(Metric.withAttributes(failing, { receiver }), failingSince === null ? 0 : 1)
      ),
    { discard: true }
  )
