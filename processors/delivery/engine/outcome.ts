/** An event on its way through the engine, and what became of it. Values: no stage changes what it was given. */
import type * as Duration from "effect/Duration"
import type { SendableEvent } from "../../../shared/codec/codecs.ts"
import type { ErrorClass, EventVerdict } from "../../../shared/connectors/connector.ts"
import type { Inbound } from "../../../shared/runtime/contract.ts"
import type { EventTrace, SpanPlace } from "../../../shared/telemetry/tracing.ts"

export interface DeliveryEvent {
  readonly record: Inbound
  readonly event: SendableEvent
  /** Bytes of the payload, or a few more. */
  readonly bytes: number
  /** Requests that carried it in this step so far. */
  readonly requests: number
  /** Null where it is not traced. */
  readonly trace: EventTrace | null
}

/** What became of one event. */
export interface Outcome {
  readonly event: DeliveryEvent
  /** Requests that carried it in this step. */
  readonly requests: number
  readonly decision: Decision
}

export type OutcomeName =
  | "delivered"
  | "accepted"
  | "rejected"
  | "skipped"
  | "expired"
  | "dead_lettered"
  | "retry_scheduled"
  | "unknown"

/** Why an outcome is as it is; events of one request may share it. */
export interface Decision {
  readonly outcome: OutcomeName
  readonly reasonCode: string | null
  readonly message: string | null
  readonly nextStep: string | null
  readonly errorClass: ErrorClass | null
  /** Null where nothing was sent. */
  readonly request: RequestFacts | null
  /** Delayed retry only: how long the platform asks to wait with this event, or how long it is ahead of the clock. */
  readonly retryAfter: Duration.Duration | null
}

/** The request that decided an event. */
export interface RequestFacts {
  readonly requestId: string | null
  readonly trackingId: string | null
  readonly latencyMillis: number
  /** `Clock`, in milliseconds. */
  readonly attemptedAt: number
  readonly batchSize: number
  /** How many events of the request the platform says it received; null where it gives no number. */
  readonly eventsReceived: number | null
  /** Events of the request that its response counts as delivered or accepted. */
  readonly eventsTaken: number
  /** Where the request is traced. */
  readonly requestSpan?: SpanPlace | null
}

/** An outcome that no request of this step decided. */
export const outcomeOf = (event: DeliveryEvent, decision: Decision): Outcome => ({
  event,
  requests: event.requests,
  decision
})

/** A decision without a request. */
export const decisionWithoutRequest = (
  outcome: OutcomeName,
  reasonCode: string,
  message: string | null,
  nextStep?: string
): Decision => ({
  outcome,
  reasonCode,
  message,
  nextStep: nextStep ?? null,
  errorClass: null,
  request: null,
  retryAfter: null
})

/** A decision by a platform's verdict. */
export const decisionByVerdict = (outcome: OutcomeName, verdict: EventVerdict, request: RequestFacts): Decision => ({
  outcome,
  reasonCode: verdict.reasonCode,
  message: verdict.message,
  nextStep: verdict.nextStep ?? null,
  errorClass: verdict.errorClass,
  request,
  retryAfter: verdict.retryAfter ?? null
})

/** Whether the platform has the event. */
export const isTaken = ({ decision }: Outcome): boolean =>
  decision.outcome === "delivered" || decision.outcome === "accepted"
