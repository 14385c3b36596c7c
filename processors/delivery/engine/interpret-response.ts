/** Applies an answer to the events sent: those with a final verdict get their fate, the others stay open. Pure but for the items. */
import type { EventVerdict } from "../../../shared/connectors/connector.ts"
import { type DeliveryEvent, outcomeOfVerdict } from "./outcome.ts"
import type { RequestResult } from "./send-request.ts"

export interface Disposition {
  /** Events without a fate. */
  readonly open: ReadonlyArray<DeliveryEvent>
  /**
   * Why they are open: `none` are; the request was `refused` for some bad event; it was, and the bad ones are `named` and
   * gone, so the rest goes again; the platform `stopped` us (credential, configuration); or it `failed` or throttles.
   */
  readonly cause: "none" | "refused" | "named" | "stopped" | "failed"
  /** The verdict that stands for the open ones. */
  readonly verdict: EventVerdict
  /** The open events failed each by a verdict of its own, so splitting them finds nothing. */
  readonly individual: boolean
}

/** `idempotent` false makes what an ambiguous answer leaves open `unknown`: it may have been done. */
export const interpretResponse = (exchange: RequestResult, idempotent: boolean): Disposition => {
  const { sent, verdict, facts } = exchange
  if (verdict._tag === "SomeInvalid" || (verdict._tag === "Culprits" && verdict.culprits.size === 0)) {
    const reason = verdict._tag === "SomeInvalid" ? verdict.verdict : unnamed
    if (sent.length > 1) return { open: sent, cause: "refused", verdict: reason, individual: false }
    for (const item of sent) item.fate = outcomeOfVerdict("rejected", reason, facts)
    return { open: [], cause: "none", verdict: reason, individual: false }
  }
  if (verdict._tag === "Culprits") {
    const open: Array<DeliveryEvent> = []
    sent.forEach((item, index) => {
      const culprit = verdict.culprits.get(index)
      if (culprit === undefined) open.push(item)
      else item.fate = outcomeOfVerdict("rejected", { ...culprit, errorClass: "invalid_event" }, facts)
    })
    return { open, cause: open.length === 0 ? "none" : "named", verdict: unnamed, individual: false }
  }
  const each = verdict._tag === "PerEvent" ? verdict.events : null
  const open = sent.filter((item, index) => {
    // An answer with too few verdicts leaves the rest open.
    const own = each === null ? (verdict._tag === "All" ? verdict.verdict : missing) : (each[index] ?? missing)
    return !settle(item, own, exchange, idempotent)
  })
  const first = open[0]
  if (first === undefined) return { open, cause: "none", verdict: unnamed, individual: false }
  const stands =
    each === null ? (verdict._tag === "All" ? verdict.verdict : missing) : (each[sent.indexOf(first)] ?? missing)
  const stopped = stands.errorClass === "auth" || stands.errorClass === "configuration"
  return { open, cause: stopped ? "stopped" : "failed", verdict: stands, individual: each !== null }
}

/** Gives the event its fate if the verdict is final. */
const settle = (item: DeliveryEvent, verdict: EventVerdict, exchange: RequestResult, idempotent: boolean): boolean => {
  const { facts } = exchange
  switch (verdict.errorClass) {
    case "delivered":
    case "duplicate":
      item.fate = outcomeOfVerdict("delivered", verdict, facts)
      return true
    case "accepted":
      item.fate = outcomeOfVerdict("accepted", verdict, facts)
      return true
    case "invalid_event":
      item.fate = outcomeOfVerdict("rejected", verdict, facts)
      return true
    case "auth":
    case "configuration":
      return false
    default:
      if (!idempotent && exchange.ambiguous) item.fate = outcomeOfVerdict("unknown", verdict, facts)
      else if (verdict.retryAfter !== undefined) item.fate = outcomeOfVerdict("retry_scheduled", verdict, facts)
      return item.fate !== null
  }
}

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
