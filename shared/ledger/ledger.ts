/**
 * The ledger: proves from the topics alone that for every connection
 * consumed = delivered + accepted + skipped + rejected + expired + dead-lettered + unknown + in flight,
 * and names the events for which it does not hold.
 * An event is known by its raw record, so that a producer's duplicates and a replay are told apart: by the record's position and
 * its own time, since a topic that was made again has the same positions.
 */

import type { EventDeliveryLog } from "../../schemas/types.gen.ts"
import { bestOf, factOf, type KnownOutcome, learn, nothingKnown, type TerminalOutcome } from "./known-outcome.ts"

/** What the ledger looks at of a result. */
export type LedgerResult = Pick<
  EventDeliveryLog,
  "outcome" | "reason_code" | "timestamp" | "attempted_at" | "accepted_at" | "corrects"
>

/** A record's position, and the first offset of its partition that its reader has not committed. */
export interface Passed {
  readonly offset: number
  readonly committed: number
}

/** The raw record that an event came from; the time is Kafka's, in milliseconds, and null where an old record does not say it. */
export interface RawSource {
  readonly partition: number
  readonly offset: number
  readonly timestamp: number | null
}

/** Whether what tells of a source means the raw record of this time at the same position. */
export const isSameRecord = (timestamp: number, source: RawSource): boolean =>
  source.timestamp === null || source.timestamp === timestamp

export interface ConnectionBalance {
  readonly connectionId: string
  /** Normalized events that the connection had to decide on. */
  readonly consumed: number
  readonly outcomes: Readonly<Record<TerminalOutcome, number>>
  readonly skippedBy: Readonly<Record<string, number>>
  /** Reasons of the rejected and the dead-lettered ones. */
  readonly rejectedBy: Readonly<Record<string, number>>
  readonly inFlight: number
  /** Events with more than one final result: replayed, or sent again after a crash. */
  readonly repeated: number
  /** Event ids that a stage has passed without a trace. */
  readonly missing: ReadonlyArray<string>
  /** Those of the missing whose delayed retry is gone: its topic's reader or retention has passed it, and there is no result. */
  readonly lostRetries: ReadonlyArray<string>
}

export interface Balance {
  readonly raw: number
  readonly deadLetteredRaw: number
  readonly normalized: number
  readonly inFlightRaw: number
  /** Positions `partition:offset` of raw records that the normalizer has passed without a trace. */
  readonly missingRaw: ReadonlyArray<string>
  /** Raw positions normalized more than once within one pass: only a replay may do that. */
  readonly normalizedAgain: number
  readonly connections: ReadonlyArray<ConnectionBalance>
  readonly balanced: boolean
}

interface RawFate {
  readonly timestamp: number
  passed: boolean
  deadLettered: boolean
  normalized: number
  /** A later stage tells of it. So it was normalized, though its normalized record may be gone: results are kept longer. */
  traced: boolean
  eventId: string
  /** Whether the mapper has yet to read a normalized record of it. */
  mapperAhead: boolean
}

interface Delivery {
  mapped: boolean
  /** Whether the delivery group has yet to read a record of it, mapped or put off. */
  ahead: boolean
  known: KnownOutcome
  results: number
  accepts: number
  retryScheduled: boolean
}

export class Ledger {
  private readonly raws = new Map<string, RawFate>()
  private readonly deliveries = new Map<string, Map<string, Delivery>>()

  /** `connections` are those that decide on every event. */
  constructor(connections: ReadonlyArray<string>) {
    for (const connection of connections) this.deliveries.set(connection, new Map())
  }

  /** A raw record in the range; `committed` is the normalizer's. */
  raw(record: RawSource & { readonly timestamp: number }, committed: number): void {
    this.raws.set(keyOf(record), {
      timestamp: record.timestamp,
      passed: record.offset < committed,
      deadLettered: false,
      normalized: 0,
      traced: false,
      eventId: "",
      mapperAhead: false
    })
  }

  /** A dead letter of the normalizer. Others stand beside a result, which counts. */
  deadLetter(source: RawSource): void {
    const fate = this.fateOf(source)
    if (fate !== undefined) fate.deadLettered = true
  }

  /** A normalized event. */
  normalized(source: RawSource, eventId: string, at: Passed): void {
    const fate = this.fateOf(source)
    if (fate === undefined) return
    fate.normalized++
    fate.eventId = eventId
    fate.mapperAhead ||= at.offset >= at.committed
  }

  /** An event on a topic of mapped events. */
  mapped(source: RawSource, connectionId: string, at: Passed): void {
    const delivery = this.delivery(source, connectionId)
    if (delivery === undefined) return
    delivery.mapped = true
    delivery.ahead ||= at.offset >= at.committed
  }

  /** An event on a topic of delayed retries. */
  retried(source: RawSource, connectionId: string, at: Passed): void {
    const delivery = this.delivery(source, connectionId)
    if (delivery === undefined) return
    delivery.retryScheduled = true
    delivery.ahead ||= at.offset >= at.committed
  }

  /** A record of delivery-results: which of several counts is `known-outcome.ts`'s. */
  result(source: RawSource, connectionId: string, result: LedgerResult): void {
    const delivery = this.delivery(source, connectionId)
    if (delivery === undefined) return
    const fact = factOf(result)
    if (fact === null) {
      delivery.retryScheduled ||= result.outcome === "retry_scheduled"
      return
    }
    // An accepted event's final outcome is no repetition, nor is one that corrects it.
    if (fact.outcome === "accepted") delivery.accepts++
    else if (result.corrects === null) delivery.results++
    delivery.known = learn(delivery.known, fact)
  }

  balance(): Balance {
    let deadLetteredRaw = 0
    let normalized = 0
    let inFlightRaw = 0
    let normalizedAgain = 0
    const missingRaw: Array<string> = []
    for (const [key, fate] of this.raws) {
      if (isNormalized(fate)) normalized++
      else if (fate.deadLettered) deadLetteredRaw++
      else if (fate.passed) missingRaw.push(key)
      else inFlightRaw++
      if (fate.normalized > 1) normalizedAgain++
    }
    const connections = [...this.deliveries].map(([connectionId, deliveries]) =>
      this.balanceOf(connectionId, deliveries)
    )
    const balanced = missingRaw.length === 0 && connections.every((connection) => connection.missing.length === 0)
    return {
      raw: this.raws.size,
      deadLetteredRaw,
      normalized,
      inFlightRaw,
      missingRaw,
      normalizedAgain,
      connections,
      balanced
    }
  }

  private balanceOf(connectionId: string, deliveries: ReadonlyMap<string, Delivery>): ConnectionBalance {
    const outcomes: Record<TerminalOutcome, number> = {
      delivered: 0,
      accepted: 0,
      skipped: 0,
      rejected: 0,
      expired: 0,
      dead_lettered: 0,
      unknown: 0
    }
    const reasons = { skipped: {} as Record<string, number>, rejected: {} as Record<string, number> }
    const [missing, lostRetries]: [Array<string>, Array<string>] = [[], []]
    let [consumed, inFlight, repeated] = [0, 0, 0]
    for (const [key, fate] of this.raws) {
      if (!isNormalized(fate)) continue
      consumed++
      const delivery = deliveries.get(key)
      const best = delivery === undefined ? null : bestOf(delivery.known)
      if (delivery !== undefined && best !== null) {
        outcomes[best.outcome]++
        const by = best.outcome === "dead_lettered" ? "rejected" : best.outcome
        if (by === "skipped" || by === "rejected") reasons[by][best.reason] = (reasons[by][best.reason] ?? 0) + 1
        if (delivery.results > 1 || delivery.accepts > 1) repeated++
      } else if (isLost(fate, delivery)) {
        const name = fate.eventId === "" ? `raw-events ${key}` : fate.eventId
        missing.push(name)
        if (delivery?.retryScheduled === true) lostRetries.push(name)
      } else inFlight++
    }
    const [skippedBy, rejectedBy] = [reasons.skipped, reasons.rejected]
    return { connectionId, consumed, outcomes, skippedBy, rejectedBy, inFlight, repeated, missing, lostRetries }
  }

  /** Undefined for what lies outside the range, or tells of an earlier record at the same position. */
  private fateOf(source: RawSource): RawFate | undefined {
    const fate = this.raws.get(keyOf(source))
    return fate !== undefined && isSameRecord(fate.timestamp, source) ? fate : undefined
  }

  private delivery(source: RawSource, connectionId: string): Delivery | undefined {
    const deliveries = this.deliveries.get(connectionId)
    const key = keyOf(source)
    const fate = this.fateOf(source)
    if (deliveries === undefined || fate === undefined) return undefined
    fate.traced = true
    let delivery = deliveries.get(key)
    if (delivery === undefined) {
      delivery = {
        mapped: false,
        ahead: false,
        known: nothingKnown,
        results: 0,
        accepts: 0,
        retryScheduled: false
      }
      deliveries.set(key, delivery)
    }
    return delivery
  }
}

const isNormalized = ({ normalized, traced }: RawFate): boolean => normalized > 0 || traced

// No reader has a record of it ahead, and yet nothing tells what became of it.
const isLost = (fate: RawFate, delivery: Delivery | undefined): boolean => {
  if (delivery?.ahead === true) return false
  if (delivery !== undefined && (delivery.mapped || delivery.retryScheduled)) return true
  return !fate.mapperAhead
}

const keyOf = ({ partition, offset }: RawSource): string => `${partition}:${offset}`
