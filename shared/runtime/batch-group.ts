/** What the queues of one processor in several partitions have in common: which of their batches are handled together. */
import { BatchPacer } from "./batch-pacer.ts"
import type { BatchLimits } from "./contract.ts"
import type { SharedPart } from "./step-together.ts"

/** A queue of the processor. */
export interface GroupedQueue<E, R> {
  /** Something is queued, and nothing keeps a batch of it from being cut. */
  readonly isIdle: boolean
  readonly queued: { readonly records: number; readonly bytes: number }
  /** Cuts what is queued, for a step with others. */
  readonly share: () => SharedPart<E, R>
}

/**
 * The queues of one processor in all partitions that this process reads. When a batch of one is due that is not full, the others' are
 * due as well, as far as they would fit into one batch with it: the processor handles them together (one step, one request).
 */
export class BatchGroup<E = never, R = never> {
  readonly queues = new Set<GroupedQueue<E, R>>()
  readonly pacer: BatchPacer

  /** @param pacer of all groups of the process */
  constructor(pacer = new BatchPacer()) {
    this.pacer = pacer
  }

  /** A batch of so many records and bytes was cut from `first`. Returns the queues whose batches are handled with it. */
  idleBeside(
    first: GroupedQueue<E, R>,
    { records, bytes }: { readonly records: ReadonlyArray<unknown>; readonly bytes: number },
    limits: BatchLimits
  ): ReadonlyArray<GroupedQueue<E, R>> {
    let recordsLeft = limits.recordsMax - records.length
    let bytesLeft = limits.bytesMax - bytes
    const others: Array<GroupedQueue<E, R>> = []
    for (const queue of this.queues) {
      if (recordsLeft <= 0) break
      if (queue === first || !queue.isIdle) continue
      const { queued } = queue
      if (queued.records > recordsLeft || queued.bytes > bytesLeft) continue
      recordsLeft -= queued.records
      bytesLeft -= queued.bytes
      others.push(queue)
    }
    return others
  }
}
