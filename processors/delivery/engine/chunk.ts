import { envelopeBytes } from "./limits.ts"
import type { DeliveryEvent } from "./outcome.ts"

/** Cuts events into requests: equal batch group, at most so many events and bytes; the order is kept. */
export const chunk = (
  items: ReadonlyArray<DeliveryEvent>,
  limits: { readonly events: number; readonly bytes: number }
): ReadonlyArray<ReadonlyArray<DeliveryEvent>> => {
  const groups = new Map<string, Array<DeliveryEvent>>()
  for (const item of items) {
    const group = groups.get(item.event.batch_group)
    if (group === undefined) groups.set(item.event.batch_group, [item])
    else group.push(item)
  }
  return [...groups.values()].flatMap((group) => cut(group, limits))
}

const cut = (items: ReadonlyArray<DeliveryEvent>, limits: { readonly events: number; readonly bytes: number }) => {
  const chunks: Array<Array<DeliveryEvent>> = []
  let current: Array<DeliveryEvent> = []
  let bytes = envelopeBytes
  for (const item of items) {
    const more = item.bytes + separatorBytes
    if (current.length > 0 && (current.length >= limits.events || bytes + more > limits.bytes)) {
      chunks.push(current)
      current = []
      bytes = envelopeBytes
    }
    current.push(item)
    bytes += more
  }
  if (current.length > 0) chunks.push(current)
  return chunks
}

const separatorBytes = 1
