/** What a response means: for each event that was sent, for what goes again, and for the platform's health. Pure. */
import type { BatchVerdict, ErrorClass, EventVerdict } from "../../../shared/connectors/connector.ts"
import type { CallOutcome } from "../resilience/circuit-breaker.ts"
import {
  type Decision,
  type DeliveryEvent,
  decisionByVerdict,
  type Outcome,
  type OutcomeName,
  type RequestFacts
} from "./outcome.ts"

/** A verdict on events, and the request that it came from. */
export interface Interpretable {
  readonly sent: ReadonlyArray<DeliveryEvent>
  readonly verdict: BatchVerdict
  readonly facts: RequestFacts
  /** The platform may or may not have acted on it: no response, or one that does not say. */
  readonly ambiguous: boolean
  /** Whether a request carried the events: not where the credential failed, say. */
  readonly carried: boolean
}

export interface Disposition {
  /** Of events with a final verdict. */
  readonly outcomes: ReadonlyArray<Outcome>
  /** The other events. */
  readonly open: ReadonlyArray<DeliveryEvent>
  /**
   * Why events are open: `none` are; the request was `refused` for some bad event; it was, and the bad ones are `named` and
   * rejected, so the rest goes again; the platform `stopped` us (credential, configuration); or it `failed` or throttles.
   */
  readonly cause: "none" | "refused" | "named" | "stopped" | "failed"
  /** The verdict that stands for the open events. */
  readonly verdict: EventVerdict
  /** The open events failed each by a separate verdict, so splitting them finds nothing. */
  readonly individual: boolean
}

/** With `idempotent` false, an event that an ambiguous response leaves open is `unknown`: it may have been delivered. */
export const interpretResponse = (response: Interpretable, idempotent: boolean): Disposition => {
  const { verdict } = response
  switch (verdict._tag) {
    case "SomeInvalid":
      return refused(response, verdict.verdict)
    case "InvalidEvents":
      return verdict.invalidEvents.size === 0
        ? refused(response, unnamed)
        : withoutInvalid(response, verdict.invalidEvents)
    case "All":
      return eachByVerdict(response, () => verdict.verdict, false, idempotent)
    case "PerEvent":
      // A response with too few verdicts leaves the rest open.
      return eachByVerdict(response, (index) => verdict.events[index] ?? missing, true, idempotent)
  }
}

const refused = (response: Interpretable, verdict: EventVerdict): Disposition => {
  const { sent } = response
  if (sent.length > 1)
    return { outcomes: [], open: goAgain(sent, response), cause: "refused", verdict, individual: false }
  const decision = decisionByVerdict("rejected", verdict, response.facts)
  return settled(sent.map((event) => outcomeAfter(event, decision, response)))
}

const withoutInvalid = (response: Interpretable, invalidEvents: ReadonlyMap<number, EventVerdict>): Disposition => {
  const outcomes: Array<Outcome> = []
  const open: Array<DeliveryEvent> = []
  for (const [index, event] of response.sent.entries()) {
    const invalidEvent = invalidEvents.get(index)
    if (invalidEvent === undefined) open.push(event)
    else {
      const verdict: EventVerdict = { ...invalidEvent, errorClass: "invalid_event" }
      outcomes.push(outcomeAfter(event, decisionByVerdict("rejected", verdict, response.facts), response))
    }
  }
  if (open.length === 0) return settled(outcomes)
  return { outcomes, open: goAgain(open, response), cause: "named", verdict: unnamed, individual: false }
}

const eachByVerdict = (
  response: Interpretable,
  verdictOf: (index: number) => EventVerdict,
  individual: boolean,
  idempotent: boolean
): Disposition => {
  const outcomes: Array<Outcome> = []
  const open: Array<DeliveryEvent> = []
  let first: EventVerdict | null = null
  let known: EventVerdict | null = null
  let decision: Decision | null = null
  const { sent } = response
  for (let index = 0; index < sent.length; index++) {
    const event = sent[index]!
    const verdict = verdictOf(index)
    // Events of one verdict share its decision.
    if (verdict !== known) {
      known = verdict
      decision = decisionOf(verdict, response, idempotent)
    }
    if (decision !== null) outcomes.push(outcomeAfter(event, decision, response))
    else {
      open.push(event)
      first ??= verdict
    }
  }
  if (first === null) return settled(outcomes)
  const stopped = first.errorClass === "auth" || first.errorClass === "configuration"
  return { outcomes, open: goAgain(open, response), cause: stopped ? "stopped" : "failed", verdict: first, individual }
}

/** What a final verdict decides; null for one that is not. */
const decisionOf = (verdict: EventVerdict, response: Interpretable, idempotent: boolean): Decision | null => {
  const outcome = finalOutcome[verdict.errorClass]
  if (outcome !== undefined) return decisionByVerdict(outcome, verdict, response.facts)
  if (verdict.errorClass === "auth" || verdict.errorClass === "configuration") return null
  if (!idempotent && response.ambiguous) return decisionByVerdict("unknown", verdict, response.facts)
  return verdict.retryAfter === undefined ? null : decisionByVerdict("retry_scheduled", verdict, response.facts)
}

const finalOutcome: Readonly<Partial<Record<ErrorClass, OutcomeName>>> = {
  delivered: "delivered",
  duplicate: "delivered",
  accepted: "accepted",
  invalid_event: "rejected"
}

/** The outcome of an event by a decision on this response. */
const outcomeAfter = (event: DeliveryEvent, decision: Decision, { carried }: Interpretable): Outcome => ({
  event,
  requests: carried ? event.requests + 1 : event.requests,
  decision
})

const goAgain = (events: ReadonlyArray<DeliveryEvent>, { carried }: Interpretable): ReadonlyArray<DeliveryEvent> =>
  carried ? events.map((event) => ({ ...event, requests: event.requests + 1 })) : events

const settled = (outcomes: ReadonlyArray<Outcome>): Disposition => ({
  outcomes,
  open: [],
  cause: "none",
  verdict: unnamed,
  individual: false
})

const unnamed: EventVerdict = {
  errorClass: "invalid_event",
  reasonCode: "refused",
  message: "The platform refused the request without naming the event."
}
const missing: EventVerdict = {
  errorClass: "unknown",
  reasonCode: "no_verdict",
  message: "The platform's answer says nothing of this event."
}

/**
 * A failure of the platform may come after its work; so may a success that can't be read (HTML, cut off). A throttle, and a wait
 * for one event, say that nothing was done, whatever the HTTP status: WhatsApp's do not go with its codes.
 */
export const isAmbiguous = (status: number, verdict: BatchVerdict): boolean =>
  (status >= 500 && !isPutOff(verdict)) || (status < 300 && overallClass(verdict) === "unknown")

const isPutOff = (verdict: BatchVerdict): boolean =>
  verdict._tag === "All" && (verdict.verdict.errorClass === "throttled" || verdict.verdict.retryAfter !== undefined)

/**
 * What a verdict says of the platform's health: a refused event is a healthy response; a wrong token says nothing, nor does
 * a response by an undocumented code.
 */
export const callOutcome = (verdict: BatchVerdict): CallOutcome => {
  // The wait is for this event alone, such as a second message to one person: the platform is well.
  if (verdict._tag === "All" && verdict.verdict.retryAfter !== undefined) return "success"
  if (isUndocumented(verdict)) return "ignored"
  const errorClass = overallClass(verdict)
  if (errorClass === "transient" || errorClass === "unknown") return "failure"
  if (errorClass === "throttled" || errorClass === "auth" || errorClass === "configuration") return "ignored"
  return "success"
}

/** Whether the platform responded in its form, by a code that its documentation does not list. */
export const isUndocumented = (verdict: BatchVerdict): boolean =>
  overallClass(verdict) === "unknown" && verdictsOf(verdict).every(({ unreadable }) => unreadable !== true)

const verdictsOf = (verdict: BatchVerdict): ReadonlyArray<EventVerdict> =>
  verdict._tag === "PerEvent" ? verdict.events : verdict._tag === "InvalidEvents" ? [] : [verdict.verdict]

/** The class that stands for the whole response. With a verdict for each event the platform works if it took or refused any. */
export const overallClass = (verdict: BatchVerdict): ErrorClass => {
  if (verdict._tag === "All" || verdict._tag === "SomeInvalid") return verdict.verdict.errorClass
  if (verdict._tag === "InvalidEvents") return "invalid_event"
  const final = verdict.events.find(
    ({ errorClass, retryAfter }) => retryAfter !== undefined || finalOutcome[errorClass] !== undefined
  )
  return final?.errorClass ?? verdict.events[0]?.errorClass ?? "unknown"
}

/** Events that the verdict counts as delivered or accepted, of so many that were sent. */
export const takenOf = (verdict: BatchVerdict, count: number): number => {
  const isTaken = ({ errorClass }: EventVerdict) => {
    const outcome = finalOutcome[errorClass]
    return outcome === "delivered" || outcome === "accepted"
  }
  if (verdict._tag === "All") return isTaken(verdict.verdict) ? count : 0
  return verdict._tag === "PerEvent" ? verdict.events.filter(isTaken).length : 0
}
