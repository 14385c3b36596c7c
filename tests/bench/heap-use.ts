/** What a run allocated, by the heap's size before and after each collection. */
import type { GCProfilerResult } from "node:v8"

export interface HeapUse {
  /** Bytes for each event. */
  readonly allocated: number
  /** Bytes for each event that a young collection moved to the old generation. */
  readonly promoted: number
  /** Collections in 100,000 events. */
  readonly young: number
  readonly whole: number
}

export const collected = ({ statistics }: GCProfilerResult, events: number): HeapUse => {
  let allocated = 0
  let promoted = 0
  let young = 0
  let whole = 0
  let last: number | null = null
  for (const { gcType, beforeGC, afterGC } of statistics) {
    if (last !== null) allocated += Math.max(0, beforeGC.heapStatistics.usedHeapSize - last)
    last = afterGC.heapStatistics.usedHeapSize
    if (gcType.startsWith("Scavenge")) {
      young++
      promoted += Math.max(0, oldBytes(afterGC) - oldBytes(beforeGC))
    } else whole++
  }
  const each = 100_000 / events
  return { allocated: allocated / events, promoted: promoted / events, young: young * each, whole: whole * each }
}

type Heap = GCProfilerResult["statistics"][number]["afterGC"]

const oldBytes = ({ heapSpaceStatistics }: Heap): number =>
  heapSpaceStatistics.find(({ spaceName }) => spaceName === "old_space")?.spaceUsedSize ?? 0
