/**
 * Hundreds of queues may be due at the same time. Were all of their batches cut at once, all of their events would be in memory, decoded,
 * before the first response is read. So a few are cut, then the event loop takes what has arrived, then the next are.
 */

interface Waiting {
  /** Its batch may be cut. */
  readonly admit: () => void
}

export class BatchPacer {
  private left = batchesAtOnce
  private readonly waiting = new Set<Waiting>()
  private isScheduled = false

  /** Whether its batch may be cut now; if not, it is admitted later. */
  tryAdmit(queue: Waiting): boolean {
    this.schedule()
    if (this.left > 0 && this.waiting.size === 0) {
      this.left--
      return true
    }
    this.waiting.add(queue)
    return false
  }

  private schedule(): void {
    if (this.isScheduled) return
    this.isScheduled = true
    setImmediate(() => {
      this.isScheduled = false
      this.left = batchesAtOnce
      for (const queue of this.waiting) {
        if (this.left === 0) break
        this.left--
        this.waiting.delete(queue)
        queue.admit()
      }
      if (this.waiting.size > 0) this.schedule()
    })
  }
}

/** Connections; each has a batch in several partitions. */
const batchesAtOnce = 8
