/** Timers that let an idle program sleep: each time that a process wakes up costs more than what it then does. */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Latch from "effect/Latch"
import type { Tick } from "./contract.ts"

/** Acts so often from when the latch is open until `act` finds nothing left to do: who has nothing to do sets no timer. */
export const everyWhile = (interval: Duration.Duration, due: Latch.Latch, act: () => boolean): Effect.Effect<never> =>
  Effect.forever(
    Effect.gen(function* () {
      yield* due.await
      yield* Effect.sleep(interval)
      if (!act()) due.closeUnsafe()
    })
  )

/** When the next tick is due. */
export const untilTick = <E, R>({ every, due }: Tick<E, R>): Effect.Effect<void> =>
  Effect.andThen(due === undefined ? Effect.void : due.await, Effect.sleep(every))

/**
 * Sleeps until the clock's next multiple of the interval, at most for the interval: what is done equally often in many places is done at the
 * same time.
 */
export const untilNext = (interval: Duration.Duration): Effect.Effect<void> =>
  Effect.flatMap(Clock.currentTimeMillis, (now) => {
    const millis = Duration.toMillis(interval)
    return Effect.sleep(millis - (now % millis))
  })

/** A latch of one waiter, who waits no longer than a time: by a timer alone, since hundreds of queues wait like this for each batch. */
export class TimedLatch {
  private readonly clock: Clock.Clock
  private isOpen = false
  private wake: (() => void) | null = null

  constructor(clock: Clock.Clock) {
    this.clock = clock
  }

  open(): void {
    this.isOpen = true
    this.wake?.()
  }

  close(): void {
    this.isOpen = false
  }

  /** Until it is open; for at most so many milliseconds, where these are above 0 and finite. */
  await(millis: number): Effect.Effect<void> {
    return Effect.callback<void>((resume) => {
      if (this.isOpen) {
        resume(Effect.void)
        return undefined
      }
      const timer =
        millis > 0 && millis < Number.POSITIVE_INFINITY
          ? Effect.runFork(this.clock.sleep(Duration.millis(millis)))
          : null
      const wake = () => {
        if (this.wake !== wake) return
        this.wake = null
        timer?.interruptUnsafe()
        resume(Effect.void)
      }
      this.wake = wake
      timer?.addObserver(wake)
      return Effect.sync(() => {
        if (this.wake === wake) this.wake = null
        timer?.interruptUnsafe()
      })
    })
  }
}
