/** What the queues of one processor in several partitions have in common: which of their batches are cut together. */
import { BatchPacer } from "./batch-pacer.ts"
import type { BatchLimits } from "./contract.ts"
import { type CutTogether, cutTogether } from "./cut-together.ts"

/** A queue of the processor. */
interface GroupedQueue {
  /** A batch is waited for. */
  readonly isTakenFrom: boolean
  readonly isEmpty: boolean
  readonly queued: { readonly records: number; readonly bytes: number }
  /** What is queued goes out as a batch at once. */
  readonly cutNow: (together: CutTogether) => void
}

/**
 * The queues of one processor in all partitions that this process reads. When a batch of one is due that is not full, the others' are
 * due as well, as far as they would fit into one batch with it: the processor may handle them together (one request).
 */
export class BatchGroup {
  readonly intakes = new Set<GroupedQueue>()
  readonly pacer: BatchPacer

  /** @param pacer of all groups of the process */
  constructor(pacer = new BatchPacer()) {
    this.pacer = pacer
  }

  /** A batch of so many records and bytes was cut from `first`. Returns its place among those that are cut with it; null where none are. */
  cutWith(
    first: GroupedQueue,
    { records, bytes }: { readonly records: ReadonlyArray<unknown>; readonly bytes: number },
    limits: BatchLimits
  ): CutTogether | null {
    let recordsLeft = limits.recordsMax - records.length
    let bytesLeft = limits.bytesMax - bytes
    const others: Array<GroupedQueue> = []
    for (const intake of this.intakes) {
      if (recordsLeft <= 0) break
      if (intake === first || !intake.isTakenFrom || intake.isEmpty) continue
      const queued = intake.queued
      if (queued.records > recordsLeft || queued.bytes > bytesLeft) continue
      recordsLeft -= queued.records
      bytesLeft -= queued.bytes
      others.push(intake)
    }
    if (others.length === 0) return null
    const [own, ...places] = cutTogether(others.length + 1)
    for (const [index, intake] of others.entries()) intake.cutNow(places[index]!)
    return own!
  }
}
