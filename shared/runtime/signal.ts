/** Wakes one waiting fiber from plain code. A notice that comes before the wait isn't lost. */
import type * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"

export class Signal {
  private readonly latch = Latch.makeUnsafe(false)
  readonly wait: Effect.Effect<void> = this.latch.await

  notify(): void {
    this.latch.openUnsafe()
  }

  /** Before looking at the condition that `notify` announces. */
  reset(): void {
    this.latch.closeUnsafe()
  }
}
