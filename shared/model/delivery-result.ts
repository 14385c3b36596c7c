/** The one way to make a record of `delivery-results`. Pure. */
import type { EventDeliveryLog } from "../../schemas/types.gen.ts"
import { topicNames } from "./topics.ts"

type Required = "event_id" | "event_name" | "platform" | "connection_id" | "timestamp" | "outcome"

/**
 * The fields of a result. `timestamp` is when the outcome was known, in milliseconds since the epoch. By default nothing was sent
 * (no latency in milliseconds, no request, a batch of 0 events) and all else is null or empty. `success` follows from `outcome`.
 */
export type DeliveryResultFields = Pick<EventDeliveryLog, Required> &
  Partial<Omit<EventDeliveryLog, Required | "success">>

/**
 * Every field of a result, named: a field that the schema gains does not compile until it is given here. A literal and no
 * spread, since it is made for each event.
 */
export const deliveryResult = (fields: DeliveryResultFields): EventDeliveryLog => ({
  event_id: fields.event_id,
  platform: fields.platform,
  event_name: fields.event_name,
  timestamp: fields.timestamp,
  success: fields.outcome === "delivered" || fields.outcome === "accepted",
  latency_ms: fields.latency_ms ?? 0,
  error_message: fields.error_message ?? null,
  request_id: fields.request_id ?? null,
  retry_count: fields.retry_count ?? 0,
  connection_id: fields.connection_id,
  outcome: fields.outcome,
  reason_code: fields.reason_code ?? null,
  error_class: fields.error_class ?? null,
  batch_size: fields.batch_size ?? 0,
  events_received: fields.events_received ?? null,
  mapping_version: fields.mapping_version ?? null,
  platform_event: fields.platform_event ?? null,
  event_time: fields.event_time ?? null,
  attempted_at: fields.attempted_at ?? null,
  match_quality: fields.match_quality ?? null,
  dropped_fields: fields.dropped_fields ?? [],
  source: fields.source ?? null,
  circuit_state: fields.circuit_state ?? null,
  accepted_at: fields.accepted_at ?? null,
  pricing: fields.pricing ?? null,
  corrects: fields.corrects ?? null,
  request_note: fields.request_note ?? null
})

/** Its record on `delivery-results`, without a topic prefix and without headers. */
export const deliveryResultRecord = (
  { encode }: { readonly encode: (topic: string, schema: "event-delivery-log", value: EventDeliveryLog) => Buffer },
  fields: DeliveryResultFields
) => ({
  topic: topicNames.results,
  key: fields.event_id,
  value: encode(topicNames.results, "event-delivery-log", deliveryResult(fields))
})

/** Whether it only says that a replay was sent before: that sending is counted. The mapper's duplicates are events of their producer. */
export const isRepeatOfSending = ({ outcome, reason_code, circuit_state }: EventDeliveryLog): boolean =>
  outcome === "skipped" && reason_code === "duplicate" && circuit_state !== null

/**
 * Whether a result without success counts against its connection. What was skipped was not meant for it, what is invalid is the
 * event's fault, and what waits for its time (a retry without a request) has not failed.
 */
export const isFailure = ({ success, outcome, error_class }: EventDeliveryLog): boolean =>
  !success &&
  outcome !== "skipped" &&
  error_class !== "invalid_event" &&
  (outcome !== "retry_scheduled" || error_class !== null)
