/**
 * What is known of one event at one connection, from all of its results: the one place that says which of several results
 * counts. Results are facts that come in any order (a replay, a redrive, a final outcome that is read before its acceptance), so
 * what is known is the greatest of each kind of fact, and the order in which they are learned changes nothing:
 *
 * 1. `delivered`, once, is never lost.
 * 2. `accepted` counts until the platform reported its final outcome; then that one does.
 * 3. Else the latest decision on a request: `rejected`, `unknown`, … An event that is `unknown` stays so until it is sent again,
 *    which only a person's command does, or a person says what became of it.
 * 4. Else the latest result of an event that was not sent: skipped, refused or expired beforehand. A skip as a repeat counts least,
 *    since it only says that there was another result before.
 */
import type { EventDeliveryLog } from "../../schemas/types.gen.ts"

export const terminalOutcomes = [
  "delivered",
  "accepted",
  "skipped",
  "rejected",
  "expired",
  "dead_lettered",
  "unknown"
] as const
export type TerminalOutcome = (typeof terminalOutcomes)[number]

const isTerminal = (outcome: string): outcome is TerminalOutcome =>
  (terminalOutcomes as ReadonlyArray<string>).includes(outcome)

/** One result of an event, as far as it matters here. */
export interface ResultFact {
  readonly outcome: TerminalOutcome
  readonly reason: string
  /** When it was decided, in milliseconds since the epoch. */
  readonly at: number
  /** A request carried the event, or may have. */
  readonly isSent: boolean
  /** Of a final outcome that the platform reported later: when the event was accepted; else null. */
  readonly acceptedAt: number | null
}

/** All that is known of an event at a connection. */
export interface KnownOutcome {
  readonly delivered: ResultFact | null
  readonly accepted: ResultFact | null
  /** The newest acceptance that got its final outcome. */
  readonly concludedAt: number
  readonly decided: ResultFact | null
  readonly unsent: ResultFact | null
}

export const nothingKnown: KnownOutcome = {
  delivered: null,
  accepted: null,
  concludedAt: Number.NEGATIVE_INFINITY,
  decided: null,
  unsent: null
}

/** The fact in a result; null for one that is not final, such as a delayed retry. */
export const factOf = (
  log: Pick<EventDeliveryLog, "outcome" | "reason_code" | "timestamp" | "attempted_at" | "accepted_at">
): ResultFact | null =>
  isTerminal(log.outcome)
    ? {
        outcome: log.outcome,
        reason: log.reason_code ?? "",
        at: log.timestamp,
        isSent: log.attempted_at !== null || impliesSending.has(log.outcome),
        acceptedAt: log.accepted_at
      }
    : null

/** What is known with one more fact. Commutative, associative and idempotent in the facts. */
export const learn = (known: KnownOutcome, fact: ResultFact): KnownOutcome => {
  const { outcome, acceptedAt } = fact
  const concludedAt = Math.max(known.concludedAt, acceptedAt ?? Number.NEGATIVE_INFINITY)
  if (outcome === "delivered") return { ...known, concludedAt, delivered: later(known.delivered, fact) }
  if (outcome === "accepted") {
    // What stays accepted in the end was not concluded by another outcome.
    return { ...known, accepted: laterAcceptance(known.accepted, fact) }
  }
  if (fact.isSent) return { ...known, concludedAt, decided: later(known.decided, fact) }
  return { ...known, concludedAt, unsent: laterUnsent(known.unsent, fact) }
}

/** The result that counts; null where nothing final is known. */
export const bestOf = ({ delivered, accepted, concludedAt, decided, unsent }: KnownOutcome): ResultFact | null => {
  if (delivered !== null) return delivered
  if (accepted !== null && acceptanceOf(accepted) > concludedAt) return accepted
  return decided ?? accepted ?? unsent
}

const impliesSending: ReadonlySet<string> = new Set(["delivered", "accepted", "unknown"])

/** When the event was accepted. */
const acceptanceOf = ({ acceptedAt, at }: ResultFact): number => acceptedAt ?? at

const later = (known: ResultFact | null, fact: ResultFact): ResultFact =>
  known === null || compare(fact, known) > 0 ? fact : known

/** The newest acceptance, and of one acceptance what the platform said last. */
const laterAcceptance = (known: ResultFact | null, fact: ResultFact): ResultFact => {
  if (known === null) return fact
  const byAcceptance = acceptanceOf(fact) - acceptanceOf(known) || compare(fact, known)
  return byAcceptance > 0 ? fact : known
}

const laterUnsent = (known: ResultFact | null, fact: ResultFact): ResultFact => {
  if (known === null) return fact
  const byKind = Number(isRepeat(known)) - Number(isRepeat(fact)) || compare(fact, known)
  return byKind > 0 ? fact : known
}

/** Skipped because the event, or another of its id, was there before. */
export const isRepeat = ({ outcome, reason }: ResultFact): boolean =>
  outcome === "skipped" && reason.startsWith("duplicate")

/** By time; facts of one time in any fixed order, so that what is known does not depend on who was read first. */
const compare = (left: ResultFact, right: ResultFact): number =>
  left.at - right.at ||
  terminalOutcomes.indexOf(left.outcome) - terminalOutcomes.indexOf(right.outcome) ||
  (left.acceptedAt ?? -1) - (right.acceptedAt ?? -1) ||
  (left.reason < right.reason ? -1 : left.reason > right.reason ? 1 : 0)
