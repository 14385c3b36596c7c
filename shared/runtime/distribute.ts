/** Queues the records that one reading brings for many subscribers, each for the one that it is for. */
import type { FetchedRecord } from "../kafka/client.ts"
import { spreadFrom } from "./packed-records.ts"

/** Who may take records. */
export interface Taker {
  readonly taking: Taking
  /** Queues a record. Returns its bytes in flight. */
  readonly add: (record: FetchedRecord, isPacked: boolean) => number
}

/** Where a taker is in the reading that asked it last. */
export interface Taking {
  reading: object | null
  from: number
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
 * Queues the records that their subscribers take, packed where these are many; the buffers of all others are released. Returns
 * the bytes that are queued, and for whom.
 */
export const distribute = <T extends Taker>(
  fetched: ReadonlyArray<FetchedRecord>,
  receivers: Receivers<T>,
  takes: Takes<T>
): { readonly bytes: number; readonly takers: ReadonlySet<T> } => {
  const takers = new Set<T>()
  const takerOf = fetched.map((record) => findTaker(record, receivers, takes, takers))
  const isPacked = takers.size >= spreadFrom
  let bytes = 0
  for (let index = 0; index < fetched.length; index++) {
    const [record, taker] = [fetched[index]!, takerOf[index]!]
    if (taker === null) record.bufferRef?.release()
    else bytes += taker.add(record, isPacked)
  }
  return { bytes, takers }
}

const findTaker = <T extends Taker>(
  record: FetchedRecord,
  { processorOf, subscribers }: Receivers<T>,
  { from, refuses }: Takes<T>,
  takers: Set<T>
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
  if (takers.has(one)) return one
  if (refuses(one, record.offset)) {
    taking.from = Number.POSITIVE_INFINITY
    return null
  }
  takers.add(one)
  return one
}
