/** Building blocks of verdicts: how `verdict.ts` of each platform says what became of a request. */
import type { BatchVerdict, EventVerdict, HttpResponseSpec } from "./exchange.ts"
import { retryAfterOf } from "./http/response.ts"

/** What stands at the head of every batch verdict. */
export type VerdictMeta = Omit<Extract<BatchVerdict, { readonly _tag: "All" }>, "_tag" | "verdict">

/** A head that says nothing. */
export const verdictMeta: VerdictMeta = {
  requestId: null,
  eventsReceived: null,
  warnings: [],
  retryAfter: null,
  usagePercent: null,
  trackingId: null
}

/** The head of an answer: its Retry-After, else the table's wait where the whole connection is throttled. */
export const verdictMetaOf = (response: HttpResponseSpec, verdict: EventVerdict): VerdictMeta => ({
  ...verdictMeta,
  retryAfter: retryAfterOf(response) ?? (verdict.errorClass === "throttled" ? (verdict.retryAfter ?? null) : null)
})

/** The same for every event. */
export const uniformVerdict = (head: VerdictMeta, verdict: EventVerdict): BatchVerdict => ({
  ...head,
  _tag: "All",
  verdict: verdict.errorClass === "throttled" ? withoutWait(verdict) : verdict
})

// A throttled connection waits as a whole, by the head; its events are not put off one by one.
const withoutWait = ({ retryAfter: _, ...verdict }: EventVerdict): EventVerdict => verdict

/**
 * The platform refused the request because of events: the culprits it named, if they are events of this request. Where it
 * names none, a single event is the culprit itself, and several are to be bisected.
 */
export const rejectedBatch = (
  head: VerdictMeta,
  verdict: EventVerdict,
  culprits: ReadonlyMap<number, EventVerdict>,
  eventCount: number
): BatchVerdict => {
  const known = new Map([...culprits].filter(([index]) => index >= 0 && index < eventCount))
  if (known.size > 0) return { ...head, _tag: "Culprits", culprits: known }
  return eventCount <= 1 ? uniformVerdict(head, verdict) : { ...head, _tag: "SomeInvalid", verdict }
}

/**
 * The verdict of a probe, which is a request without events: "invalid" means that address, account and credential were
 * accepted and only the events are missing, so everything works.
 */
export const probeOf = (verdict: EventVerdict): EventVerdict =>
  verdict.errorClass === "invalid_event" || verdict.errorClass === "accepted"
    ? { errorClass: "delivered", reasonCode: null, message: "The platform answers and accepts the credential." }
    : verdict
