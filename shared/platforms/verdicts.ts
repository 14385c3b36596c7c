/** Building blocks of verdicts: how `verdict.ts` of each platform says what became of a request. */
import type { BatchVerdict, EventVerdict } from "./connector.ts"

/** What stands at the head of every batch verdict. */
export type VerdictHead = Omit<Extract<BatchVerdict, { readonly _tag: "All" }>, "_tag" | "verdict">

/** A head that says nothing. */
export const batchHead: VerdictHead = {
  requestId: null,
  eventsReceived: null,
  warnings: [],
  retryAfter: null,
  usagePercent: null,
  laterId: null
}

/** The same for every event. */
export const all = (head: VerdictHead, verdict: EventVerdict): BatchVerdict => ({ ...head, _tag: "All", verdict })

/**
 * The platform refused the request because of events: the culprits it named, if they are events of this request. Where it
 * names none, a single event is the culprit itself, and several are to be bisected.
 */
export const refused = (
  head: VerdictHead,
  verdict: EventVerdict,
  culprits: ReadonlyMap<number, EventVerdict>,
  eventCount: number
): BatchVerdict => {
  const known = new Map([...culprits].filter(([index]) => index >= 0 && index < eventCount))
  if (known.size > 0) return { ...head, _tag: "Culprits", culprits: known }
  return eventCount <= 1 ? all(head, verdict) : { ...head, _tag: "SomeInvalid", verdict }
}
