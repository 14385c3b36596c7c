/**
 * What fibers wait for until it is open. Effect's latch has closures and effects made in advance, some 600 bytes; hundreds of connections have
 * several each, of which hardly any is ever waited for.
 */
import * as Effect from "effect/Effect"

type Resume = (effect: Effect.Effect<void>) => void

export class SmallLatch {
  private open: boolean
  private waiting: Array<Resume> | null = null

  constructor(isOpen: boolean) {
    this.open = isOpen
  }

  isOpen(): boolean {
    return this.open
  }

  /** All who wait go on. */
  openUnsafe(): void {
    this.open = true
    const { waiting } = this
    // Who goes on may close it, and wait again.
    this.waiting = null
    if (waiting !== null) for (const resume of waiting) resume(Effect.void)
  }

  closeUnsafe(): void {
    this.open = false
  }

  /** Until it is open. */
  get await(): Effect.Effect<void> {
    return Effect.callback<void>((resume) => {
      if (this.open) {
        resume(Effect.void)
        return undefined
      }
      this.waiting ??= []
      this.waiting.push(resume)
      return Effect.sync(() => this.forget(resume))
    })
  }

  private forget(resume: Resume): void {
    const index = this.waiting?.indexOf(resume) ?? -1
    if (index >= 0) this.waiting!.splice(index, 1)
  }
}
