/** Queues the records that one reading brings for many subscribers, each for the one that it is for. */
import type { FetchedRecord } from "../kafka/client.ts"
import { spreadFrom } from "./packed-records.ts"

/** Who may take records. */
export interface Taker {
  readonly taking: Taking
  /** Queues records. Returns their bytes in flight. */
  readonly add: (records: ReadonlyArray<FetchedRecord>, isPacked: boolean) => number
}

/** Where a taker is in the reading that asked it last. */
export interface Taking {
  reading: object | null
  from: number
  /** Of the reading. */
  records: Array<FetchedRecord>
}

export interface Receivers<T> {
  /** The name of the processor that a record is for. */
  readonly processorOf: (record: FetchedRecord) => string | undefined
  readonly subscribers: ReadonlyMap<string, T>
}

/** Which records of a reading one takes. */
export interface Takes<T> {
  /** The first offset that is for its queue; infinite where none is. */
  readonly from: (taker: T) => number
  /** Asked with the first of them: whether it takes none after all. */
  readonly refuses: (taker: T, first: number) => boolean
}

/**
 * Queues the records that their subscribers take, all of one together and packed where these are many; the buffers of all others are
 * released. Returns the bytes that are queued, and for whom.
 */
export const distribute = <T extends Taker>(
  fetched: ReadonlyArray<FetchedRecord>,
  receivers: Receivers<T>,
  takes: Takes<T>
): { readonly bytes: number; readonly takers: ReadonlyArray<T> } => {
  const takers: Array<T> = []
  for (const record of fetched) {
    const taker = findTaker(record, receivers, takes, takers)
    if (taker === null) record.bufferRef?.release()
    else taker.taking.records.push(record)
  }
  const isPacked = takers.length >= spreadFrom
  let bytes = 0
  for (const taker of takers) {
    bytes += taker.add(taker.taking.records, isPacked)
    taker.taking.records = []
  }
  return { bytes, takers }
}

const findTaker = <T extends Taker>(
  record: FetchedRecord,
  { processorOf, subscribers }: Receivers<T>,
  { from, refuses }: Takes<T>,
  takers: Array<T>
): T | null => {
  const name = processorOf(record)
  const one = name === undefined ? undefined : subscribers.get(name)
  if (one === undefined) return null
  const { taking } = one
  if (taking.reading !== takers) {
    taking.reading = takers
    taking.from = from(one)
  }
  if (record.offset < taking.from) return null
  if (taking.records.length > 0) return one
  if (refuses(one, record.offset)) {
    taking.from = Number.POSITIVE_INFINITY
    return null
  }
  takers.push(one)
  return one
}
