/** An event on its way through the engine, and what became of it. */
import type * as Duration from "effect/Duration"
import type { SendableEvent } from "../../../shared/codec/codecs.ts"
import type { ErrorClass, EventVerdict } from "../../../shared/connectors/connector.ts"
import type { Inbound } from "../../../shared/runtime/contract.ts"

export type OutcomeName =
  | "delivered"
  | "accepted"
  | "rejected"
  | "skipped"
  | "expired"
  | "dead_lettered"
  | "retry_scheduled"
  | "unknown"

/** The request that decided an event. */
export interface RequestFacts {
  readonly requestId: string | null
  readonly trackingId: string | null
  readonly latencyMillis: number
  readonly attemptedAt: number
  readonly batchSize: number
  /** What the platform says of the request as a whole; null where it gives no number. */
  readonly eventsReceived: number | null
  /** Events of the request that its answer counts as taken. */
  readonly eventsTaken: number
}

export interface Outcome {
  readonly outcome: OutcomeName
  readonly reasonCode: string | null
  readonly message: string | null
  readonly nextStep: string | null
  readonly errorClass: ErrorClass | null
  /** Null where nothing was sent. */
  readonly request: RequestFacts | null
  /** Delayed retry only: the platform's wish for this event, or how long it is ahead of the clock. */
  readonly retryAfter: Duration.Duration | null
}

/** Mutable on purpose: one object an event, written by the one fiber that holds the event. */
export interface DeliveryEvent {
  readonly record: Inbound
  readonly event: SendableEvent
  /** Bytes of the payload, or a few more. */
  readonly bytes: number
  /** Requests that carried it in this step. */
  requests: number
  fate: Outcome | null
}

/** A fate that was decided without a request. */
export const outcomeWithoutRequest = (
  outcome: OutcomeName,
  reasonCode: string,
  message: string | null,
  nextStep?: string
): Outcome => ({
  outcome,
  reasonCode,
  message,
  nextStep: nextStep ?? null,
  errorClass: null,
  request: null,
  retryAfter: null
})

/** A fate that a platform's verdict decided. */
export const outcomeOfVerdict = (outcome: OutcomeName, verdict: EventVerdict, request: RequestFacts): Outcome => ({
  outcome,
  reasonCode: verdict.reasonCode,
  message: verdict.message,
  nextStep: verdict.nextStep ?? null,
  errorClass: verdict.errorClass,
  request,
  retryAfter: verdict.retryAfter ?? null
})
