/** Records of requests that a platform accepted and tells more of later. Pure. */
import type { PendingEvent, PendingOutcome } from "../../../schemas/types.gen.ts"
import { deliveryHeaders, deliveryTopics } from "../../../shared/model/delivery-topics.ts"
import type { Outbound } from "../../../shared/runtime/contract.ts"
import type { Item } from "../engine/item.ts"
import type { Lane } from "../engine/lane.ts"

/** The accepted requests among the events, each with its events. */
export const acceptedRequests = (
  lane: Lane,
  items: ReadonlyArray<Item>,
  now: number
): ReadonlyArray<PendingOutcome> => {
  const requests = new Map<string, { readonly first: Item; readonly events: Array<PendingEvent> }>()
  for (const item of items) {
    const laterId = item.fate?.outcome === "accepted" ? item.fate.request?.laterId : null
    if (laterId === null || laterId === undefined) continue
    const { event, requests: made } = item
    const entry = requests.get(laterId) ?? { first: item, events: [] }
    requests.set(laterId, entry)
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
  return [...requests].map(([laterId, { first, events }]) => ({
    connection_id: lane.connection.id,
    platform: lane.connection.platform,
    later_id: laterId,
    accepted_at: now,
    rejected_at: null,
    latency_ms: first.fate?.request?.latencyMillis ?? 0,
    events
  }))
}

/** A record of `pending-outcomes`, on the number of the input's partition; a null outcome ends it. */
export const pendingRecord = (
  lane: Pick<Lane, "connection" | "codecs">,
  input: { readonly topic?: string; readonly partition: number },
  laterId: string,
  outcome: PendingOutcome | null
): Outbound => ({
  topic: deliveryTopics.pending,
  partition: input.partition,
  key: `${lane.connection.id}|${laterId}`,
  headers: {
    [deliveryHeaders.connection]: lane.connection.id,
    ...(input.topic === undefined ? {} : { [deliveryHeaders.input]: input.topic })
  },
  value: outcome === null ? null : lane.codecs.encode(deliveryTopics.pending, "pending-outcome", outcome)
})
