/**
 * The ledger accounts for every raw event at every connection that had to decide on it, from the records of the topics alone, and
 * names the events that a stage has passed without a trace. Two callers: `./capi ledger` holds all events of a time range and
 * folds them to a balance (`balance.ts`); the continuous check forgets an event as soon as every connection has its outcome.
 *
 * An event is known by its raw record, by position and time: so a producer's duplicate and a replay differ, and so does a record
 * at the same position of a topic that was created again.
 */
import type { EventDeliveryLog } from "../../schemas/types.gen.ts"
import { DecidedConnections } from "./decided-connections.ts"
import {
  type Committed,
  type ConnectionState,
  type Delivery,
  deliveryAt,
  isNormalized,
  isPassed,
  type LedgerEvent,
  newDelivery,
  newEvent,
  type Offsets,
  type Place,
  positionOf,
  type RawRecord,
  type RawSource,
  stillAhead
} from "./event-state.ts"
import { bestOf, factOf, learn } from "./known-outcome.ts"
import { UnreadRecords } from "./unread-records.ts"

/** The fields of a result that the ledger reads. */
export type LedgerResult = Pick<
  EventDeliveryLog,
  "outcome" | "reason_code" | "timestamp" | "attempted_at" | "accepted_at" | "corrects"
>

/** An event that left no trace; `connectionId` is null where it was lost before the connections had to decide. */
export interface Missing {
  readonly source: RawSource
  readonly eventId: string | null
  readonly connectionId: string | null
  /** Its delayed retry is gone. */
  readonly lostRetry: boolean
}

/** `not_owed`: the connection did not have to decide on the event. `lost`: every stage has passed it, and nothing says its outcome. */
export type Status = "not_owed" | "decided" | "in_flight" | "lost"

export class Ledger {
  private readonly connections: ReadonlyMap<string, ConnectionState>
  private readonly decided: DecidedConnections
  private readonly openMax: number | null
  private readonly byPosition = new Map<string, LedgerEvent>()
  private readonly traced = new Set<string>()
  /** Read before the records that they stand for, or while these are ahead. */
  readonly unread: UnreadRecords
  private committed: Committed = { normalizer: noOffsets, mapper: noOffsets, deliveries: new Map(), retries: new Map() }
  /** Events forgotten since all of their outcomes are known. */
  settled = 0
  /** Events forgotten unchecked, since more than `openMax` were in flight. */
  unchecked = 0

  /**
   * @param connections those of the file; where `decided` says nothing of an event, the enabled ones owe it an outcome
   * @param openMax the most events in flight at a time, where settled events are forgotten; null holds all events
   */
  constructor(
    connections: ReadonlyMap<string, ConnectionState>,
    decided = new DecidedConnections(),
    openMax: number | null = null,
    unread = new UnreadRecords()
  ) {
    this.connections = connections
    this.unread = unread
    this.decided = decided
    this.openMax = openMax
  }

  /** The events that are held. */
  get events(): Iterable<LedgerEvent> {
    return this.byPosition.values()
  }

  get inFlight(): number {
    return this.byPosition.size
  }

  /** The enabled connections, those that the mapper ever decided for, and those with a record of some event. */
  get connectionIds(): ReadonlySet<string> {
    const enabled = [...this.connections].flatMap(([id, state]) => (state === "enabled" ? [id] : []))
    return new Set([...enabled, ...this.decided.known.keys(), ...this.traced])
  }

  stateOf(connectionId: string): ConnectionState {
    return this.connections.get(connectionId) ?? "removed"
  }

  /** What the groups have committed. It was read before the records that follow, and these come in the order of the stages. */
  advance(committed: Committed): void {
    this.committed = committed
  }

  raw(source: RawRecord): void {
    this.begin(source, false)
  }

  /** A dead letter of the normalizer. Other stages' stand beside a result, which counts, or are `unread`. */
  deadLetter(source: RawSource): void {
    const event = this.eventOf(source)
    if (event === undefined) return
    event.deadLettered = true
    if (this.openMax !== null) this.settle(event)
  }

  /** The normalizer skipped the record, since its person was erased. */
  erased(source: RawSource): void {
    const event = this.eventOf(source)
    if (event === undefined) return
    event.erased = true
    if (this.openMax !== null && !isNormalized(event)) this.settle(event)
  }

  /** A normalized event; false if its raw record is not held. */
  normalized(source: RawSource, eventId: string, place: Place): boolean {
    const event = this.eventOf(source)
    if (event === undefined) return false
    event.eventId = eventId
    event.normalizedAt = [...event.normalizedAt, place]
    event.unread = this.unread.take("mapper", [place]) ?? event.unread
    if (!isPassed(place, this.committed.mapper)) event.aheadOfMapper = [...event.aheadOfMapper, place]
    this.settleIfDone(event)
    return true
  }

  /** A record of a topic of mapped events. */
  mapped(source: RawSource, connectionId: string, place: Place): void {
    const delivery = this.deliveryOf(this.eventOf(source), connectionId)
    if (delivery === undefined) return
    delivery.mapped = true
    this.learnUnread(delivery, false, [place])
    if (!isPassed(place, this.committed.deliveries.get(connectionId)))
      delivery.mappedAhead = [...delivery.mappedAhead, place]
  }

  /**
   * A record of a topic of delayed retries. The continuous check takes up an event that began before it did, unless the delivery
   * has passed the record by now: its outcome may be older than what is read.
   */
  retried(source: RawRecord, connectionId: string, eventId: string, place: Place): void {
    const isAhead = !isPassed(place, this.committed.retries.get(connectionId))
    let event = this.eventOf(source)
    if (event === undefined && this.openMax !== null && isAhead) {
      event = this.begin(source, true)
      event.eventId = eventId
    }
    const delivery = this.deliveryOf(event, connectionId)
    if (delivery === undefined) return
    delivery.retryScheduled = true
    this.learnUnread(delivery, true, [place])
    if (isAhead) delivery.retriesAhead = [...delivery.retriesAhead, place]
  }

  /** A record of delivery-results; which of several counts, `known-outcome.ts` says. */
  result(source: RawSource, connectionId: string, result: LedgerResult): void {
    const event = this.eventOf(source)
    const delivery = this.deliveryOf(event, connectionId)
    if (event === undefined || delivery === undefined) return
    const fact = factOf(result)
    if (fact === null) {
      delivery.retryScheduled ||= result.outcome === "retry_scheduled"
      return
    }
    // An accepted event's final outcome is no repetition, nor is one that corrects it.
    if (fact.outcome === "accepted") delivery.acceptances++
    else if (result.corrects === null) delivery.results++
    delivery.known = learn(delivery.known, fact)
    this.settleIfDone(event)
  }

  /** The events of the file's connections, and of none, that a stage has passed without a trace. */
  missing(): ReadonlyArray<Missing> {
    const found: Array<Missing> = []
    for (const event of this.events) {
      const { source, eventId } = event
      if (isNormalized(event)) {
        for (const connectionId of this.connections.keys()) {
          if (this.statusAt(event, connectionId) !== "lost") continue
          const lostRetry = deliveryAt(event, connectionId)?.retryScheduled ?? false
          found.push({ source, eventId, connectionId, lostRetry })
        }
        this.settleIfDone(event)
      } else if (this.isLostRaw(event)) found.push({ source, eventId, connectionId: null, lostRetry: false })
    }
    return found
  }

  /** Whether the normalizer has passed the raw record, and nothing says what became of it. */
  isLostRaw(event: LedgerEvent): boolean {
    return (
      !isNormalized(event) && !event.deadLettered && !event.erased && isPassed(event.source, this.committed.normalizer)
    )
  }

  /** Of a normalized event. */
  statusAt(event: LedgerEvent, connectionId: string): Status {
    const delivery = deliveryAt(event, connectionId)
    if (delivery === undefined && !this.mustDecide(event, connectionId)) return "not_owed"
    if (delivery !== undefined) {
      this.learnUnread(delivery, false, delivery.mappedAhead)
      this.learnUnread(delivery, true, delivery.retriesAhead)
      if (bestOf(delivery.known) !== null) return "decided"
      delivery.mappedAhead = stillAhead(delivery.mappedAhead, this.committed.deliveries.get(connectionId))
      delivery.retriesAhead = stillAhead(delivery.retriesAhead, this.committed.retries.get(connectionId))
      if (delivery.mappedAhead.length > 0 || delivery.retriesAhead.length > 0) return "in_flight"
      if (delivery.mapped || delivery.retryScheduled) return "lost"
    }
    event.unread ??= this.unread.take("mapper", event.aheadOfMapper)
    if (event.unread !== null && delivery === undefined) {
      const unread = this.deliveryOf(event, connectionId)!
      unread.known = learn(unread.known, event.unread)
      return "decided"
    }
    event.aheadOfMapper = stillAhead(event.aheadOfMapper, this.committed.mapper)
    return event.aheadOfMapper.length > 0 ? "in_flight" : "lost"
  }

  private learnUnread(delivery: Delivery, isRetry: boolean, places: ReadonlyArray<Place>): void {
    const fact = this.unread.take({ connectionId: delivery.connectionId, isRetry }, places)
    if (fact !== null) delivery.known = learn(delivery.known, fact)
  }

  /** Whether the connection owes the event an outcome, though it has no record of it: as the mapper's own records say. */
  private mustDecide({ isFromRetry, normalizedAt, source }: LedgerEvent, connectionId: string): boolean {
    if (isFromRetry) return false
    let isKnown = false
    for (const place of normalizedAt) {
      const deciders = this.decided.at(place)
      if (deciders?.has(connectionId) === true) return true
      isKnown ||= deciders !== null
    }
    if (isKnown) return false
    const deciders = normalizedAt.length === 0 ? this.decided.around(source.timestamp) : null
    return deciders === null ? this.stateOf(connectionId) === "enabled" : deciders.has(connectionId)
  }

  private begin(source: RawRecord, isFromRetry: boolean): LedgerEvent {
    if (this.openMax !== null && this.byPosition.size >= this.openMax) {
      const [oldest] = this.byPosition.keys()
      if (oldest !== undefined) this.byPosition.delete(oldest)
      this.unchecked++
    }
    const event = newEvent(source, isFromRetry)
    this.byPosition.set(positionOf(source), event)
    return event
  }

  /** Undefined for what lies outside the range, is settled, or is of an earlier record at the same position. */
  private eventOf(source: RawSource): LedgerEvent | undefined {
    const event = this.byPosition.get(positionOf(source))
    const isSame = source.timestamp === null || source.timestamp === event?.source.timestamp
    return isSame ? event : undefined
  }

  private deliveryOf(event: LedgerEvent | undefined, connectionId: string): Delivery | undefined {
    if (event === undefined) return undefined
    const known = deliveryAt(event, connectionId)
    if (known !== undefined) return known
    this.traced.add(connectionId)
    const delivery = newDelivery(connectionId)
    event.deliveries.push(delivery)
    return delivery
  }

  private settleIfDone(event: LedgerEvent): void {
    if (this.openMax === null || !isNormalized(event)) return
    for (const connectionId of this.connections.keys()) {
      const status = this.statusAt(event, connectionId)
      if (status === "in_flight" || status === "lost") return
    }
    this.settle(event)
  }

  private settle(event: LedgerEvent): void {
    this.byPosition.delete(positionOf(event.source))
    this.settled++
  }
}

const noOffsets: Offsets = new Map()
