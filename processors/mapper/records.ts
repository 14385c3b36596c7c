/**
 * The mapper's outputs for an event at one connection: a mapped event, or the result that says why not. What is rejected
 * before sending is also a dead letter, so that it can be repaired and redriven; the ledger counts it by its result alone.
 */
import type { NormalizedEvent } from "../../schemas/types.gen.ts"
import type { Codecs, Undecodable } from "../../shared/codec/codecs.ts"
import type { Connection } from "../../shared/connections/connection.ts"
import { droppedFields, type Mapped, matchQuality } from "../../shared/connectors/mapping/map.ts"
import { type SealerShape, sealedDeadLetter } from "../../shared/credentials/sealer.ts"
import { deadLetterRecord } from "../../shared/model/dead-letter.ts"
import { type DeliveryResultFields, deliveryResultRecord } from "../../shared/model/delivery-result.ts"
import { headerNames, topicNames, valueBytesMax } from "../../shared/model/topics.ts"
import type { Inbound, Outbound } from "../../shared/runtime/contract.ts"
import { poisonMessage } from "../../shared/runtime/poison.ts"
import type { RecordHeaders } from "../../shared/telemetry/trace-context.ts"

export type Encode = Codecs["Service"]["encode"]

/** What records are written with. */
export interface WriteContext {
  readonly encode: Encode
  /** Seals the originals of dead letters. */
  readonly sealer: SealerShape
  /** `Clock`, in milliseconds since the epoch. */
  readonly now: number
}

/**
 * Writes what the connection gets of an event. Returns what it wrote, which is a rejection where the mapped event is larger than its
 * topic takes.
 *
 * @param traced the headers of the event's trace, where it has one
 */
export const write = (
  outputs: Array<Outbound>,
  record: Inbound,
  event: NormalizedEvent,
  connection: Connection,
  mapped: Mapped,
  context: WriteContext,
  traced?: RecordHeaders
): Mapped => {
  const { encode, now } = context
  const headers = traced === undefined ? headersOf(connection) : { ...headersOf(connection), ...traced }
  const key = event.event_id
  if (mapped._tag === "Mapped") {
    const topic = topicNames.mapped(connection.platform)
    const value = encode(topic, "mapped-event", mapped.event)
    if (value.length > valueBytesMax(topic)) {
      return write(outputs, record, event, connection, tooLarge(topic, value.length), context, traced)
    }
    outputs.push({ topic, key, value, headers })
    return mapped
  }
  outputs.push({ ...deliveryResultRecord(context, resultOf(event, connection, mapped, now)), headers })
  if (mapped._tag === "Rejected") outputs.push(deadLetterOf(record, event, connection, mapped, context, headers))
  return mapped
}

/**
 * Writes what becomes of an event that is for one connection alone, such as one that was redriven, where this mapper does not have
 * that connection: a dead letter to redrive later, or `instead`, where nothing may be kept of it. Returns what it wrote.
 */
export const writeNotEnabled = (
  outputs: Array<Outbound>,
  record: Inbound,
  event: NormalizedEvent,
  id: string,
  instead: NotMapped | null,
  context: WriteContext
): NotMapped => {
  const mapped = instead ?? notEnabled
  const platform = record.headers[headerNames.platform] ?? ""
  const headers = { [headerNames.connection]: id }
  const result = deliveryResultRecord(context, {
    event_id: event.event_id,
    platform,
    event_name: event.event_name,
    timestamp: context.now,
    error_message: mapped.message,
    connection_id: id,
    outcome: outcomeOf(mapped),
    reason_code: mapped.reason,
    error_class: mapped._tag === "Rejected" ? "configuration" : null,
    event_time: event.event_time,
    dropped_fields: event.dropped_fields,
    source: event.source
  })
  outputs.push({ ...result, headers })
  if (mapped._tag === "Rejected") outputs.push(deadLetterOf(record, event, { id, platform }, mapped, context, headers))
  return mapped
}

const notEnabled: NotMapped = {
  _tag: "Rejected",
  reason: "connection_not_enabled",
  message:
    "The event is for one connection alone, which the mapper does not have: it is removed, disabled or not read yet.",
  nextStep:
    "Put the connection into the mapper's file of connections, enabled and under this id, restart the mapper unless it reads the file again, and redrive."
}

const deadLetterOf = (
  record: Inbound,
  event: NormalizedEvent,
  connection: { readonly id: string; readonly platform: string },
  rejected: Extract<Mapped, { readonly _tag: "Rejected" }>,
  context: WriteContext,
  headers: RecordHeaders
): Outbound => {
  const entry = sealedDeadLetter(context.sealer, record, {
    stage: "mapper",
    reason_code: rejected.reason,
    message: rejected.message,
    timestamp: context.now,
    event_id: event.event_id,
    event_name: event.event_name,
    connection_id: connection.id,
    platform: connection.platform,
    next_step:
      rejected.nextStep ?? "Send the event again with what is missing, or change the connection's mapping and redrive."
  })
  return { ...deadLetterRecord(context, entry), headers }
}

/** `mapped`, `skipped`, `rejected`, or `expired` for an event past the platform's age limit. */
export const outcomeOf = (mapped: Mapped): string => {
  if (mapped._tag === "Mapped") return "mapped"
  if (mapped._tag === "Skipped") return "skipped"
  return mapped.reason === "event_too_old" ? "expired" : "rejected"
}

type NotMapped = Exclude<Mapped, { readonly _tag: "Mapped" }>

/** Nothing was sent, so it has no latency and no request. */
const resultOf = (
  event: NormalizedEvent,
  connection: Connection,
  mapped: NotMapped,
  now: number
): DeliveryResultFields => ({
  event_id: event.event_id,
  platform: connection.platform,
  event_name: event.event_name,
  timestamp: now,
  error_message: mapped.message,
  connection_id: connection.id,
  outcome: outcomeOf(mapped),
  reason_code: mapped.reason,
  error_class: mapped._tag === "Rejected" ? "invalid_event" : null,
  mapping_version: connection.mapping.version,
  event_time: event.event_time,
  match_quality: matchQuality(event.user, connection),
  dropped_fields: droppedFields(event, connection, []),
  source: event.source
})

/** One object for all records of a connection, since the client makes the bytes of each object once. */
const headersOf = (connection: Connection): Readonly<Record<string, string>> => {
  const known = headersByConnection.get(connection)
  if (known !== undefined) return known
  const created = { connection: connection.id }
  headersByConnection.set(connection, created)
  return created
}

const headersByConnection = new WeakMap<Connection, Readonly<Record<string, string>>>()

const tooLarge = (topic: string, bytes: number): Mapped => ({
  _tag: "Rejected",
  reason: "payload_too_large",
  message: `The mapped event has ${bytes} bytes; a value of ${topic} may have ${valueBytesMax(topic)}.`
})

/** The dead letter of a record that cannot be read as a normalized event. */
export const undecodable = (
  record: Inbound,
  problem: Undecodable,
  context: WriteContext,
  traced?: RecordHeaders
): Outbound => {
  const entry = sealedDeadLetter(context.sealer, record, {
    stage: "mapper",
    reason_code: problem.reason,
    message: problem.message,
    timestamp: context.now,
    next_step:
      "Look for a program that writes to normalized-events beside the normalizer, or for a registry that lost its schemas."
  })
  return withHeaders(deadLetterRecord(context, entry), traced)
}

/** The dead letter of a record that ended the process each time, unread. */
export const poisoned = (record: Inbound, context: WriteContext, traced?: RecordHeaders): Outbound => {
  const entry = sealedDeadLetter(context.sealer, record, {
    stage: "mapper",
    reason_code: "poison",
    message: poisonMessage,
    timestamp: context.now,
    next_step: "Report it with the program's last lines; redrive it once a new version takes it."
  })
  return withHeaders(deadLetterRecord(context, entry), traced)
}

const withHeaders = (output: Outbound, headers: RecordHeaders | undefined): Outbound =>
  headers === undefined ? output : { ...output, headers }
