/** What is decided of a record before anything is sent. Pure. */
import * as Duration from "effect/Duration"
import type { Codecs, SendableEvent, Undecodable } from "../../../shared/codec/codecs.ts"
import type { Connection } from "../../../shared/connections/connection.ts"
import { envelopeBytes } from "../../../shared/connections/connector-rules.ts"
import type { Connector } from "../../../shared/connectors/connector.ts"
import { consentDecision } from "../../../shared/connectors/mapping/consent.ts"
import { dueAt, futureToleranceMillis } from "../../../shared/connectors/mapping/start.ts"
import { topicNames } from "../../../shared/model/topics.ts"
import type { Inbound } from "../../../shared/runtime/contract.ts"
import {
  erasedMessage,
  type Suppressions,
  suppressionReasons,
  withdrawnMessage
} from "../../../shared/suppression/suppressions.ts"
import type { Hop, Tracing } from "../../../shared/telemetry/tracing.ts"
import { type Decision, type DeliveryEvent, decisionWithoutRequest, type Outcome, outcomeOf } from "./outcome.ts"

export interface Triage {
  /** To be sent now; the earliest deadline first. */
  readonly ready: ReadonlyArray<DeliveryEvent>
  /** Decided without a request; among them those that are put off until they are due. */
  readonly decided: ReadonlyArray<Outcome>
  /** Delayed retries that are not due yet. */
  readonly early: ReadonlyArray<DeliveryEvent>
  /** Not events at all: dead letters. */
  readonly unreadable: ReadonlyArray<Unreadable>
  /** By which they are traced; null where traces are not exported. */
  readonly hop: Hop | null
}

export interface Unreadable {
  readonly record: Inbound
  readonly problem: Undecodable
}

export interface TriageContext {
  readonly codecs: Codecs["Service"]
  readonly connection: Connection
  readonly connector: Connector
  /** `Clock`, in milliseconds. */
  readonly now: number
  readonly bytesPerRequest: number
  readonly suppressions: Suppressions
  /** Null where traces are not exported. */
  readonly tracing: Tracing | null
}

/** Sorts a batch: expired, without consent, too large for any request, not due, or ready. The schemas are loaded. */
export const triage = (records: ReadonlyArray<Inbound>, context: TriageContext): Triage => {
  const ready: Array<DeliveryEvent> = []
  const decided: Array<Outcome> = []
  const early: Array<DeliveryEvent> = []
  const unreadable: Array<Unreadable> = []
  const tolerance = futureToleranceMillis(context.connection, context.connector)
  const retryTopic = topicNames.retry(context.connection.platform)
  const hop = hopOf(records, context)
  let isInOrder = true
  let urgencyBefore = Number.NEGATIVE_INFINITY
  for (const record of records) {
    const decoded = context.codecs.decode("sendable-event", record.value)
    if (decoded._tag === "Undecodable") {
      unreadable.push({ record, problem: decoded })
      continue
    }
    const event = readEvent(record, decoded.value, context.bytesPerRequest, hop)
    const waitMillis = dueAt(decoded.value, tolerance) - context.now
    const decision = decisionBeforeSending(event, context)
    if (decision !== null) decided.push(outcomeOf(event, decision))
    else if (waitMillis <= 0) {
      const urgency = urgencyOf(event)
      isInOrder &&= urgencyBefore <= urgency
      urgencyBefore = urgency
      ready.push(event)
    }
    // One that waits in the retry topic stays there; another goes there, so that none behind it waits too.
    else if (record.topic === retryTopic) early.push(event)
    else decided.push(outcomeOf(event, aheadOfTheClock(waitMillis)))
  }
  if (!isInOrder) ready.sort((left, right) => urgencyOf(left) - urgencyOf(right))
  return { ready, decided, early, unreadable, hop }
}

/** From now on: what waited before belongs to an earlier hop. */
const hopOf = ([first]: ReadonlyArray<Inbound>, { tracing, connection }: TriageContext): Hop | null =>
  tracing === null || first === undefined
    ? null
    : tracing.hop(first.topic, { "capi.connection": connection.id, "capi.platform": connection.platform })

const readEvent = (record: Inbound, event: SendableEvent, bytesPerRequest: number, hop: Hop | null): DeliveryEvent => ({
  record,
  event,
  bytes: payloadBytes(record, event, bytesPerRequest),
  requests: 0,
  trace: hop === null ? null : hop.begin(record, event.source)
})

/** The record's bytes are an upper bound that costs nothing; only where it is above the limit does the exact number matter. */
const payloadBytes = (record: Inbound, event: SendableEvent, bytesPerRequest: number): number => {
  const bound = record.value?.length ?? 0
  return bound > 0 && bound + envelopeBytes <= bytesPerRequest ? bound : lengthOf(event.payload)
}

const lengthOf = (payload: SendableEvent["payload"]): number =>
  typeof payload === "string" ? Buffer.byteLength(payload) : payload.length

const decisionBeforeSending = ({ event, bytes }: DeliveryEvent, context: TriageContext): Decision | null => {
  if (isExpired(event, context.now)) return expired
  const suppressed = suppressedDecision(event, context)
  if (suppressed !== null) return suppressed
  // The connection's policy may have changed since the mapping.
  const consent = consentDecision(event.consent, context.connection, context.connector, event.consent_country ?? null)
  if (consent._tag === "Skip") return decisionWithoutRequest("skipped", consent.reason, consent.message)
  if (bytes + envelopeBytes > context.bytesPerRequest)
    return decisionWithoutRequest(
      "rejected",
      "payload_too_large",
      `The payload's ${bytes} bytes are above what a request may carry (${context.bytesPerRequest}).`,
      "Shorten the event's custom properties or items and redrive it."
    )
  return null
}

/** It would fail the request, and with it its neighbours. */
const aheadOfTheClock = (waitMillis: number): Decision => ({
  ...decisionWithoutRequest(
    "retry_scheduled",
    "event_time_in_future",
    `The event's time is ahead of the clock: it goes out in ${Math.ceil(waitMillis / 1_000)} s, when the platform takes it.`,
    "Check the clock and the time zone of the producer, or send such events with their arrival time (mapping.future_events)."
  ),
  retryAfter: Duration.millis(waitMillis)
})

/** Whether the platform would no longer take the event. */
const isExpired = (event: SendableEvent, now: number): boolean => event.deadline !== null && event.deadline < now

export const expired: Decision = decisionWithoutRequest(
  "expired",
  "expired",
  "The platform's age limit passed before the event could be delivered.",
  "Nothing: the platform no longer takes it. Find out why it was late."
)

/** What is checked of events right before a request: time has passed since the triage. */
export type SendContext = Pick<TriageContext, "connection" | "connector" | "suppressions">

/** Events that may still be sent, and the outcomes of those that became too old, or whose person was suppressed, while they waited. */
export const separateUnsendable = (
  events: ReadonlyArray<DeliveryEvent>,
  now: number,
  context: SendContext
): { readonly fresh: ReadonlyArray<DeliveryEvent>; readonly stopped: ReadonlyArray<Outcome> } => {
  const mayBeSuppressed = context.suppressions.size > 0
  if (!mayBeSuppressed && !events.some(({ event }) => isExpired(event, now))) return { fresh: events, stopped: [] }
  const fresh: Array<DeliveryEvent> = []
  const stopped: Array<Outcome> = []
  for (const event of events) {
    const decision = isExpired(event.event, now) ? expired : suppressedDecision(event.event, context)
    if (decision === null) fresh.push(event)
    else stopped.push(outcomeOf(event, decision))
  }
  return { fresh, stopped }
}

/**
 * Why the event's person is not sent any more; null where nothing says so. After a withdrawal the payload may not say less than it was
 * mapped with, so an event is skipped too where a new mapping would send it restricted, or without personalized ads.
 */
const suppressedDecision = (
  event: SendableEvent,
  { connection, connector, suppressions }: SendContext
): Decision | null => {
  if (suppressions.size === 0) return null
  const found = suppressions.find(event)
  if (found === null) return null
  if (found._tag === "Erased") return erased
  const before = consentDecision(event.consent, connection, connector, event.consent_country ?? null)
  const after = consentDecision(found.consent, connection, connector, event.consent_country ?? null)
  const isSame =
    after._tag === "Send" &&
    before._tag === "Send" &&
    after.restricted === before.restricted &&
    found.consent.ad_personalization === (event.consent?.ad_personalization ?? null)
  return isSame ? null : withdrawn
}

const erased = decisionWithoutRequest("skipped", suppressionReasons.erased, erasedMessage)
const withdrawn = decisionWithoutRequest("skipped", suppressionReasons.withdrawn, withdrawnMessage)

/** The earliest deadline of the events, in milliseconds since the epoch. */
export const deadlineOf = (events: ReadonlyArray<DeliveryEvent>): number =>
  events.reduce((least, event) => Math.min(least, urgencyOf(event)), Number.MAX_SAFE_INTEGER)

// An event without an age limit has no reason to be overtaken for ever: it counts as if it had a week.
const urgencyOf = ({ event, record }: DeliveryEvent): number => event.deadline ?? record.timestamp + usualLifeMillis

const usualLifeMillis = 7 * 24 * 3_600_000
