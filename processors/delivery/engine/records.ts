/** The records that tell what became of events. Pure. */
import * as Duration from "effect/Duration"
import type { DeadLetter } from "../../../schemas/types.gen.ts"
import type { Codecs, Undecodable } from "../../../shared/codec/codecs.ts"
import type { Connection } from "../../../shared/connections/connection.ts"
import { placeOf } from "../../../shared/dedup/deduplicator.ts"
import { refusalRecord } from "../../../shared/dedup/refusals.ts"
import { type DeadLetterSource, deadLetter, deadLetterKey, deliveryStage } from "../../../shared/model/dead-letter.ts"
import { deliveryResult } from "../../../shared/model/delivery-result.ts"
import { headerNames, topicNames } from "../../../shared/model/topics.ts"
import type { Inbound, Outbound } from "../../../shared/runtime/contract.ts"
import type { CircuitState } from "../resilience/circuit-breaker.ts"
import { type DeliveryEvent, type Outcome, outcomeWithoutRequest } from "./outcome.ts"
import type { DeliverySettings } from "./settings.ts"
import { expiredFate } from "./triage.ts"

export interface RecordContext {
  readonly codecs: Codecs["Service"]
  readonly connection: Connection
  readonly settings: DeliverySettings
  readonly circuit: CircuitState
  readonly now: number
}

/** An event's result, and where it needs one its dead letter or its delayed retry. */
export const recordsOf = (item: DeliveryEvent, context: RecordContext): ReadonlyArray<Outbound> => {
  if (item.fate?.outcome === "retry_scheduled") return retryRecords(item, item.fate, context)
  const fate = item.fate ?? undecidedFate
  const result = resultRecord(item, fate, context)
  return needsDeadLetter(fate) ? [result, ...refusedRecords(item, fate, context)] : [result]
}

/** A refused event's dead letter, and what lets the mapper send a repaired one to this connection. */
const refusedRecords = (item: DeliveryEvent, fate: Outcome, context: RecordContext): ReadonlyArray<Outbound> => {
  const { event_id: eventId, source } = item.event
  const letter = deadLetterRecord(item, fate, context)
  const at = { eventId, connectionId: context.connection.id, source: placeOf(source) }
  return [letter, refusalRecord(at, "refused", context.now)]
}

/** A record that is no event. It has no result, since nobody knows whose it would be. */
export const unreadableRecord = (record: Inbound, problem: Undecodable, context: RecordContext): Outbound =>
  deadLetterOutput(unreadableDeadLetter(record, problem, context.connection, context.now), context)

/** Its dead letter, for the connection that its header names. */
export const unreadableDeadLetter = (
  record: DeadLetterSource,
  { message, reason }: Undecodable,
  { id, platform }: Pick<Connection, "id" | "platform">,
  now: number
): DeadLetter =>
  deadLetter(record, {
    stage: deliveryStage(platform),
    reason_code: reason,
    message,
    timestamp: now,
    connection_id: id,
    platform,
    next_step: "Find out what wrote it to the topic of mapped events: only the mapper should."
  })

/** A record that is not decided here and now, written back as it is: a copy, since the record's memory ends with the step. */
export const writtenBack = (item: DeliveryEvent, topic: string): Outbound => ({
  topic,
  key: item.event.event_id,
  value: item.record.value === null ? null : Buffer.from(item.record.value),
  headers: item.record.headers
})

const retryRecords = (item: DeliveryEvent, fate: Outcome, context: RecordContext): ReadonlyArray<Outbound> => {
  const { settings, now, connection, codecs } = context
  const round = Number(item.record.headers[headerNames.round] ?? 0) || 0
  const wished = now + Duration.toMillis(delayOf(fate, round, settings))
  const { deadline } = item.event
  if (deadline !== null && deadline - now <= tooShortMillis)
    return ended(item, { ...expiredFate, request: fate.request }, context)
  const notBefore = deadline === null ? wished : Math.min(wished, lastTryAt(deadline, now, settings))
  if (deadline === null && round >= settings.delayedRoundsMax)
    return ended(item, { ...fate, outcome: "dead_lettered", reasonCode: "attempts_exhausted" }, context)
  // What nobody can read does not become readable by waiting for days: a person looks at it, and redrives.
  if (fate.errorClass === "unknown" && round >= settings.delayedUnknownRoundsMax)
    return ended(item, { ...fate, outcome: "dead_lettered" }, context)
  const topic = topicNames.retry(connection.platform)
  const value = codecs.encode(topic, "mapped-event", {
    ...item.event,
    payload: String(item.event.payload),
    attempts: item.event.attempts + item.requests,
    not_before: notBefore
  })
  const headers = { [headerNames.connection]: connection.id, [headerNames.round]: String(round + 1) }
  return [resultRecord(item, fate, context), { topic, key: item.event.event_id, value, headers }]
}

/** Growing by the settings; or, where the platform conclusions how long this event must wait, by as much each round. */
const delayOf = ({ retryAfter }: Outcome, round: number, settings: DeliverySettings): Duration.Duration => {
  const delays = settings.delayedRetries
  const last = delays[delays.length - 1] ?? Duration.minutes(1)
  if (retryAfter === null) return delays[round] ?? last
  return Duration.max(retryAfter, Duration.min(last, Duration.times(retryAfter, round + 1)))
}

/** Well before the platform's age limit, not after it; where little time is left, when half of it is over. */
const lastTryAt = (deadline: number, now: number, settings: DeliverySettings): number =>
  deadline - Math.min(Duration.toMillis(settings.delayedLastTry), Math.floor((deadline - now) / 2))

const ended = (item: DeliveryEvent, fate: Outcome, context: RecordContext): ReadonlyArray<Outbound> => {
  item.fate = fate
  return [resultRecord(item, fate, context), ...refusedRecords(item, fate, context)]
}

const resultRecord = ({ event, requests }: DeliveryEvent, fate: Outcome, context: RecordContext): Outbound => ({
  topic: topicNames.results,
  key: event.event_id,
  value: context.codecs.encode(
    topicNames.results,
    "event-delivery-log",
    deliveryResult({
      event_id: event.event_id,
      platform: event.platform,
      event_name: event.event_name,
      timestamp: context.now,
      latency_ms: fate.request?.latencyMillis ?? 0,
      error_message: fate.message ?? shortOf(fate),
      request_id: fate.request?.requestId ?? fate.request?.trackingId ?? null,
      retry_count: Math.max(0, event.attempts + requests - 1),
      connection_id: context.connection.id,
      outcome: fate.outcome,
      reason_code: fate.reasonCode,
      error_class: fate.errorClass,
      batch_size: fate.request?.batchSize ?? 0,
      events_received: fate.request?.eventsReceived ?? null,
      mapping_version: event.mapping_version,
      platform_event: event.platform_event,
      event_time: event.event_time,
      attempted_at: fate.request?.attemptedAt ?? null,
      match_quality: event.match_quality,
      dropped_fields: event.dropped_fields,
      source: event.source,
      circuit_state: context.circuit
    })
  )
})

/** Nobody knows which event is missing, so that each of the request tells it. */
const shortOf = ({ outcome, request }: Outcome): string | null =>
  outcome === "delivered" &&
  request !== null &&
  request.eventsReceived !== null &&
  request.eventsReceived < request.eventsTaken
    ? `The platform says that it received ${request.eventsReceived} of the ${request.eventsTaken} events that it took.`
    : null

const deadLetterRecord = (
  { event, record, requests }: DeliveryEvent,
  fate: Outcome,
  context: RecordContext
): Outbound =>
  deadLetterOutput(
    deadLetter(record, {
      stage: deliveryStage(event.platform),
      reason_code: fate.reasonCode ?? fate.outcome,
      message: fate.message ?? "The platform refused the event.",
      timestamp: context.now,
      attempts: event.attempts + requests,
      event_id: event.event_id,
      event_name: event.event_name,
      connection_id: context.connection.id,
      platform: event.platform,
      next_step: fate.nextStep,
      request_id: fate.request?.requestId ?? null
    }),
    context
  )

const deadLetterOutput = (letter: DeadLetter, { codecs }: RecordContext): Outbound => ({
  topic: topicNames.deadLetters,
  key: deadLetterKey(letter),
  value: codecs.encode(topicNames.deadLetters, "dead-letter", letter)
})

const needsDeadLetter = ({ outcome }: Outcome): boolean =>
  outcome === "rejected" || outcome === "expired" || outcome === "dead_lettered"

/** Every event leaves the engine with a fate; were one without, this would show it rather than lose it. */
const undecidedFate = outcomeWithoutRequest(
  "dead_lettered",
  "undecided",
  "The engine ended without deciding on the event."
)

/** An event that lives no longer than this gets no further try. */
const tooShortMillis = 60_000
