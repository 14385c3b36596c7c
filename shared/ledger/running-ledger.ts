/**
 * A ledger that never ends: it takes each record of the topics once and forgets an event as soon as every connection has its
 * outcome, so that it holds only what is in flight. It names events that a stage has passed without a trace.
 */

import { isTerminal } from "./known-outcome.ts"
import type { RawPosition } from "./ledger.ts"

/** A record's place in the log of its topic. */
export interface Place {
  readonly partition: number
  readonly offset: number
}

/** What each stage's group has committed: the next offset by partition. */
export interface Committed {
  readonly normalizer: ReadonlyMap<number, number>
  readonly mapper: ReadonlyMap<number, number>
  readonly deliveries: ReadonlyMap<string, ReadonlyMap<number, number>>
}

/** An event that left no trace; `connectionId` is null where it was lost before the connections had to decide. */
export interface Missing {
  readonly source: RawPosition
  readonly eventId: string | null
  readonly connectionId: string | null
}

interface OpenEvent {
  readonly source: RawPosition
  eventId: string | null
  normalizedAt: Place | null
  /** By connection; an entry is gone for good once it has its outcome. */
  readonly waiting: Map<string, { mappedAt: Place | null; putOff: boolean }>
}

export class RunningLedger {
  private readonly connections: ReadonlyArray<string>
  private readonly openMax: number
  private readonly open = new Map<string, OpenEvent>()
  /** Events whose every outcome was seen. */
  settled = 0
  /** Events given up unchecked, because too many were in flight. */
  unchecked = 0

  /** Holds at most `openMax` events; beyond it the oldest are given up and counted. */
  constructor(connections: ReadonlyArray<string>, openMax: number) {
    this.connections = connections
    this.openMax = openMax
  }

  get inFlight(): number {
    return this.open.size
  }

  /** The records of a round come in the order of the stages: raw records first. */
  raw(source: RawPosition): void {
    if (this.open.size >= this.openMax) {
      const [oldest] = this.open.keys()
      if (oldest !== undefined) this.open.delete(oldest)
      this.unchecked++
    }
    const waiting = new Map(this.connections.map((id) => [id, { mappedAt: null, putOff: false }]))
    this.open.set(keyOf(source), { source, eventId: null, normalizedAt: null, waiting })
  }

  /** A dead letter of the normalizer. */
  deadLetter(source: RawPosition): void {
    if (this.open.delete(keyOf(source))) this.settled++
  }

  normalized(source: RawPosition, eventId: string, at: Place): void {
    const event = this.open.get(keyOf(source))
    if (event === undefined) return
    event.eventId = eventId
    event.normalizedAt ??= at
    this.settleIfDone(event)
  }

  mapped(source: RawPosition, connectionId: string, at: Place): void {
    const waiting = this.open.get(keyOf(source))?.waiting.get(connectionId)
    if (waiting !== undefined) waiting.mappedAt ??= at
  }

  /** A record of delivery-results. */
  result(source: RawPosition, connectionId: string, outcome: string): void {
    const event = this.open.get(keyOf(source))
    const waiting = event?.waiting.get(connectionId)
    if (event === undefined || waiting === undefined) return
    if (outcome === "retry_scheduled") waiting.putOff = true
    if (!isTerminal(outcome)) return
    event.waiting.delete(connectionId)
    this.settleIfDone(event)
  }

  /** What a stage has passed without a trace. `committed` was read before the records that were taken last. */
  missing(committed: Committed): ReadonlyArray<Missing> {
    const found: Array<Missing> = []
    for (const { source, eventId, normalizedAt, waiting } of this.open.values()) {
      if (normalizedAt === null) {
        if (isPassed(source, committed.normalizer)) found.push({ source, eventId, connectionId: null })
        continue
      }
      for (const [connectionId, { mappedAt, putOff }] of waiting) {
        const passed =
          mappedAt === null
            ? isPassed(normalizedAt, committed.mapper)
            : isPassed(mappedAt, committed.deliveries.get(connectionId))
        if (passed && !putOff) found.push({ source, eventId, connectionId })
      }
    }
    return found
  }

  private settleIfDone(event: OpenEvent): void {
    if (event.normalizedAt === null || event.waiting.size > 0) return
    this.open.delete(keyOf(event.source))
    this.settled++
  }
}

const isPassed = ({ partition, offset }: Place, committed: ReadonlyMap<number, number> | undefined): boolean =>
  offset < (committed?.get(partition) ?? 0)

const keyOf = ({ partition, offset }: RawPosition): string => `${partition}:${offset}`
