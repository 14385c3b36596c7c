/** How events are divided over requests: cut by the platform's limits, and halved until the one that fails a request is found. Pure. */
import { envelopeBytes } from "../../../shared/connections/connector-rules.ts"
import type { DeliveryEvent } from "./outcome.ts"

export interface ChunkLimits {
  readonly events: number
  /** Of a request's body. */
  readonly bytes: number
}

/** Chunks of equal batch group, each of at most so many events and bytes; the order is kept. */
export const chunk = (
  events: ReadonlyArray<DeliveryEvent>,
  limits: ChunkLimits
): ReadonlyArray<ReadonlyArray<DeliveryEvent>> => {
  const group = events[0]?.event.batch_group
  if (events.every(({ event }) => event.batch_group === group)) return cut(events, limits)
  const groups = new Map<string, Array<DeliveryEvent>>()
  for (const event of events) {
    const group = groups.get(event.event.batch_group)
    if (group === undefined) groups.set(event.event.batch_group, [event])
    else group.push(event)
  }
  return [...groups.values()].flatMap((group) => cut(group, limits))
}

const cut = (
  events: ReadonlyArray<DeliveryEvent>,
  limits: ChunkLimits
): ReadonlyArray<ReadonlyArray<DeliveryEvent>> => {
  const all = events.reduce((bytes, event) => bytes + event.bytes + separatorBytes, envelopeBytes)
  if (events.length <= limits.events && all <= limits.bytes) return events.length === 0 ? [] : [events]
  const chunks: Array<Array<DeliveryEvent>> = []
  let current: Array<DeliveryEvent> = []
  let bytes = envelopeBytes
  for (const event of events) {
    const more = event.bytes + separatorBytes
    if (current.length > 0 && (current.length >= limits.events || bytes + more > limits.bytes)) {
      chunks.push(current)
      current = []
      bytes = envelopeBytes
    }
    current.push(event)
    bytes += more
  }
  if (current.length > 0) chunks.push(current)
  return chunks
}

const separatorBytes = 1

/**
 * Finds the invalid events of a request that a platform refuses as a whole without naming them (Meta): about 2·log2(n)
 * requests for one invalid event, not n. If all of the first half of a refused piece was taken, an invalid event must be in
 * the second, which is then split without being sent. An event found by such a conclusion is sent once alone, so that
 * nothing is rejected that the platform has not refused by itself. Pure: a work list of pieces, the next one first.
 */

/** Events to be sent together, and what their sender knows of them. */
export interface Piece<A, P> {
  readonly events: ReadonlyArray<A>
  readonly progress: P
  /** Of the second half of a refused piece: the number of outcomes before those of its first half. Null: to be sent. */
  readonly firstHalfFrom: number | null
}

/** The two halves of a piece that was refused; `decided` is the number of outcomes so far. */
export const halvesOfRefused = <A, P>(
  { events, progress }: Pick<Piece<A, P>, "events" | "progress">,
  decided: number
): ReadonlyArray<Piece<A, P>> => {
  const [first, second] = halvesOf(events)
  return [
    { events: first, progress, firstHalfFrom: null },
    { events: second, progress, firstHalfFrom: decided }
  ]
}

/**
 * The work list with a piece to be sent at its head: a second half is split first if all of its first half was taken.
 *
 * @param isTakenFrom whether all outcomes from this number on say that the platform has the event
 */
export const nextToSend = <A, P>(
  work: ReadonlyArray<Piece<A, P>>,
  decided: number,
  isTakenFrom: (from: number) => boolean
): ReadonlyArray<Piece<A, P>> => {
  const [head, ...rest] = work
  if (head === undefined || head.firstHalfFrom === null) return work
  return head.events.length > 1 && isTakenFrom(head.firstHalfFrom)
    ? [...halvesOfRefused(head, decided), ...rest]
    : [{ ...head, firstHalfFrom: null }, ...rest]
}

export const halvesOf = <A>(events: ReadonlyArray<A>): readonly [ReadonlyArray<A>, ReadonlyArray<A>] => {
  const middle = Math.floor(events.length / 2)
  return [events.slice(0, middle), events.slice(middle)]
}
