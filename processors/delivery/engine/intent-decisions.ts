/** What a send intent decides of its event, without a further request. Pure. */
import type { SendIntent } from "../../../schemas/types.gen.ts"
import { type Decision, decisionWithoutRequest } from "./outcome.ts"

/** Only what needs no further request; a delayed retry is decided again. */
export const isFinal = ({ outcome }: Decision): boolean =>
  outcome === "delivered" || outcome === "accepted" || outcome === "rejected"

/** The decision by a response, as far as the intent records it. */
export const decisionBefore = (intent: SendIntent): Decision => ({
  ...decisionWithoutRequest(
    intent.outcome === "rejected" ? "rejected" : intent.outcome === "delivered" ? "delivered" : "accepted",
    "",
    null
  ),
  reasonCode: intent.reason_code,
  request: {
    requestId: intent.request_id,
    trackingId: intent.later_id,
    latencyMillis: 0,
    attemptedAt: intent.timestamp,
    batchSize: 1,
    eventsReceived: null,
    eventsTaken: intent.outcome === "rejected" ? 0 : 1
  }
})

/** Outcomes after which the platform has, or may have, the event. */
export const isSent = (outcome: string | null): boolean =>
  outcome === "delivered" || outcome === "accepted" || outcome === "unknown"

export const inDoubt = decisionWithoutRequest(
  "unknown",
  "sent_before_crash",
  "A crash came between sending and noting the answer; the platform may have it.",
  "Look whether it arrived; send it again with ./capi unknown resend."
)
export const duplicate = decisionWithoutRequest(
  "skipped",
  "duplicate",
  "The event was sent through this connection within the last 24 hours."
)
