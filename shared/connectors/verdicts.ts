/** Building blocks of verdicts: how `exchange.ts` of each platform says what became of a request. */
import type { BatchVerdict, EventVerdict, HttpResponseSpec, VerdictMeta } from "./exchange.ts"
import { retryAfterOf } from "./http/response.ts"

/** Of a response that says nothing beside its events. */
export const verdictMeta: VerdictMeta = {
  requestId: null,
  eventsReceived: null,
  warnings: [],
  retryAfter: null,
  usagePercent: null,
  trackingId: null
}

/** What a response says beside the events: its Retry-After, else the table's wait where the whole connection is throttled. */
export const verdictMetaOf = (response: HttpResponseSpec, verdict: EventVerdict): VerdictMeta => ({
  ...verdictMeta,
  retryAfter: retryAfterOf(response) ?? (verdict.errorClass === "throttled" ? (verdict.retryAfter ?? null) : null)
})

/** The same for every event. */
export const uniformVerdict = (meta: VerdictMeta, verdict: EventVerdict): BatchVerdict => ({
  ...meta,
  _tag: "All",
  verdict: verdict.errorClass === "throttled" ? withoutWait(verdict) : verdict
})

// A throttled connection waits as a whole, by `retryAfter` of the whole; its events are not put off one by one.
const withoutWait = ({ retryAfter: _, ...verdict }: EventVerdict): EventVerdict => verdict

/**
 * The platform refused the request because of events: the culprits it named, if they are events of this request. Where it
 * names none, a single event is the culprit itself, and several are to be bisected.
 */
export const rejectedBatch = (
  meta: VerdictMeta,
  verdict: EventVerdict,
  culprits: ReadonlyMap<number, EventVerdict>,
  eventCount: number
): BatchVerdict => {
  const known = new Map([...culprits].filter(([index]) => index >= 0 && index < eventCount))
  if (known.size > 0) return { ...meta, _tag: "Culprits", culprits: known }
  return eventCount <= 1 ? uniformVerdict(meta, verdict) : { ...meta, _tag: "SomeInvalid", verdict }
}

/**
 * A status for each event: by its place in the request, where the answer lists them in that order, or by the index that the
 * answer gives. An event without one is `unknown`: whether the platform has it is not known.
 */
export const itemVerdicts = (
  meta: VerdictMeta,
  items: ReadonlyMap<number, EventVerdict>,
  eventCount: number
): BatchVerdict => ({
  ...meta,
  _tag: "PerEvent",
  events: Array.from({ length: eventCount }, (_, index) => items.get(index) ?? withoutStatus)
})

/** Of an event that a response says nothing of. */
export const withoutStatus: EventVerdict = {
  errorClass: "unknown",
  reasonCode: "no_verdict",
  message: "The answer does not say."
}

/**
 * The verdict of a probe, which is a request without events: "invalid" means that address, account and credential were
 * accepted and only the events are missing, so everything works.
 */
export const probeOf = (verdict: EventVerdict): EventVerdict =>
  verdict.errorClass === "invalid_event" || verdict.errorClass === "accepted"
    ? { errorClass: "delivered", reasonCode: null, message: "The platform answers and accepts the credential." }
    : verdict
