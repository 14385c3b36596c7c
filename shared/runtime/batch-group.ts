/** What the queues of one processor in several partitions have in common: which of their batches are cut together. */
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import { BatchPacer } from "./batch-pacer.ts"
import type { BatchLimits } from "./contract.ts"
import type { Intake, TakenBatch } from "./intake.ts"

/**
 * The queues of one processor in all partitions that this process reads. When a batch of one is due that is not full, the others' are
 * due as well, as far as they would fit into one batch with it: the processor may handle them together (one request).
 */
export class BatchGroup {
  readonly intakes = new Set<Intake>()
  readonly pacer: BatchPacer

  /** @param pacer of all groups of the process */
  constructor(pacer = new BatchPacer()) {
    this.pacer = pacer
  }

  /** A batch of so many records and bytes was cut from `first`. Returns its place among those that are cut with it; null where none are. */
  cutWith(
    first: Intake,
    { records, bytes }: Pick<TakenBatch, "records" | "bytes">,
    limits: BatchLimits
  ): CutTogether | null {
    let recordsLeft = limits.recordsMax - records.length
    let bytesLeft = limits.bytesMax - bytes
    const others: Array<Intake> = []
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
    const cut: Cut = { missing: others.length + 1, all: Latch.makeUnsafe(false) }
    for (const intake of others) intake.cutNow(new CutTogether(cut))
    return new CutTogether(cut)
  }
}

interface Cut {
  /** Steps that are neither where they wait for the others, nor past that. */
  missing: number
  readonly all: Latch.Latch
}

/** One of the batches that are cut together. Its step may have to wait for its partition's transaction before it begins (`isolation.ts`). */
export class CutTogether {
  private readonly cut: Cut
  private hasArrived = false

  constructor(cut: Cut) {
    this.cut = cut
  }

  /** No other waits for this step any more. */
  arrive(): void {
    if (this.hasArrived) return
    this.hasArrived = true
    if (--this.cut.missing === 0) this.cut.all.openUnsafe()
  }

  /** Arrives, and waits for the others; not for long, since one may have failed, or been lost with its partition. */
  readonly others: Effect.Effect<void> = Effect.suspend(() => {
    this.arrive()
    return this.cut.missing === 0 ? Effect.void : Effect.asVoid(Effect.timeoutOption(this.cut.all.await, othersMillis))
  })
}

const othersMillis = 200
