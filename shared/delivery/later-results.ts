/** The final result of an event whose request was accepted first. Pure. */

import type { PendingEvent, PendingOutcome } from "../../schemas/types.gen.ts"
import type { Codecs } from "../avro/codecs.ts"
import type { EventVerdict, LaterReading } from "../platforms/connector.ts"
import type { Outbound } from "../stream/contract.ts"
import { deliveryTopics } from "./settings.ts"

/** What `warnings` holds where the platform never told the outcome. */
export const neverTold = "never_told"

export type FinalReading = Extract<LaterReading, { readonly _tag: "Final" }>

export interface LaterOutcome {
  readonly outcome: "delivered" | "accepted" | "rejected"
  readonly verdict: EventVerdict
}

/**
 * What a final reading says of each event of the request. The platform gives counts: where it took some and refused
 * some, nobody knows which, so the events stay `accepted` with the reasons told. Duplicates are delivered already.
 */
export const laterOutcome = (reading: FinalReading, eventCount: number): LaterOutcome => {
  if (reading.warnings.includes(neverTold))
    return told("accepted", "accepted", "no_final_answer", "The platform never told the final outcome.")
  const refused = reading.rejected.filter((entry) => entry.count > 0 && entry.verdict.errorClass !== "duplicate")
  const first = refused[0]
  if (first === undefined) return { outcome: "delivered", verdict: reading.rejected[0]?.verdict ?? delivered }
  const count = refused.reduce((sum, entry) => sum + entry.count, 0)
  if (count >= eventCount) return { outcome: "rejected", verdict: first.verdict }
  const reasons = refused.map((entry) => `${entry.count} × ${entry.verdict.reasonCode ?? "unknown"}`).join(", ")
  return told(
    "accepted",
    "accepted",
    "partial_success",
    `The platform refused ${count} of ${eventCount} events of this request and does not say which: ${reasons}.`
  )
}

/** The record of an event's final outcome. */
export const finalResult = (
  codecs: Codecs["Service"],
  pending: PendingOutcome,
  event: PendingEvent,
  reading: FinalReading,
  now: number
): Outbound => {
  const { outcome, verdict } = laterOutcome(reading, pending.events.length)
  return {
    topic: deliveryTopics.results,
    key: event.event_id,
    value: codecs.encode(deliveryTopics.results, "event-delivery-log", {
      ...event,
      platform: pending.platform,
      timestamp: now,
      success: outcome !== "rejected",
      latency_ms: pending.latency_ms,
      error_message: verdict.message,
      request_id: pending.later_id,
      connection_id: pending.connection_id,
      outcome,
      reason_code: verdict.reasonCode,
      error_class: verdict.errorClass,
      batch_size: pending.events.length,
      events_received: reading.processed,
      attempted_at: pending.accepted_at,
      match_quality: null,
      dropped_fields: [],
      circuit_state: null
    })
  }
}

const delivered: EventVerdict = { errorClass: "delivered", reasonCode: null, message: null }

const told = (
  outcome: LaterOutcome["outcome"],
  errorClass: EventVerdict["errorClass"],
  reasonCode: string,
  message: string
): LaterOutcome => ({ outcome, verdict: { errorClass, reasonCode, message } })
