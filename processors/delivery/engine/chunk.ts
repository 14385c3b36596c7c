/** Cuts events into requests within the platform's limits. Pure. */
import type { DeliveryEvent } from "./outcome.ts"

/** Bytes of a request's body kept free for what surrounds the events. */
export const envelopeBytes = 8192

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
  const groups = new Map<string, Array<DeliveryEvent>>()
  for (const event of events) {
    const group = groups.get(event.event.batch_group)
    if (group === undefined) groups.set(event.event.batch_group, [event])
    else group.push(event)
  }
  return [...groups.values()].flatMap((group) => cut(group, limits))
}

const cut = (events: ReadonlyArray<DeliveryEvent>, limits: ChunkLimits) => {
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
