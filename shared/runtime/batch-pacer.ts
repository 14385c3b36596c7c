/**
 * Hundreds of queues may be due at the same time. Were all of their batches cut at once, all of their events would be in memory, decoded,
 * before the first response is read. So a few are cut, then the event loop takes what has arrived, then the next are, as long as the
 * batches under way are not too large together. What is garbage soon costs little; what is not costs several times as much.
 */

interface Waiting {
  /** Whose batches it has. */
  readonly owner: object | undefined
  /** Its batch may be cut. */
  readonly admit: () => void
}

/** A batch whose step is under way. */
interface UnderWay {
  readonly owner: object | undefined
  readonly bytes: number
}

export class BatchPacer {
  private left = batchesAtOnce
  private readonly waiting = new Set<Waiting>()
  private isScheduled = false
  /** Those that are counted: one that takes long waits for its platform, and no other waits for it. */
  private readonly underWay = new Set<UnderWay>()
  private readonly bytesOf = new Map<object | undefined, number>()
  private bytes = 0
  private timer: NodeJS.Timeout | null = null

  /** Whether its batch may be cut now; if not, it is admitted later. */
  tryAdmit(queue: Waiting): boolean {
    this.schedule()
    if (this.left > 0 && this.waiting.size === 0 && this.hasRoom(queue)) {
      this.left--
      return true
    }
    this.waiting.add(queue)
    return false
  }

  /** A batch of it was cut: it does not wait any more. */
  cut(queue: Waiting): void {
    this.waiting.delete(queue)
  }

  /** A batch is processed from now on. Returns what is to be called when it is done. */
  begin(owner: object | undefined, bytes: number): () => void {
    const batch: UnderWay = { owner, bytes }
    this.underWay.add(batch)
    this.bytes += bytes
    this.bytesOf.set(owner, (this.bytesOf.get(owner) ?? 0) + bytes)
    this.forgetOld()
    return () => this.forget(batch)
  }

  /** Those that are there now and still are after a while; then those that are there then. */
  private forgetOld(): void {
    if (this.timer !== null || this.underWay.size === 0) return
    const old = [...this.underWay]
    this.timer = setTimeout(() => {
      this.timer = null
      for (const batch of old) this.forget(batch)
      this.forgetOld()
    }, countedMillis)
  }

  private forget(batch: UnderWay): void {
    if (!this.underWay.delete(batch)) return
    this.bytes -= batch.bytes
    const left = this.bytesOf.get(batch.owner)! - batch.bytes
    if (left > 0) this.bytesOf.set(batch.owner, left)
    else this.bytesOf.delete(batch.owner)
    if (this.waiting.size > 0) this.schedule()
  }

  /** Its own batches are not waited for here. */
  private hasRoom({ owner }: Waiting): boolean {
    return this.bytes - (this.bytesOf.get(owner) ?? 0) < bytesAtOnce
  }

  private schedule(): void {
    if (this.isScheduled) return
    this.isScheduled = true
    setImmediate(() => {
      this.isScheduled = false
      this.left = batchesAtOnce
      for (const queue of this.waiting) {
        if (this.left === 0) {
          this.schedule()
          break
        }
        if (!this.hasRoom(queue)) continue
        this.left--
        this.waiting.delete(queue)
        queue.admit()
      }
    })
  }
}

/** Connections; each has a batch in several partitions. */
const batchesAtOnce = 8
/** Of records of others, from which on a batch waits. */
const bytesAtOnce = 4 * 1_048_576
const countedMillis = 100
