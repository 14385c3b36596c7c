/**
 * How many events have which outcome at each connection, by the minute in which they arrived. Each event counts once, by the outcome that
 * counts (`shared/ledger/known-outcome.ts`); so the steps of a connection add up to what it received.
 */
import type { EventDeliveryLog } from "../../../schemas/types.gen.ts"
import { factOf, type ResultFact, type TerminalOutcome } from "../../../shared/ledger/known-outcome.ts"
import { reasonWord } from "../../../shared/model/dead-letter.ts"
import { isRepeatOfSending } from "../../../shared/model/delivery-result.ts"
import { MinuteSeries, minuteMillis } from "./minute-series.ts"
import { getOrMake, OutcomeTable } from "./outcome-table.ts"

/** An outcome with its reason; `reason` is empty where it has no reason. */
export interface Kind {
  readonly outcome: TerminalOutcome
  readonly reason: string
}

export interface KindCount extends Kind {
  readonly count: number
}

/** Outcomes with their reasons that are counted each at a connection; the rest are `other`. */
const kindsMax = 200
/** In all, since an event's is held in two bytes. */
const numbersMax = 65_000
const otherReason = "other"

export class OutcomeCounts {
  private readonly table: OutcomeTable
  private readonly series = new Map<string, Map<string, { readonly kind: Kind; readonly minutes: MinuteSeries }>>()
  private readonly numbers = new Map<string, number>()
  private readonly held: Array<HeldOutcome> = [{ outcome: "skipped", reason: "", isSent: false }]

  constructor(bytesMax: number) {
    this.table = new OutcomeTable(bytesMax)
  }

  /** Bytes that hold the outcomes of single events. */
  get bytes(): number {
    return this.table.bytes
  }

  get connectionIds(): Iterable<string> {
    return this.series.keys()
  }

  /**
   * @param isOlder of a result that was written before those that were counted already: it is read back from the log
   * @returns what is counted for the event by now where that changed; null where nothing did
   */
  add(log: EventDeliveryLog, isOlder = false): Kind | null {
    const fact = factOf(log)
    if (fact === null || isRepeatOfSending(log)) return null
    const { connection_id: connection, source } = log
    const reason = this.boundedReason(connection, fact)
    const at = source?.timestamp ?? log.timestamp
    const now: HeldOutcome = { outcome: fact.outcome, reason, isSent: fact.isSent }
    if (source === null) return this.count(connection, now, at, 1)
    const number = this.table.get(connection, source.partition, source.offset)
    if (number === 0) {
      if (log.accepted_at !== null && !isOlder && this.table.hasForgotten) this.takeBackAcceptance(connection, at)
      this.hold(connection, source, now, at)
      return this.count(connection, now, at, 1)
    }
    const before = this.held[number]!
    const concludes = log.accepted_at !== null
    // What is read back comes in the order of the log within an hour, and the hours the newest first: a final outcome follows its acceptance.
    const isReplaced = isOlder
      ? !replaces(now, before, true) || (concludes && before.outcome === "accepted")
      : replaces(before, now, concludes)
    if (!isReplaced || (before.outcome === now.outcome && before.reason === now.reason)) return null
    this.count(connection, before, at, -1)
    this.hold(connection, source, now, at)
    return this.count(connection, now, at, 1)
  }

  /** Of the events that arrived from `since` on and before `until` (milliseconds since the epoch, whole minutes). */
  counts(connection: string, since: number, until: number): ReadonlyArray<KindCount> {
    const found: Array<KindCount> = []
    for (const { kind, minutes } of this.series.get(connection)?.values() ?? []) {
      const count = minutes.sum(since, until)
      if (count > 0) found.push({ ...kind, count })
    }
    return found
  }

  /** Forgets events that arrived before (milliseconds since the epoch). */
  prune(before: number): void {
    this.table.prune(before)
    for (const [connection, kinds] of this.series) {
      for (const [name, { minutes }] of kinds) if (minutes.prune(before)) kinds.delete(name)
      if (kinds.size === 0) this.series.delete(connection)
    }
  }

  private hold(connection: string, { partition, offset }: Place, outcome: HeldOutcome, at: number): void {
    const name = `${outcome.isSent} ${outcome.outcome} ${outcome.reason}`
    let number = this.numbers.get(name)
    if (number === undefined) {
      if (this.held.length > numbersMax) return
      number = this.held.length
      this.numbers.set(name, number)
      this.held.push(outcome)
    }
    this.table.set(connection, partition, offset, at, number)
  }

  private count(connection: string, { outcome, reason }: Kind, at: number, by: number): Kind {
    const kinds = getOrMake(this.series, connection, () => new Map())
    const kind = { outcome, reason }
    getOrMake(kinds, nameOf(kind), () => ({ kind, minutes: new MinuteSeries() })).minutes.add(at, by)
    return kind
  }

  /** It is counted, though the event is forgotten. */
  private takeBackAcceptance(connection: string, at: number): void {
    for (const { kind, minutes } of this.series.get(connection)?.values() ?? []) {
      if (kind.outcome !== "accepted" || minutes.sum(at - (at % minuteMillis), at + 1) <= 0) continue
      minutes.add(at, -1)
      return
    }
  }

  /** The reason, or its word, or `other`: a platform's codes are without end. */
  private boundedReason(connection: string, { outcome, reason }: ResultFact): string {
    const kinds = this.series.get(connection)
    if (kinds === undefined || kinds.size < kindsMax || kinds.has(nameOf({ outcome, reason }))) return reason
    const word = reasonWord(reason)
    return kinds.size < 2 * kindsMax || kinds.has(nameOf({ outcome, reason: word })) ? word : otherReason
  }
}

interface HeldOutcome extends Kind {
  readonly isSent: boolean
}

interface Place {
  readonly partition: number
  readonly offset: number
}

const nameOf = ({ outcome, reason }: Kind): string => `${outcome} ${reason}`

/**
 * Whether a later result takes the place of an earlier one, as `bestOf` decides it.
 *
 * @param concludes of the later one: whether it is the final outcome of an acceptance
 */
const replaces = (earlier: HeldOutcome, later: HeldOutcome, concludes: boolean): boolean => {
  if (earlier.outcome === "delivered") return false
  if (later.outcome === "delivered") return true
  if (later.outcome === "accepted") return earlier.outcome !== "accepted"
  if (later.isSent) return earlier.outcome !== "accepted" || concludes
  if (earlier.isSent || earlier.outcome === "accepted") return false
  return !isRepeat(later) || isRepeat(earlier)
}

/** Skipped because the event, or another of its id, was there before. */
const isRepeat = ({ outcome, reason }: Kind): boolean => outcome === "skipped" && reason.startsWith("duplicate")
