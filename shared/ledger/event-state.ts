/** What a ledger holds of one event: its raw record, and what the records of each stage say of it. */
import { type KnownOutcome, nothingKnown, type ResultFact } from "./known-outcome.ts"

/** The raw record that an event came from; `timestamp` is Kafka's, in milliseconds, and null where an old record does not have it. */
export interface RawSource {
  readonly partition: number
  readonly offset: number
  readonly timestamp: number | null
}
export type RawRecord = RawSource & { readonly timestamp: number }

/** A record's position in its topic. */
export interface Place {
  readonly partition: number
  readonly offset: number
}

/** By partition, the next offset that a group reads. */
export type Offsets = ReadonlyMap<number, number>

/** The next offsets of each stage's group: what it has committed, or the start of the log where that is later. */
export interface Committed {
  readonly normalizer: Offsets
  readonly mapper: Offsets
  /** By connection: of the topic of mapped events, and of that of delayed retries. */
  readonly deliveries: ReadonlyMap<string, Offsets>
  readonly retries: ReadonlyMap<string, Offsets>
}

/** Whether a connection delivers; `removed` is no longer in the file of connections. */
export type ConnectionState = "enabled" | "disabled" | "removed"

/** What the records say of a raw event. */
export interface LedgerEvent {
  readonly source: RawRecord
  eventId: string | null
  deadLettered: boolean
  erased: boolean
  /** The mapper could not read its record. */
  unread: ResultFact | null
  normalizedAt: ReadonlyArray<Place>
  /** The normalized records that the mapper has yet to read. */
  aheadOfMapper: ReadonlyArray<Place>
  /** Taken up from a delayed retry: it began before the ledger did, so that only connections with a record of it owe an outcome. */
  readonly isFromRetry: boolean
  readonly deliveries: Array<Delivery>
}

/** What the records say of an event at one connection. */
export interface Delivery {
  readonly connectionId: string
  mapped: boolean
  retryScheduled: boolean
  /** The records that the delivery has yet to read. */
  mappedAhead: ReadonlyArray<Place>
  retriesAhead: ReadonlyArray<Place>
  known: KnownOutcome
  results: number
  acceptances: number
}

/** An event of which only the raw record is known. */
export const newEvent = ({ partition, offset, timestamp }: RawRecord, isFromRetry: boolean): LedgerEvent => ({
  source: { partition, offset, timestamp },
  eventId: null,
  deadLettered: false,
  erased: false,
  unread: null,
  normalizedAt: nowhere,
  aheadOfMapper: nowhere,
  isFromRetry,
  deliveries: []
})

/** A connection of which nothing is known yet. */
export const newDelivery = (connectionId: string): Delivery => ({
  connectionId,
  mapped: false,
  retryScheduled: false,
  mappedAhead: nowhere,
  retriesAhead: nowhere,
  known: nothingKnown,
  results: 0,
  acceptances: 0
})

/** A later stage's record says so too, where the normalized record is gone: results are kept longer. */
export const isNormalized = ({ normalizedAt, deliveries }: LedgerEvent): boolean =>
  normalizedAt.length > 0 || deliveries.length > 0

/** The connections are few. */
export const deliveryAt = ({ deliveries }: LedgerEvent, connectionId: string): Delivery | undefined =>
  deliveries.find((delivery) => delivery.connectionId === connectionId)

/** `partition:offset` */
export const positionOf = ({ partition, offset }: Place): string => `${partition}:${offset}`

/** Those of the records that the group has yet to read. */
export const stillAhead = (places: ReadonlyArray<Place>, committed: Offsets | undefined): ReadonlyArray<Place> =>
  places.some((place) => isPassed(place, committed)) ? places.filter((place) => !isPassed(place, committed)) : places

export const isPassed = ({ partition, offset }: Place, committed: Offsets | undefined): boolean =>
  offset < (committed?.get(partition) ?? 0)

const nowhere: ReadonlyArray<Place> = []
