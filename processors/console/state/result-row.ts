/** A result as the page shows it: never with personal data. Pure. */
import type { EventDeliveryLog } from "../../../schemas/types.gen.ts"
import { redact } from "../../../shared/telemetry/redaction.ts"
import type { ResultRow } from "../api.ts"

/** A record of delivery-results and where it is. */
export interface PlacedResult {
  readonly partition: number
  readonly offset: number
  readonly log: EventDeliveryLog
}

export const resultRow = ({ partition, offset, log }: PlacedResult): ResultRow => {
  // What a platform decided later or did not answer has its request too.
  const wasSent = log.attempted_at !== null || log.request_id !== null
  return {
    id: `${partition}:${offset}`,
    at: log.timestamp,
    connection_id: log.connection_id,
    platform: log.platform,
    event_id: redact(log.event_id),
    event_name: redact(log.event_name),
    platform_event: hidden(log.platform_event),
    outcome: log.outcome,
    reason: hidden(log.reason_code),
    error_class: log.error_class,
    event_time: log.event_time,
    received_at: log.source?.timestamp ?? null,
    match_quality: log.match_quality,
    request: wasSent
      ? {
          sent_at: log.attempted_at,
          batch_size: log.batch_size,
          retries: log.retry_count,
          mapping_version: log.mapping_version,
          left_out: leftOut(log)
        }
      : null,
    answer: wasSent
      ? {
          latency_ms: log.latency_ms,
          request_id: hidden(log.request_id),
          events_received: log.events_received,
          message: hidden(log.error_message),
          note: hidden(log.request_note),
          accepted_at: log.accepted_at
        }
      : null,
    message: wasSent ? null : hidden(log.error_message)
  }
}

const leftOut = ({ dropped_fields }: EventDeliveryLog) =>
  dropped_fields.slice(0, leftOutMax).map(({ field, reason }) => ({ field: redact(field), reason: redact(reason) }))
const leftOutMax = 50

/** In case that a platform's words repeat what was sent. */
export const hidden = (text: string | null): string | null => (text === null ? null : redact(text.slice(0, 2_000)))
