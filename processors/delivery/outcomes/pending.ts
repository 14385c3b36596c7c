/** Records of requests that a platform accepted and tells more of later. Pure. */
import type { PendingEvent, PendingOutcome } from "../../../schemas/types.gen.ts"
import { headerNames, topicNames } from "../../../shared/model/topics.ts"
import type { Outbound } from "../../../shared/runtime/contract.ts"
import type { DeliveryContext } from "../engine/delivery-context.ts"
import type { DeliveryEvent } from "../engine/outcome.ts"

/** The accepted requests among the events, each with its events. */
export const acceptedRequests = (
  delivery: DeliveryContext,
  items: ReadonlyArray<DeliveryEvent>,
  now: number
): ReadonlyArray<PendingOutcome> => {
  const requests = new Map<string, { readonly first: DeliveryEvent; readonly events: Array<PendingEvent> }>()
  for (const item of items) {
    const trackingId = item.fate?.outcome === "accepted" ? item.fate.request?.trackingId : null
    if (trackingId === null || trackingId === undefined) continue
    const { event, requests: made } = item
    const entry = requests.get(trackingId) ?? { first: item, events: [] }
    requests.set(trackingId, entry)
    entry.events.push({
      event_id: event.event_id,
      event_name: event.event_name,
      event_time: event.event_time,
      platform_event: event.platform_event,
      mapping_version: event.mapping_version,
      retry_count: Math.max(0, event.attempts + made - 1),
      source: event.source
    })
  }
  return [...requests].map(([trackingId, { first, events }]) => ({
    connection_id: delivery.connection.id,
    platform: delivery.connection.platform,
    later_id: trackingId,
    accepted_at: now,
    rejected_at: null,
    latency_ms: first.fate?.request?.latencyMillis ?? 0,
    events
  }))
}

/** A record of `pending-outcomes`, on the number of the input's partition; a null outcome ends it. */
export const pendingRecord = (
  delivery: Pick<DeliveryContext, "connection" | "codecs">,
  input: { readonly topic?: string; readonly partition: number },
  trackingId: string,
  outcome: PendingOutcome | null
): Outbound => ({
  topic: topicNames.pending,
  partition: input.partition,
  key: `${delivery.connection.id}|${trackingId}`,
  headers: {
    [headerNames.connection]: delivery.connection.id,
    ...(input.topic === undefined ? {} : { [headerNames.input]: input.topic })
  },
  value: outcome === null ? null : delivery.codecs.encode(topicNames.pending, "pending-outcome", outcome)
})
