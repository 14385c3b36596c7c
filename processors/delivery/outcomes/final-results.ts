/** The final results of events whose request was accepted first. Pure. */
import * as Effect from "effect/Effect"
import type { MessagePricing, PendingEvent, PendingOutcome } from "../../../schemas/types.gen.ts"
import type { Codecs } from "../../../shared/codec/codecs.ts"
import type { AsyncOutcomeReading, EventVerdict } from "../../../shared/connectors/connector.ts"
import { placeOf } from "../../../shared/dedup/deduplicator.ts"
import { refusalRecord } from "../../../shared/dedup/refusals.ts"
import {
  deadLetter,
  deadLetterHeaders,
  deadLetterRecord,
  deliveryStage,
  resolvedName
} from "../../../shared/model/dead-letter.ts"
import { deliveryResultRecord } from "../../../shared/model/delivery-result.ts"
import { topicNames } from "../../../shared/model/topics.ts"
import type { Outbound } from "../../../shared/runtime/contract.ts"
import type { Tracing } from "../../../shared/telemetry/tracing.ts"
import { add, type DeliveryMetrics } from "../engine/telemetry.ts"
import { traceFinalOutcome, withTrace } from "../engine/trace-outcomes.ts"

/** What `warnings` holds where the platform never reported the outcome. */
export const neverReported = "never_told"

export type FinalReading = Extract<AsyncOutcomeReading, { readonly _tag: "Final" }>

export interface FinalOutcome {
  readonly outcome: "delivered" | "accepted" | "rejected"
  readonly verdict: EventVerdict
  /** What the platform said of the request as a whole, which may concern other events of it. */
  readonly note: string | null
}

/** What became of the events of a request, and its records. */
export interface Conclusion {
  readonly outcome: FinalOutcome["outcome"]
  readonly reasonCode: string | null
  readonly events: number
  readonly outputs: ReadonlyArray<Outbound>
}

/**
 * What a final reading says of each event of the request. The platform gives counts: where it took some and not
 * others, it is not known which, so the events stay `accepted` with the reasons given. Duplicates are delivered already; where some
 * events are, and the platform does not say which, that is a note on the request and no event's reason.
 */
const finalOutcome = (reading: FinalReading, eventCount: number): FinalOutcome => {
  if (reading.warnings.includes(neverReported))
    return outcomeBecause("accepted", "accepted", "no_final_answer", "The platform never reported the final outcome.")
  const refused = reading.rejected.filter((entry) => entry.count > 0 && entry.verdict.errorClass !== "duplicate")
  const first = refused[0]
  if (first === undefined)
    return isShort(reading, eventCount) ? shortOf(reading, eventCount) : deliveredOf(reading, eventCount)
  const count = sumOf(refused)
  const reasons = refused.map((entry) => `${entry.count} × ${entry.verdict.reasonCode ?? "unknown"}`).join(", ")
  if (first.count >= eventCount) return { outcome: "rejected", verdict: first.verdict, note: null }
  if (count >= eventCount)
    return outcomeBecause(
      "rejected",
      "invalid_event",
      "several_reasons",
      `The platform refused all ${eventCount} events of this request and does not say which for which reason: ${reasons}.`
    )
  return partly(
    `The platform refused ${count} of ${eventCount} events of this request and does not say which: ${reasons}.`
  )
}

/** What the platform says beside the outcome, and what the outcome is traced by. */
export interface MessageDetails {
  readonly pricing: MessagePricing | null
  readonly tracing?: Tracing | null
}

/**
 * The records of a request's final outcome: a result for each event, and for a refused one its dead letter. A request that
 * was refused before and was delivered after all (`rejected_at`) has a result that corrects the first one, and resolves
 * its dead letters by a mark.
 */
export const conclude = (
  codecs: Codecs["Service"],
  pending: PendingOutcome,
  reading: FinalReading,
  now: number,
  beside: MessageDetails = { pricing: null, tracing: null }
): Conclusion => {
  const final = finalOutcome(reading, pending.events.length)
  const outputs = pending.events.flatMap((event) => {
    const result = finalResult(codecs, pending, event, reading, final, now, beside)
    const at = { eventId: event.event_id, connectionId: pending.connection_id, source: placeOf(event.source) }
    const traced = traceFinalOutcome(beside.tracing ?? null, pending, event, {
      outcome: final.outcome,
      reasonCode: final.verdict.reasonCode
    })
    if (final.outcome === "rejected") {
      const given = finalDeadLetter(codecs, pending, event, final, now)
      return withTrace([result, given, refusalRecord(at, "refused", now)], traced)
    }
    if (pending.rejected_at === null) return withTrace([result], traced)
    const mark = resolvedMark(pending, event, final.outcome)
    return [...withTrace([result], traced), mark, refusalRecord(at, "taken", now)]
  })
  return { outcome: final.outcome, reasonCode: final.verdict.reasonCode, events: pending.events.length, outputs }
}

/** Counts conclusions where the engine counts its other outcomes. */
export const countConclusions = (
  metrics: Pick<DeliveryMetrics, "finals" | "rejected">,
  conclusions: ReadonlyArray<Conclusion>
): Effect.Effect<void> => {
  const outcomes = new Map<string, number>()
  const reasons = new Map<string, number>()
  for (const { outcome, reasonCode, events } of conclusions) {
    if (events === 0) continue
    add(outcomes, outcome, events)
    if (outcome === "rejected") add(reasons, reasonCode ?? "unknown", events)
  }
  return Effect.andThen(metrics.finals(outcomes), metrics.rejected(reasons))
}

const sumOf = (entries: FinalReading["rejected"]): number => entries.reduce((sum, entry) => sum + entry.count, 0)

// A repeat that the platform knew already is not counted as processed, and is there all the same.
const isShort = ({ processed, rejected }: FinalReading, eventCount: number): boolean =>
  processed !== null && processed + sumOf(rejected) < eventCount

const shortOf = ({ processed, rejected }: FinalReading, eventCount: number): FinalOutcome =>
  partly(`The platform reports ${(processed ?? 0) + sumOf(rejected)} of ${eventCount} events of this request only.`)

/** Nothing was refused; `rejected` holds the events that the platform had before. */
const deliveredOf = ({ rejected }: FinalReading, eventCount: number): FinalOutcome => {
  const known = rejected.filter(({ count }) => count > 0)
  const first = known[0]
  const delivered: EventVerdict = { errorClass: "delivered", reasonCode: null, message: null }
  if (first === undefined) return { outcome: "delivered", verdict: delivered, note: null }
  // Each event is concerned.
  if (first.count >= eventCount) return { outcome: "delivered", verdict: first.verdict, note: null }
  const reasons = known.map(({ count, verdict }) => `${count} × ${verdict.reasonCode ?? "duplicate"}`).join(", ")
  const note = `The platform had ${sumOf(known)} of ${eventCount} events of this request before and does not say which: ${reasons}.`
  return { outcome: "delivered", verdict: delivered, note }
}

const partly = (message: string): FinalOutcome => outcomeBecause("accepted", "accepted", "partial_success", message)

const outcomeBecause = (
  outcome: FinalOutcome["outcome"],
  errorClass: EventVerdict["errorClass"],
  reasonCode: string,
  message: string
): FinalOutcome => ({ outcome, verdict: { errorClass, reasonCode, message }, note: null })

const finalResult = (
  codecs: Codecs["Service"],
  pending: PendingOutcome,
  event: PendingEvent,
  reading: FinalReading,
  { outcome, verdict, note }: FinalOutcome,
  now: number,
  { pricing }: MessageDetails
): Outbound =>
  deliveryResultRecord(codecs, {
    ...event,
    platform: pending.platform,
    timestamp: now,
    latency_ms: pending.latency_ms,
    error_message: verdict.message ?? (pending.rejected_at === null ? null : corrected),
    request_id: pending.later_id,
    connection_id: pending.connection_id,
    outcome,
    reason_code: verdict.reasonCode,
    error_class: verdict.errorClass,
    batch_size: pending.events.length,
    events_received: reading.processed,
    attempted_at: pending.accepted_at,
    accepted_at: pending.accepted_at,
    pricing,
    corrects: pending.rejected_at === null ? null : "rejected",
    request_note: note
  })

const corrected = "The platform said that it had failed, and delivered it after all."

/**
 * A record without a value beside the dead letter, found by connection and request: who reads the dead letter sees that there
 * is nothing left to repair, and a redrive skips it.
 */
const resolvedMark = (pending: PendingOutcome, event: PendingEvent, outcome: string): Outbound => ({
  topic: topicNames.deadLetters,
  key: event.event_id,
  value: null,
  headers: {
    [deadLetterHeaders.resolved]: resolvedName(pending.connection_id, pending.later_id),
    [deadLetterHeaders.outcome]: outcome
  }
})

/** The mapped event is not at hand any more, only where its raw record is. */
const finalDeadLetter = (
  codecs: Codecs["Service"],
  pending: PendingOutcome,
  event: PendingEvent,
  { verdict }: FinalOutcome,
  now: number
): Outbound =>
  deadLetterRecord(
    codecs,
    deadLetter(event.source, {
      stage: deliveryStage(pending.platform),
      reason_code: verdict.reasonCode ?? "rejected",
      message: verdict.message ?? "The platform accepted the event and refused it later.",
      timestamp: now,
      attempts: event.retry_count + 1,
      event_id: event.event_id,
      event_name: event.event_name,
      connection_id: pending.connection_id,
      platform: pending.platform,
      next_step:
        verdict.nextStep ??
        "Publish the event again, repaired and under the same event id: it goes to the connections that refused it.",
      request_id: pending.later_id
    })
  )
