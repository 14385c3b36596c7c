/** How large batches and commits are: as configured, or smaller after something took too long. */
import type * as Duration from "effect/Duration"
import type { BatchLimits } from "./contract.ts"

/**
 * How large a partition's batches and commits may be now. What took longer than its transaction or its deadline would take as
 * long when it is repeated, so the limits are halved until it succeeds, and grow again afterwards.
 */
export class AdaptiveBatchLimits implements BatchLimits {
  recordsMax: number
  bytesMax: number
  /** Bytes of outputs that are committed together. */
  commitBytesMax: number
  private readonly full: BatchLimits
  private readonly fullCommitBytes: number
  private halvings = 0
  private isAlone = false
  private commits = 0
  /** Commits at the smaller size before a larger one is tried: doubled by each failure, since each costs a timeout. */
  private commitsToGrow = commitsToGrowMin

  constructor(limits: BatchLimits, commitBytesMax: number) {
    this.full = limits
    this.fullCommitBytes = commitBytesMax
    this.recordsMax = limits.recordsMax
    this.bytesMax = limits.bytesMax
    this.commitBytesMax = commitBytesMax
  }

  get linger(): Duration.Duration {
    return this.full.linger
  }

  get lingersWhileBusy(): boolean {
    return this.full.lingersWhileBusy === true
  }

  /** A step or its commit took too long. Down to one record; the records of the next batches are at most half as many. */
  halve(): void {
    if (this.recordsMax > 1) this.halvings++
    this.commits = 0
    this.commitsToGrow = Math.min(this.commitsToGrow * 2, commitsToGrowMax)
    this.apply()
  }

  /** A commit succeeded. */
  committed(): void {
    if (this.halvings === 0 || ++this.commits < this.commitsToGrow) return
    this.commits = 0
    this.halvings--
    this.apply()
  }

  /** Something took too long of late. */
  get areReduced(): boolean {
    return this.halvings > 0
  }

  /** Each batch is one record, of which one may end the process (`poison.ts`). */
  get takesOneByOne(): boolean {
    return this.isAlone
  }

  /** From now on each batch is one record, or as many as before. */
  processAlone(alone: boolean): void {
    this.isAlone = alone
    this.apply()
  }

  private apply(): void {
    const factor = 2 ** -this.halvings
    const scaled = (value: number) => Math.max(1, Math.floor(value * factor))
    this.recordsMax = this.isAlone ? 1 : scaled(this.full.recordsMax)
    this.bytesMax = scaled(this.full.bytesMax)
    this.commitBytesMax = scaled(this.fullCommitBytes)
  }
}

const commitsToGrowMin = 4
const commitsToGrowMax = 1_024
