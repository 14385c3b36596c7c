/** Applies an answer to the events sent: those with a final verdict get their fate, the others stay open. Pure but for the items. */
import type { EventVerdict } from "../../../shared/connectors/connector.ts"
import type { Exchange } from "./exchange.ts"
import { type Item, verdictFate } from "./item.ts"

export interface Judgement {
  /** Events without a fate. */
  readonly open: ReadonlyArray<Item>
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

/** `repeatIsHarmless` false makes what an ambiguous answer leaves open `unknown`: it may have been done. */
export const judge = (exchange: Exchange, repeatIsHarmless: boolean): Judgement => {
  const { sent, verdict, facts } = exchange
  if (verdict._tag === "SomeInvalid" || (verdict._tag === "Culprits" && verdict.culprits.size === 0)) {
    const reason = verdict._tag === "SomeInvalid" ? verdict.verdict : unnamed
    if (sent.length > 1) return { open: sent, cause: "refused", verdict: reason, individual: false }
    for (const item of sent) item.fate = verdictFate("rejected", reason, facts)
    return { open: [], cause: "none", verdict: reason, individual: false }
  }
  if (verdict._tag === "Culprits") {
    const open: Array<Item> = []
    sent.forEach((item, index) => {
      const culprit = verdict.culprits.get(index)
      if (culprit === undefined) open.push(item)
      else item.fate = verdictFate("rejected", { ...culprit, errorClass: "invalid_event" }, facts)
    })
    return { open, cause: open.length === 0 ? "none" : "named", verdict: unnamed, individual: false }
  }
  const each = verdict._tag === "PerEvent" ? verdict.events : null
  const open = sent.filter((item, index) => {
    // An answer with too few verdicts leaves the rest open.
    const own = each === null ? (verdict._tag === "All" ? verdict.verdict : missing) : (each[index] ?? missing)
    return !settle(item, own, exchange, repeatIsHarmless)
  })
  const first = open[0]
  if (first === undefined) return { open, cause: "none", verdict: unnamed, individual: false }
  const stands =
    each === null ? (verdict._tag === "All" ? verdict.verdict : missing) : (each[sent.indexOf(first)] ?? missing)
  const stopped = stands.errorClass === "auth" || stands.errorClass === "configuration"
  return { open, cause: stopped ? "stopped" : "failed", verdict: stands, individual: each !== null }
}

/** Gives the event its fate if the verdict is final. */
const settle = (item: Item, verdict: EventVerdict, exchange: Exchange, repeatIsHarmless: boolean): boolean => {
  const { facts } = exchange
  switch (verdict.errorClass) {
    case "delivered":
    case "duplicate":
      item.fate = verdictFate("delivered", verdict, facts)
      return true
    case "accepted":
      item.fate = verdictFate("accepted", verdict, facts)
      return true
    case "invalid_event":
      item.fate = verdictFate("rejected", verdict, facts)
      return true
    case "auth":
    case "configuration":
      return false
    default:
      if (!repeatIsHarmless && exchange.ambiguous) item.fate = verdictFate("unknown", verdict, facts)
      else if (verdict.retryAfter !== undefined) item.fate = verdictFate("retry_scheduled", verdict, facts)
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
