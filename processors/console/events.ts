/** One event's story and explanation, in the form of the API. Pure but for `findEvents`. */
import * as Effect from "effect/Effect"
import type { IndexClient } from "../../shared/event-story/ask-index.ts"
import { type EventTimeline, positionName, type StoryEntry } from "../../shared/event-story/story.ts"
import { traceEvent } from "../../shared/event-story/trace-event.ts"
import { monotonicMillis } from "../../shared/model/monotonic.ts"
import { redactDeep } from "../../shared/telemetry/redaction.ts"
import type { EventExplanation, ExplainedField as FoundField } from "../normalizer/preview/explanation.ts"
import { maskRecord } from "../normalizer/preview/mask.ts"
import { storedId } from "../normalizer/preview/stored-id.ts"
import type { EventSearch, EventStory, ExplainedField, Explanation, Hop } from "./api.ts"

const eventsMax = 20

/** Events by their id, order id or click id. */
export const findEvents = Effect.fnUntraced(function* (query: string, index: IndexClient | null) {
  const begun = yield* monotonicMillis
  const { events, more_events, coverage } = yield* traceEvent(
    { text: storedId(query), kind: "any" },
    { view: maskRecord, index, eventsMax }
  )
  return {
    query: redactDeep(query) as string,
    events: events.map(storyOf),
    more: more_events > 0,
    indexed: coverage.by === "index",
    searched_since: coverage.since,
    note: coverage.notes.length === 0 ? null : coverage.notes.join(" "),
    took_ms: (yield* monotonicMillis) - begun
  } satisfies EventSearch
})

const storyOf = (timeline: EventTimeline): EventStory => {
  const raw = timeline.entries.find(({ stage }) => stage === "raw") ?? null
  const byName = new Map(timeline.entries.map((entry) => [positionName(entry), entry]))
  return {
    event_id: timeline.event_id,
    event_name: timeline.event_name,
    event_time: timeline.event_time,
    source: raw === null ? null : { partition: raw.partition, offset: raw.offset, at: raw.at },
    hops: timeline.entries.map((entry) => hopOf(entry, byName.get(entry.follows ?? "") ?? null)),
    outcomes: timeline.connections.map(({ connection_id, outcome, reason_code, total_ms }) => ({
      connection_id,
      outcome,
      reason: reason_code,
      at: raw === null || total_ms === null ? lastAt(timeline, connection_id) : raw.at + total_ms
    }))
  }
}

const lastAt = ({ entries }: EventTimeline, connectionId: string): number =>
  entries.findLast(({ connection_id }) => connection_id === connectionId)?.at ?? entries.at(-1)?.at ?? 0

const hopOf = (entry: StoryEntry, parent: StoryEntry | null): Hop => {
  const { request } = entry
  const startedAt = request?.sent_at ?? (parent === null ? entry.at : parent.at)
  return {
    id: positionName(entry),
    kind: kinds[entry.stage] ?? entry.stage,
    topic: entry.topic,
    partition: entry.partition,
    offset: entry.offset,
    at: entry.at,
    stage: writers[entry.stage] ?? (entry.platform === null ? null : `delivery-${entry.platform}`),
    connection_id: entry.connection_id,
    parent: entry.follows,
    started_at: Math.min(startedAt, entry.at),
    ended_at: request?.sent_at == null ? entry.at : Math.max(request.sent_at, request.sent_at + request.latency_ms),
    latency_ms: entry.latency_ms,
    mapping_version: entry.mapping_version,
    summary: entry.summary,
    tone: toneOf(entry),
    input: parent?.record ?? null,
    output: entry.record,
    request:
      request === null
        ? null
        : {
            sent_at: request.sent_at,
            batch_size: request.batch_size,
            retries: request.retries,
            mapping_version: entry.mapping_version,
            left_out: []
          },
    answer:
      request === null
        ? null
        : {
            latency_ms: request.latency_ms,
            request_id: request.request_id,
            events_received: request.events_received,
            message: request.message,
            note: null,
            accepted_at: null
          }
  }
}

const kinds: Readonly<Record<string, string>> = { intent: "send_intent", mark: "redrive" }
/** Who wrote a record of the stage; a delivery where none is named. */
const writers: Readonly<Record<string, string | null>> = { raw: null, normalized: "normalizer", mapped: "mapper" }

const toneOf = ({ stage, outcome }: StoryEntry): Hop["tone"] => {
  if (stage === "dead_letter") return "bad"
  if (outcome === null || outcome === "skipped" || outcome === "retry_scheduled") return "neutral"
  return outcome === "delivered" || outcome === "accepted" ? "good" : "bad"
}

/** An explanation as the page shows it. */
export const explanationOf = (found: EventExplanation): Explanation => ({
  event_id: redactDeep(found.event_id) as string | null,
  event_name: redactDeep(found.event_name) as string | null,
  refused: found.refused,
  fields: found.fields.map(fieldOf),
  connections: found.connections.map((one) => ({
    connection_id: one.connection_id,
    platform: one.platform,
    outcome: one.outcome,
    reason: one.reason,
    message: one.message,
    decisions: decisionsOf(one),
    platform_event: one.platform_event,
    mapping_version: one.mapping_version,
    match_quality: one.match_quality,
    fields: one.left_out.map(fieldOf),
    payload: redactDeep(one.payload)
  }))
})

const fieldOf = ({ field, treatment, reason, nearest }: FoundField): ExplainedField => ({
  field: redactDeep(field) as string,
  treatment: treatment === "kept" ? "read" : treatment,
  reason: nearest === null ? reason : `${reason ?? "unknown"}; did you mean ${nearest}?`
})

const checks = ["disabled", "suppression", "filter", "consent", "age", "mapping"] as const

/** Those before the one that decided were passed. */
const decisionsOf = ({ decided_by, message, next_step }: EventExplanation["connections"][number]) => {
  const last = decided_by === null ? checks.length : checks.indexOf(decided_by)
  return checks.slice(0, last + 1).map((check, index) => ({
    check,
    passed: index !== last,
    message: index === last ? `${message ?? ""} ${next_step ?? ""}`.trim() : passedText[check]
  }))
}

const passedText: Readonly<Record<(typeof checks)[number], string>> = {
  disabled: "The connection is enabled.",
  suppression: "The person was not erased, and has not withdrawn consent since.",
  filter: "The connection's filter takes the event.",
  consent: "The customer's consent allows it.",
  age: "The event is young enough for the platform.",
  mapping: "The event can be mapped."
}
