/** Whole records for tests, with every field but the given ones at a default. */
import type { ConnectorState, EventDeliveryLog } from "../../schemas/types.gen.ts"

/** The time of the records, in milliseconds since the epoch. */
export const recordTime = 1_795_000_000_000

/** A delivered purchase. */
export const deliveryLog = (fields: Partial<EventDeliveryLog> = {}): EventDeliveryLog => ({
  event_id: "e",
  platform: "meta",
  event_name: "purchase",
  timestamp: recordTime,
  success: true,
  latency_ms: 100,
  error_message: null,
  request_id: null,
  retry_count: 0,
  connection_id: "meta-main",
  outcome: "delivered",
  reason_code: null,
  error_class: null,
  batch_size: 1,
  events_received: null,
  mapping_version: null,
  platform_event: null,
  event_time: null,
  attempted_at: null,
  match_quality: null,
  dropped_fields: [],
  source: null,
  circuit_state: null,
  accepted_at: null,
  pricing: null,
  corrects: null,
  request_note: null,
  ...fields
})

/** A connection that is well. */
export const connectorState = (fields: Partial<ConnectorState> = {}): ConnectorState => ({
  connection_id: "meta-main",
  platform: "meta",
  status: "connected",
  circuit_state: "CLOSED",
  timestamp: recordTime,
  cause: null,
  message: null,
  paused: false,
  ...fields
})
