/** Whole records for tests, with every field but the given ones at a default. */
import type { ConnectorState, EventDeliveryLog } from "../../schemas/types.gen.ts"
import { deliveryResult } from "../model/delivery-result.ts"

/** The time of the records, in milliseconds since the epoch. */
export const recordTime = 1_795_000_000_000

/** A delivered purchase; `success` follows from `outcome` where it is not given. */
export const deliveryLog = (fields: Partial<EventDeliveryLog> = {}): EventDeliveryLog => {
  const given = {
    event_id: "e",
    platform: "meta",
    event_name: "purchase",
    timestamp: recordTime,
    latency_ms: 100,
    connection_id: "meta-main",
    outcome: "delivered",
    batch_size: 1,
    ...fields
  }
  return { ...deliveryResult(given), ...fields }
}

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
