/** The records of outcomes: results, dead letters, delayed retries, refusals. Pure. */
import * as Duration from "effect/Duration"
import type { DeadLetter } from "../../../schemas/types.gen.ts"
import type { Codecs, Undecodable } from "../../../shared/codec/codecs.ts"
import type { Connection } from "../../../shared/connections/connection.ts"
import { type SealerShape, sealedDeadLetter } from "../../../shared/credentials/sealer.ts"
import { placeOf } from "../../../shared/dedup/deduplicator.ts"
import { refusalRecord, refusingSkips } from "../../../shared/dedup/refusals.ts"
import { type DeadLetterSource, deadLetterRecord, deliveryStage } from "../../../shared/model/dead-letter.ts"
import { deliveryResultRecord } from "../../../shared/model/delivery-result.ts"
import { headerNames, topicNames } from "../../../shared/model/topics.ts"
import type { Inbound, Outbound } from "../../../shared/runtime/contract.ts"
import { poisonMessage } from "../../../shared/runtime/poison.ts"
import type { CircuitState } from "../resilience/circuit-breaker.ts"
import { type Decision, type DeliveryEvent, decisionWithoutRequest, type Outcome, outcomeOf } from "./outcome.ts"
import type { DeliverySettings } from "./settings.ts"
import { expired } from "./triage.ts"

export interface RecordContext {
  readonly codecs: Codecs["Service"]
  readonly connection: Connection
  readonly settings: DeliverySettings
  readonly circuit: CircuitState
  /** Seals the originals of dead letters; see `DeliveryServicesShape`. */
  readonly sealer: SealerShape | null
  /** `Clock`, in milliseconds. */
  readonly now: number
}

/** The outcome as it is recorded: what can't be put off any more is expired or a dead letter. */
export const settle = (outcome: Outcome, { settings, now }: RecordContext): Outcome => {
  const { event, decision } = outcome
  if (decision.outcome !== "retry_scheduled") return outcome
  const { deadline } = event.event
  if (deadline !== null && deadline - now <= tooShortMillis)
    return { ...outcome, decision: { ...expired, request: decision.request } }
  const round = roundOf(event)
  if (deadline === null && round >= settings.delayedRoundsMax)
    return { ...outcome, decision: { ...decision, outcome: "dead_lettered", reasonCode: "attempts_exhausted" } }
  // An undocumented code does not become readable by waiting for days: a person looks at it, and redrives.
  if (decision.errorClass === "unknown" && round >= settings.delayedUnknownRoundsMax)
    return { ...outcome, decision: { ...decision, outcome: "dead_lettered" } }
  return outcome
}

/** Adds the result of a settled outcome, and its dead letter, its refusal or its delayed retry. */
export const addRecords = (outputs: Array<Outbound>, outcome: Outcome, context: RecordContext): void => {
  outputs.push(resultOf(outcome, context))
  switch (outcome.decision.outcome) {
    case "retry_scheduled":
      outputs.push(retryOf(outcome, context))
      break
    case "rejected":
    case "expired":
    case "dead_lettered":
      outputs.push(deadLetterOf(outcome, context), refusalOf(outcome, context))
      break
    case "skipped":
      if (refusingSkips.has(outcome.decision.reasonCode ?? "")) outputs.push(refusalOf(outcome, context))
  }
}

const resultOf = ({ event: { event }, requests, decision }: Outcome, context: RecordContext): Outbound =>
  deliveryResultRecord(context.codecs, {
    event_id: event.event_id,
    platform: event.platform,
    event_name: event.event_name,
    timestamp: context.now,
    latency_ms: decision.request?.latencyMillis ?? 0,
    error_message: decision.message ?? countMismatch(decision),
    request_id: decision.request?.requestId ?? decision.request?.trackingId ?? null,
    retry_count: Math.max(0, event.attempts + requests - 1),
    connection_id: context.connection.id,
    outcome: decision.outcome,
    reason_code: decision.reasonCode,
    error_class: decision.errorClass,
    batch_size: decision.request?.batchSize ?? 0,
    events_received: decision.request?.eventsReceived ?? null,
    mapping_version: event.mapping_version,
    platform_event: event.platform_event,
    event_time: event.event_time,
    attempted_at: decision.request?.attemptedAt ?? null,
    match_quality: event.match_quality,
    dropped_fields: event.dropped_fields,
    source: event.source,
    circuit_state: context.circuit
  })

/** Which event the platform did not receive is not known, so each result of the request says it. */
const countMismatch = ({ outcome, request }: Decision): string | null =>
  outcome === "delivered" &&
  request !== null &&
  request.eventsReceived !== null &&
  request.eventsReceived < request.eventsTaken
    ? `The platform says that it received ${request.eventsReceived} of the ${request.eventsTaken} events that it took.`
    : null

const deadLetterOf = ({ event, requests, decision }: Outcome, context: RecordContext): Outbound =>
  deadLetterRecord(
    context.codecs,
    sealedDeadLetter(context.sealer, event.record, {
      stage: deliveryStage(event.event.platform),
      reason_code: decision.reasonCode ?? decision.outcome,
      message: decision.message ?? "The platform refused the event.",
      timestamp: context.now,
      attempts: event.event.attempts + requests,
      event_id: event.event.event_id,
      event_name: event.event.event_name,
      connection_id: context.connection.id,
      platform: event.event.platform,
      next_step: decision.nextStep,
      request_id: decision.request?.requestId ?? null
    })
  )

/** What lets the mapper send a repaired event to this connection. */
const refusalOf = ({ event: { event } }: Outcome, { connection, now }: RecordContext): Outbound =>
  refusalRecord({ eventId: event.event_id, connectionId: connection.id, source: placeOf(event.source) }, "refused", now)

const retryOf = ({ event, requests, decision }: Outcome, context: RecordContext): Outbound => {
  const { settings, now, connection, codecs } = context
  const round = roundOf(event)
  const due = now + Duration.toMillis(delayOf(decision, round, settings))
  const { deadline } = event.event
  const topic = topicNames.retry(connection.platform)
  const value = codecs.encode(topic, "mapped-event", {
    ...event.event,
    payload: String(event.event.payload),
    attempts: event.event.attempts + requests,
    not_before: deadline === null ? due : Math.min(due, lastTryAt(deadline, now, settings))
  })
  const headers = { [headerNames.connection]: connection.id, [headerNames.round]: String(round + 1) }
  return { topic, key: event.event.event_id, value, headers }
}

/** Rounds through the delayed retry topic so far. */
const roundOf = ({ record }: DeliveryEvent): number => Number(record.headers[headerNames.round] ?? 0) || 0

/** Growing by the settings; or, where the platform said how long this event must wait, by as much each round. */
const delayOf = ({ retryAfter }: Decision, round: number, settings: DeliverySettings): Duration.Duration => {
  const delays = settings.delayedRetries
  const last = delays[delays.length - 1] ?? Duration.minutes(1)
  if (retryAfter === null) return delays[round] ?? last
  return Duration.max(retryAfter, Duration.min(last, Duration.times(retryAfter, round + 1)))
}

/** Well before the platform's age limit, not after it; where little time is left, when half of it is over. */
const lastTryAt = (deadline: number, now: number, settings: DeliverySettings): number =>
  deadline - Math.min(Duration.toMillis(settings.delayedLastTry), Math.floor((deadline - now) / 2))

/** A record that is not decided here and now, written back as it is: a copy, since the record's memory ends with the step. */
export const writtenBack = ({ event, record }: DeliveryEvent, topic: string): Outbound => ({
  topic,
  key: event.event_id,
  value: record.value === null ? null : Buffer.from(record.value),
  headers: record.headers
})

/** The dead letter of a record that is not an event. It has no result, since its event is not known. */
export const unreadableRecord = (record: Inbound, problem: Undecodable, context: RecordContext): Outbound =>
  deadLetterRecord(
    context.codecs,
    unreadableDeadLetter(context.sealer, record, problem, context.connection, context.now)
  )

/** The same as a value, for the connection that the record's header names. */
export const unreadableDeadLetter = (
  sealer: SealerShape | null,
  record: DeadLetterSource,
  { message, reason }: Undecodable,
  { id, platform }: Pick<Connection, "id" | "platform">,
  now: number
): DeadLetter =>
  sealedDeadLetter(sealer, record, {
    stage: deliveryStage(platform),
    reason_code: reason,
    message,
    timestamp: now,
    connection_id: id,
    platform,
    next_step: "Find out what wrote it to the topic of mapped events: only the mapper should."
  })

/**
 * The result and the dead letter of a record that ended the process each time, unread: its key is the event's id, and nothing else of the
 * event is known.
 *
 * @param sent what its send intent says; null where no request carried it
 */
export const poisonedRecords = (
  record: Inbound,
  sent: Decision | null,
  { codecs, connection: { id, platform }, sealer, now }: Pick<RecordContext, "codecs" | "connection" | "sealer" | "now">
): ReadonlyArray<Outbound> => {
  const eventId = record.key === null ? null : String(record.key)
  const message = sent === null ? poisonMessage : `${poisonMessage} ${sentBefore(sent)}`
  const entry = sealedDeadLetter(sealer, record, {
    stage: deliveryStage(platform),
    reason_code: "poison",
    message,
    timestamp: now,
    attempts: sent === null ? 0 : 1,
    event_id: eventId,
    connection_id: id,
    platform,
    next_step:
      sent === null
        ? "Report it with the program's last lines; redrive it once a new version takes it."
        : "Report it with the program's last lines. Look at the platform before you redrive it: it would be sent a second time.",
    request_id: sent?.request?.requestId ?? null
  })
  const output = deadLetterRecord(codecs, entry)
  if (eventId === null) return [output]
  const result = {
    event_id: eventId,
    platform,
    event_name: "",
    timestamp: now,
    error_message: message,
    connection_id: id,
    outcome: "dead_lettered",
    reason_code: "poison",
    attempted_at: sent?.request?.attemptedAt ?? null
  }
  return [deliveryResultRecord(codecs, result), output]
}

const sentBefore = ({ outcome }: Decision): string =>
  outcome === "unknown"
    ? "It may have been sent before that."
    : `It was sent before that: ${outcome === "rejected" ? "the platform refused it" : "the platform took it"}.`

/** Every event leaves the engine with an outcome; if one had none, this would show it rather than lose it. */
export const withUndecided = (
  events: ReadonlyArray<DeliveryEvent>,
  outcomes: ReadonlyArray<Outcome>
): ReadonlyArray<Outcome> => {
  if (outcomes.length === events.length) return outcomes
  const decided = new Set(outcomes.map(({ event }) => event.record))
  const missing = events.filter(({ record }) => !decided.has(record))
  return [...outcomes, ...missing.map((event) => outcomeOf(event, undecided))]
}

const undecided = decisionWithoutRequest(
  "dead_lettered",
  "undecided",
  "The engine ended without deciding on the event."
)

/** An event that lives no longer than this gets no further try. */
const tooShortMillis = 60_000
