/**
 * The ledger: proves from the topics alone that for every connection
 * consumed = delivered + accepted + skipped + rejected + expired + dead-lettered + unknown + in flight,
 * and names the events for which it does not hold.
 * An event is known by its raw record, so that a producer's duplicates and a replay are told apart: by the record's position and
 * its own time, since a topic that was made again has the same positions.
 */

import type { EventDeliveryLog } from "../../schemas/types.gen.ts"
import { DecidedConnections } from "./decided-connections.ts"
import { bestOf, factOf, type KnownOutcome, learn, nothingKnown, type TerminalOutcome } from "./known-outcome.ts"
import { isSameRecord, type RawSource } from "./raw-source.ts"

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

/** Where a normalized record lies, for `DecidedConnections`. */
export interface NormalizedAt extends Passed {
  readonly partition: number
}

/** Whether a connection delivers; `removed` is no longer in the file of connections. */
export type ConnectionState = "enabled" | "disabled" | "removed"

export interface ConnectionBalance {
  readonly connectionId: string
  readonly state: ConnectionState
  /** Normalized events that the connection had to decide on. */
  readonly consumed: number
  readonly outcomes: Readonly<Record<TerminalOutcome, number>>
  readonly skippedBy: Readonly<Record<string, number>>
  /** Reasons of the rejected and the dead-lettered ones. */
  readonly rejectedBy: Readonly<Record<string, number>>
  readonly inFlight: number
  /** Those of the events in flight that are mapped and wait for a connection that does not deliver. */
  readonly unread: ReadonlyArray<string>
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

interface RawEventState {
  readonly timestamp: number
  passed: boolean
  deadLettered: boolean
  normalized: number
  /** A later stage tells of it. So it was normalized, though its normalized record may be gone: results are kept longer. */
  traced: boolean
  eventId: string
  /** Whether the mapper has yet to read a normalized record of it. */
  mapperAhead: boolean
  /** The connections that decide on its normalized records; null where that is not known. */
  deciders: ReadonlySet<string> | null
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
  private readonly raws = new Map<string, RawEventState>()
  private readonly deliveries = new Map<string, Map<string, Delivery>>()

  private readonly connections: ReadonlyMap<string, ConnectionState>
  private readonly decided: DecidedConnections

  /** `connections` are those of the file. Where `decided` does not tell, the enabled ones decide on every event. */
  constructor(connections: ReadonlyMap<string, ConnectionState>, decided = new DecidedConnections()) {
    this.connections = connections
    this.decided = decided
    for (const [id, state] of connections) if (state === "enabled") this.deliveries.set(id, new Map())
    for (const id of decided.known.keys()) if (!this.deliveries.has(id)) this.deliveries.set(id, new Map())
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
      mapperAhead: false,
      deciders: null
    })
  }

  /** A dead letter of the normalizer. Others stand beside a result, which counts. */
  deadLetter(source: RawSource): void {
    const fate = this.stateOf(source)
    if (fate !== undefined) fate.deadLettered = true
  }

  /** A normalized event; false if its raw record was not counted. */
  normalized(source: RawSource, eventId: string, at: NormalizedAt): boolean {
    const fate = this.stateOf(source)
    if (fate === undefined) return false
    fate.deciders = union(fate.deciders, this.decided.at(at))
    fate.normalized++
    fate.eventId = eventId
    fate.mapperAhead ||= at.offset >= at.committed
    return true
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
    const connections = [...this.deliveries]
      .map(([connectionId, deliveries]) => this.balanceOf(connectionId, deliveries))
      .filter(({ state, consumed }) => state === "enabled" || consumed > 0)
    return {
      raw: this.raws.size,
      deadLetteredRaw,
      normalized,
      inFlightRaw,
      missingRaw,
      normalizedAgain,
      connections,
      balanced: isBalanced(missingRaw, connections)
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
    const [missing, lostRetries, unread]: [Array<string>, Array<string>, Array<string>] = [[], [], []]
    const state = this.connections.get(connectionId) ?? "removed"
    let [consumed, inFlight, repeated] = [0, 0, 0]
    for (const [key, fate] of this.raws) {
      if (!isNormalized(fate)) continue
      const delivery = deliveries.get(key)
      if (delivery === undefined && !this.decides(connectionId, state, fate)) continue
      consumed++
      const best = delivery === undefined ? null : bestOf(delivery.known)
      if (delivery !== undefined && best !== null) {
        outcomes[best.outcome]++
        const by = best.outcome === "dead_lettered" ? "rejected" : best.outcome
        if (by === "skipped" || by === "rejected") reasons[by][best.reason] = (reasons[by][best.reason] ?? 0) + 1
        if (delivery.results > 1 || delivery.accepts > 1) repeated++
        continue
      }
      const name = fate.eventId === "" ? `raw-events ${key}` : fate.eventId
      if (isLost(fate, delivery)) {
        missing.push(name)
        if (delivery?.retryScheduled === true) lostRetries.push(name)
        continue
      }
      inFlight++
      if (state !== "enabled" && delivery !== undefined) unread.push(name)
    }
    const [skippedBy, rejectedBy] = [reasons.skipped, reasons.rejected]
    const counts = { consumed, outcomes, skippedBy, rejectedBy, inFlight, repeated }
    return { connectionId, state, ...counts, missing, lostRetries, unread }
  }

  /** Whether the connection owes the event an outcome, though nothing tells of the two. */
  private decides(connectionId: string, state: ConnectionState, fate: RawEventState): boolean {
    const deciders = fate.deciders ?? (fate.normalized === 0 ? this.decided.around(fate.timestamp) : null)
    return deciders === null ? state === "enabled" : deciders.has(connectionId)
  }

  /** Undefined for what lies outside the range, or tells of an earlier record at the same position. */
  private stateOf(source: RawSource): RawEventState | undefined {
    const fate = this.raws.get(keyOf(source))
    return fate !== undefined && isSameRecord(fate.timestamp, source) ? fate : undefined
  }

  private delivery(source: RawSource, connectionId: string): Delivery | undefined {
    const key = keyOf(source)
    const fate = this.stateOf(source)
    if (fate === undefined) return undefined
    let deliveries = this.deliveries.get(connectionId)
    if (deliveries === undefined) {
      deliveries = new Map()
      this.deliveries.set(connectionId, deliveries)
    }
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

const isBalanced = (missingRaw: ReadonlyArray<string>, connections: ReadonlyArray<ConnectionBalance>): boolean =>
  missingRaw.length === 0 &&
  connections.every(
    ({ state, missing, unread }) => missing.length === 0 && (state !== "removed" || unread.length === 0)
  )

/** The same balance of some connections alone. */
export const balanceOf = <B extends Balance>(balance: B, connectionIds: ReadonlySet<string>): B => {
  const connections = balance.connections.filter(({ connectionId }) => connectionIds.has(connectionId))
  return { ...balance, connections, balanced: isBalanced(balance.missingRaw, connections) }
}

const union = (one: ReadonlySet<string> | null, other: ReadonlySet<string> | null): ReadonlySet<string> | null =>
  one === null || one === other ? other : other === null ? one : new Set([...one, ...other])

const isNormalized = ({ normalized, traced }: RawEventState): boolean => normalized > 0 || traced

// No reader has a record of it ahead, and yet nothing tells what became of it.
const isLost = (fate: RawEventState, delivery: Delivery | undefined): boolean => {
  if (delivery?.ahead === true) return false
  if (delivery !== undefined && (delivery.mapped || delivery.retryScheduled)) return true
  return !fate.mapperAhead
}

const keyOf = ({ partition, offset }: RawSource): string => `${partition}:${offset}`
