/** The result of an event that a connection doesn't get. */
import type { EventDeliveryLog, NormalizedEvent } from "../../schemas/types.gen.ts"
import type { Connection } from "../../shared/connections/connection.ts"
import { droppedFields, type Mapped } from "../../shared/connectors/mapping/map.ts"
import { matchQuality } from "../../shared/connectors/mapping/quality.ts"
import { deliveryResult } from "../../shared/model/delivery-result.ts"

type NotMapped = Exclude<Mapped, { readonly _tag: "Mapped" }>

/** `mapped`, `skipped`, `rejected`, or `expired` for an event past the platform's age limit. */
export const outcomeOf = (mapped: Mapped): string => {
  if (mapped._tag === "Mapped") return "mapped"
  if (mapped._tag === "Skipped") return "skipped"
  return mapped.reason === "event_too_old" ? "expired" : "rejected"
}

/** The record for `delivery-results`; nothing was sent, so it has no latency and no request. */
export const resultOf = (
  event: NormalizedEvent,
  connection: Connection,
  mapped: NotMapped,
  now: number
): EventDeliveryLog =>
  deliveryResult({
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
