/**
 * A ledger that never ends: it takes each record of the topics once and forgets an event as soon as every connection has its
 * outcome, so that it holds only what is in flight. It names events that a stage has passed without a trace.
 */

import { DecidedConnections } from "./decided-connections.ts"
import { isTerminal } from "./known-outcome.ts"
import { isSameRecord, type RawSource } from "./raw-source.ts"

/** A record's place in the log of its topic. */
export interface Place {
  readonly partition: number
  readonly offset: number
}

/** The next offset that each stage's group reads, by partition: what it has committed, or where the log begins by now. */
export interface Committed {
  readonly normalizer: ReadonlyMap<number, number>
  readonly mapper: ReadonlyMap<number, number>
  /** By connection. */
  readonly deliveries: ReadonlyMap<string, ReadonlyMap<number, number>>
  readonly retries: ReadonlyMap<string, ReadonlyMap<number, number>>
}

/** An event that left no trace; `connectionId` is null where it was lost before the connections had to decide. */
export interface Missing {
  readonly source: RawSource
  readonly eventId: string | null
  readonly connectionId: string | null
  /** Its delayed retry is gone. */
  readonly lostRetry: boolean
}

interface OpenEvent {
  readonly source: RawRecord
  eventId: string | null
  isNormalized: boolean
  /** Where the event was normalized: the connections that decide there owe it an outcome. Empty where only `owes` do. */
  readonly placesOf: Array<Place>
  /** Normalized records that the mapper had not read when it was last looked. */
  normalizedAt: ReadonlyArray<Place>
  /** Connections that owe an outcome, where the event was taken up from what waits. */
  readonly owes: ReadonlyArray<string> | null
  readonly decided: Set<string>
  /** What is known of the connections that have not decided. */
  readonly waiting: Map<string, Waiting>
}

type RawRecord = RawSource & { readonly timestamp: number }

interface Waiting {
  wasMapped: boolean
  wasPutOff: boolean
  /** Records that the delivery had not read when it was last looked. */
  mappedAt: ReadonlyArray<Place>
  retryAt: ReadonlyArray<Place>
}

export class RunningLedger {
  private readonly connections: ReadonlyArray<string>
  private readonly decided: Pick<DecidedConnections, "at">
  private readonly openMax: number
  private readonly open = new Map<string, OpenEvent>()
  /** Events whose every outcome was seen. */
  settled = 0
  /** Events given up unchecked, because too many were in flight. */
  unchecked = 0

  /**
   * Holds at most `openMax` events; beyond it the oldest are given up and counted. `connections` are the enabled ones: they alone
   * are asked, for the events that the mapper decided for them as far as `decided` tells.
   */
  constructor(
    connections: ReadonlyArray<string>,
    openMax: number,
    decided: Pick<DecidedConnections, "at"> = new DecidedConnections()
  ) {
    this.connections = connections
    this.openMax = openMax
    this.decided = decided
  }

  get inFlight(): number {
    return this.open.size
  }

  /** The records of a round come in the order of the stages: raw records first. */
  raw(source: RawRecord): void {
    this.begin(source, null)
  }

  /** A dead letter of the normalizer. */
  deadLetter(source: RawSource): void {
    const event = this.eventOf(source)
    if (event === undefined) return
    this.open.delete(keyOf(source))
    this.settled++
  }

  normalized(source: RawSource, eventId: string, at: Place): void {
    const event = this.eventOf(source)
    if (event === undefined) return
    event.eventId = eventId
    event.isNormalized = true
    event.placesOf.push(at)
    event.normalizedAt = [...event.normalizedAt, at]
    this.settleIfDone(event)
  }

  mapped(source: RawSource, connectionId: string, at: Place): void {
    const event = this.eventOf(source)
    if (event === undefined || event.decided.has(connectionId)) return
    const waiting = waitingOf(event, connectionId)
    waiting.wasMapped = true
    waiting.mappedAt = [...waiting.mappedAt, at]
  }

  /**
   * A record of a topic of delayed retries. Where its event began before the ledger did, it is taken up, unless the delivery has
   * `passed` the record by now: then its outcome may be older than what the ledger reads.
   */
  retried(source: RawRecord, connectionId: string, eventId: string, at: Place, passed: boolean): void {
    let event = this.eventOf(source)
    if (event === undefined) {
      if (passed) return
      event = this.begin(source, [connectionId])
      event.eventId = eventId
      event.isNormalized = true
    }
    if (event.decided.has(connectionId)) return
    const waiting = waitingOf(event, connectionId)
    waiting.wasPutOff = true
    waiting.retryAt = [...waiting.retryAt, at]
  }

  /** A record of delivery-results. */
  result(source: RawSource, connectionId: string, outcome: string): void {
    const event = this.eventOf(source)
    if (event === undefined || event.decided.has(connectionId)) return
    if (outcome === "retry_scheduled") waitingOf(event, connectionId).wasPutOff = true
    if (!isTerminal(outcome)) return
    event.decided.add(connectionId)
    event.waiting.delete(connectionId)
    this.settleIfDone(event)
  }

  /** What a stage has passed without a trace. `committed` was read before the records that were taken last. */
  missing(committed: Committed): ReadonlyArray<Missing> {
    const found: Array<Missing> = []
    for (const event of this.open.values()) {
      const { source, eventId } = event
      if (!event.isNormalized) {
        if (isPassed(source, committed.normalizer))
          found.push({ source, eventId, connectionId: null, lostRetry: false })
        continue
      }
      event.normalizedAt = aheadOf(event.normalizedAt, committed.mapper)
      const owing = this.owing(event)
      if (owing.length === 0 && event.normalizedAt.length === 0) this.settle(event)
      for (const connectionId of owing) {
        const one = waitingOf(event, connectionId)
        one.mappedAt = aheadOf(one.mappedAt, committed.deliveries.get(connectionId))
        one.retryAt = aheadOf(one.retryAt, committed.retries.get(connectionId))
        if (isLost(event, one)) found.push({ source, eventId, connectionId, lostRetry: one.wasPutOff })
      }
    }
    return found
  }

  private begin(source: RawRecord, owes: ReadonlyArray<string> | null): OpenEvent {
    if (this.open.size >= this.openMax) {
      const [oldest] = this.open.keys()
      if (oldest !== undefined) this.open.delete(oldest)
      this.unchecked++
    }
    const event: OpenEvent = {
      source,
      eventId: null,
      isNormalized: false,
      placesOf: [],
      normalizedAt: [],
      owes,
      decided: new Set(),
      waiting: new Map()
    }
    this.open.set(keyOf(source), event)
    return event
  }

  private eventOf(source: RawSource): OpenEvent | undefined {
    const event = this.open.get(keyOf(source))
    return event !== undefined && isSameRecord(event.source.timestamp, source) ? event : undefined
  }

  private settleIfDone(event: OpenEvent): void {
    if (event.isNormalized && this.owing(event).length === 0) this.settle(event)
  }

  private settle(event: OpenEvent): void {
    this.open.delete(keyOf(event.source))
    this.settled++
  }

  /** The connections that have not decided and must, or have the event before them. */
  private owing({ placesOf, owes, decided, waiting }: OpenEvent): ReadonlyArray<string> {
    return (owes ?? this.connections).filter((id) => {
      if (decided.has(id)) return false
      if (owes !== null || waiting.has(id)) return true
      return placesOf.some((place) => this.decided.at(place)?.has(id) ?? true)
    })
  }
}

const waitingOf = ({ waiting }: OpenEvent, connectionId: string): Waiting => {
  const known = waiting.get(connectionId)
  if (known !== undefined) return known
  const made = { wasMapped: false, wasPutOff: false, mappedAt: [], retryAt: [] }
  waiting.set(connectionId, made)
  return made
}

/** As the ledger that is read at once decides (`ledger.ts`). */
const isLost = ({ normalizedAt }: OpenEvent, { wasMapped, wasPutOff, mappedAt, retryAt }: Waiting): boolean => {
  if (mappedAt.length > 0 || retryAt.length > 0) return false
  return wasMapped || wasPutOff || normalizedAt.length === 0
}

const aheadOf = (places: ReadonlyArray<Place>, committed: ReadonlyMap<number, number> | undefined) =>
  places.some((place) => isPassed(place, committed)) ? places.filter((place) => !isPassed(place, committed)) : places

const isPassed = ({ partition, offset }: Place, committed: ReadonlyMap<number, number> | undefined): boolean =>
  offset < (committed?.get(partition) ?? 0)

const keyOf = ({ partition, offset }: RawSource): string => `${partition}:${offset}`
