/** Records of requests that a platform accepted, whose final outcome it reports later. Pure. */
import type { PendingEvent, PendingOutcome } from "../../../schemas/types.gen.ts"
import type { Codecs, SendableEvent } from "../../../shared/codec/codecs.ts"
import type { Connection } from "../../../shared/connections/connection.ts"
import { headerNames, topicNames } from "../../../shared/model/topics.ts"
import type { Outbound } from "../../../shared/runtime/contract.ts"
import type { Outcome } from "../engine/outcome.ts"

/** The accepted requests among the outcomes, each with its events. */
export const acceptedRequests = (
  connection: Pick<Connection, "id" | "platform">,
  outcomes: ReadonlyArray<Outcome>,
  now: number
): ReadonlyArray<PendingOutcome> => {
  const requests = new Map<string, { readonly latencyMillis: number; readonly events: Array<PendingEvent> }>()
  for (const { event, requests: sent, decision } of outcomes) {
    const trackingId = decision.outcome === "accepted" ? decision.request?.trackingId : null
    if (trackingId === null || trackingId === undefined) continue
    const request = requests.get(trackingId) ?? { latencyMillis: decision.request?.latencyMillis ?? 0, events: [] }
    requests.set(trackingId, request)
    request.events.push(pendingEvent(event.event, sent, event.trace?.headers["traceparent"] ?? null))
  }
  return [...requests].map(([trackingId, { latencyMillis, events }]) => ({
    connection_id: connection.id,
    platform: connection.platform,
    later_id: trackingId,
    accepted_at: now,
    rejected_at: null,
    latency_ms: latencyMillis,
    events
  }))
}

const pendingEvent = (event: SendableEvent, requests: number, traceparent: string | null): PendingEvent => ({
  event_id: event.event_id,
  event_name: event.event_name,
  event_time: event.event_time,
  platform_event: event.platform_event,
  mapping_version: event.mapping_version,
  retry_count: Math.max(0, event.attempts + requests - 1),
  source: event.source,
  traceparent
})

/** A record of `pending-outcomes`, on the number of the input's partition; a null outcome ends it. */
export const pendingRecord = (
  { connection, codecs }: { readonly connection: Pick<Connection, "id">; readonly codecs: Codecs["Service"] },
  input: { readonly topic?: string; readonly partition: number },
  trackingId: string,
  outcome: PendingOutcome | null
): Outbound => ({
  topic: topicNames.pending,
  partition: input.partition,
  key: `${connection.id}|${trackingId}`,
  headers: {
    [headerNames.connection]: connection.id,
    ...(input.topic === undefined ? {} : { [headerNames.input]: input.topic })
  },
  value: outcome === null ? null : codecs.encode(topicNames.pending, "pending-outcome", outcome)
})
