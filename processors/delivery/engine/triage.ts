/** What is decided of a record before anything is sent. Pure. */

import * as Duration from "effect/Duration"
import type { Codecs, SendableEvent, Undecodable } from "../../../shared/codec/codecs.ts"
import type { Connection } from "../../../shared/connections/connection.ts"
import type { Connector } from "../../../shared/connectors/connector.ts"
import { consentDecision } from "../../../shared/connectors/mapping/consent.ts"
import { dueAt, futureToleranceMillis } from "../../../shared/connectors/mapping/event-time.ts"
import { topicNames } from "../../../shared/model/topics.ts"
import type { Inbound } from "../../../shared/runtime/contract.ts"
import { envelopeBytes } from "./limits.ts"
import { type DeliveryEvent, type Outcome, outcomeWithoutRequest } from "./outcome.ts"

export interface Triage {
  /** To be sent now. */
  readonly ready: Array<DeliveryEvent>
  /** Decided without a request; among them those that are put off until they are due. */
  readonly settled: Array<DeliveryEvent>
  /** Delayed retries that are not due yet. */
  readonly early: Array<DeliveryEvent>
  /** Not events at all: dead letters. */
  readonly unreadable: Array<{ readonly record: Inbound; readonly problem: Undecodable }>
}

/** Sorts a batch: expired, without consent, too large for any request, not due, or ready; oldest deadline first. */
export const triage = (
  records: ReadonlyArray<Inbound>,
  context: {
    readonly codecs: Codecs["Service"]
    readonly connection: Connection
    readonly connector: Connector
    readonly now: number
    readonly bytesPerRequest: number
  }
): Triage => {
  const result: Triage = { ready: [], settled: [], early: [], unreadable: [] }
  const tolerance = futureToleranceMillis(context.connection, context.connector)
  const retryTopic = topicNames.retry(context.connection.platform)
  for (const record of records) {
    const decoded = context.codecs.decode("sendable-event", record.value)
    if (decoded._tag === "Undecodable") {
      result.unreadable.push({ record, problem: decoded })
      continue
    }
    const event = decoded.value
    const wait = dueAt(event, tolerance) - context.now
    const item: DeliveryEvent = {
      record,
      event,
      bytes: payloadBytes(record, event, context.bytesPerRequest),
      requests: 0,
      fate: null
    }
    item.fate = fateBeforeSending(item, context)
    // One that waits in the retry topic stays there; another goes there, so that none behind it waits too.
    if (item.fate === null && wait > 0 && record.topic !== retryTopic) item.fate = putOff(wait)
    if (item.fate !== null) result.settled.push(item)
    else if (wait > 0) result.early.push(item)
    else result.ready.push(item)
  }
  result.ready.sort((left, right) => urgencyOf(left) - urgencyOf(right))
  return result
}

/** Ahead of the clock: it would fail the request, and with it its neighbours. `wait` in milliseconds. */
const putOff = (wait: number): Outcome => ({
  ...outcomeWithoutRequest(
    "retry_scheduled",
    "event_time_in_future",
    `The event's time is ahead of the clock: it goes out in ${Math.ceil(wait / 1_000)} s, when the platform takes it.`,
    "Check the clock and the time zone of the producer, or send such events with their arrival time (mapping.future_events)."
  ),
  retryAfter: Duration.millis(wait)
})

/** The record's bytes are an upper bound that costs nothing; only where it is above the limit does the exact number matter. */
const payloadBytes = (record: Inbound, event: SendableEvent, bytesPerRequest: number): number => {
  const bound = record.value?.length ?? 0
  return bound > 0 && bound + envelopeBytes <= bytesPerRequest ? bound : lengthOf(event.payload)
}

const lengthOf = (payload: SendableEvent["payload"]): number =>
  typeof payload === "string" ? Buffer.byteLength(payload) : payload.length

/** Whether the platform would no longer take the event. */
const isExpired = (event: SendableEvent, now: number): boolean => event.deadline !== null && event.deadline < now

export const expiredFate: Outcome = outcomeWithoutRequest(
  "expired",
  "expired",
  "The platform's age limit passed before the event could be delivered.",
  "Nothing: the platform no longer takes it. Find out why it was late."
)

/** The events that still have no fate, after those whose time has come got theirs. */
export const withoutExpired = (items: ReadonlyArray<DeliveryEvent>, now: number): ReadonlyArray<DeliveryEvent> =>
  items.filter((item) => {
    if (item.fate === null && isExpired(item.event, now)) item.fate = expiredFate
    return item.fate === null
  })

const fateBeforeSending = (
  item: DeliveryEvent,
  context: {
    readonly connection: Connection
    readonly connector: Connector
    readonly now: number
    readonly bytesPerRequest: number
  }
): Outcome | null => {
  if (isExpired(item.event, context.now)) return expiredFate
  // The connection's policy may have changed since the mapping.
  const consent = consentDecision(item.event.consent, context.connection, context.connector)
  if (consent._tag === "Skip") return outcomeWithoutRequest("skipped", "consent", consent.message)
  if (item.bytes + envelopeBytes > context.bytesPerRequest)
    return outcomeWithoutRequest(
      "rejected",
      "payload_too_large",
      `The payload's ${item.bytes} bytes are above what a request may carry (${context.bytesPerRequest}).`,
      "Shorten the event's custom properties or items and redrive it."
    )
  return null
}

/** The earliest deadline of the events, in milliseconds since the epoch. */
export const deadlineOf = (items: ReadonlyArray<DeliveryEvent>): number =>
  items.reduce((least, item) => Math.min(least, urgencyOf(item)), Number.MAX_SAFE_INTEGER)

// An event without an age limit has no reason to be overtaken for ever: it counts as if it had a week.
const urgencyOf = ({ event, record }: DeliveryEvent): number => event.deadline ?? record.timestamp + usualLifeMillis

const usualLifeMillis = 7 * 24 * 3_600_000
