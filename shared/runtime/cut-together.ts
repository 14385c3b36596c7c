/** Batches of several partitions that were cut together, so that their steps may wait for each other. */
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"

/** So many batches that are cut together: the place of each. */
export const cutTogether = (batches: number): ReadonlyArray<CutTogether> => {
  const cut: Cut = { missing: batches, all: Latch.makeUnsafe(false) }
  return Array.from({ length: batches }, () => new CutTogether(cut))
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
