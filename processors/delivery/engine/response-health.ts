/** What a verdict on a whole response means for the circuit breaker, and for events whose outcome is ambiguous. Pure. */
import type { BatchVerdict, ErrorClass, EventVerdict } from "../../../shared/connectors/connector.ts"
import type { CallOutcome } from "../resilience/circuit-breaker.ts"

/** A failure of the platform may come after its work; so may a success that can't be read (HTML, cut off). */
export const isAmbiguous = (status: number, verdict: BatchVerdict): boolean =>
  status >= 500 || (status < 300 && worstClass(verdict) === "unknown")

/**
 * What a verdict tells of the platform's health: a refused event is a healthy answer; a wrong token tells nothing, nor does
 * an answer by an undocumented code.
 */
export const callOutcome = (verdict: BatchVerdict): CallOutcome => {
  // Told to wait with this event alone, such as a second message to one person: the platform is well.
  if (verdict._tag === "All" && verdict.verdict.retryAfter !== undefined) return "success"
  if (isUndocumented(verdict)) return "ignored"
  const errorClass = worstClass(verdict)
  if (errorClass === "transient" || errorClass === "unknown") return "failure"
  if (errorClass === "throttled" || errorClass === "auth" || errorClass === "configuration") return "ignored"
  return "success"
}

/** Whether the platform answered in its own form, by a code that its documentation does not list. */
export const isUndocumented = (verdict: BatchVerdict): boolean =>
  worstClass(verdict) === "unknown" && verdictsOf(verdict).every(({ unreadable }) => unreadable !== true)

const verdictsOf = (verdict: BatchVerdict): ReadonlyArray<EventVerdict> =>
  verdict._tag === "PerEvent" ? verdict.events : verdict._tag === "Culprits" ? [] : [verdict.verdict]

/** The class that stands for the whole answer. With a verdict for each event the platform works if it took or refused any. */
export const worstClass = (verdict: BatchVerdict): ErrorClass => {
  if (verdict._tag === "All" || verdict._tag === "SomeInvalid") return verdict.verdict.errorClass
  if (verdict._tag === "Culprits") return "invalid_event"
  return verdict.events.find(isFinal)?.errorClass ?? verdict.events[0]?.errorClass ?? "unknown"
}

/** Events that the verdict counts as delivered or accepted. */
export const takenOf = (verdict: BatchVerdict, count: number): number => {
  if (verdict._tag === "All") return isTaken(verdict.verdict) ? count : 0
  return verdict._tag === "PerEvent" ? verdict.events.filter(isTaken).length : 0
}

const isTaken = ({ errorClass }: EventVerdict): boolean =>
  errorClass === "delivered" || errorClass === "accepted" || errorClass === "duplicate"

const isFinal = ({ errorClass, retryAfter }: EventVerdict): boolean =>
  retryAfter !== undefined ||
  errorClass === "delivered" ||
  errorClass === "accepted" ||
  errorClass === "duplicate" ||
  errorClass === "invalid_event"
