/** Timers that let an idle program sleep: each time that a process wakes up costs more than what it then does. */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import { monotonicMillisUnsafe } from "../model/monotonic.ts"
import type { Tick } from "./contract.ts"

/** Acts so often from when the latch is open until `act` finds nothing left to do: who has nothing to do sets no timer. */
export const everyWhile = (
  interval: Duration.Duration,
  due: { readonly await: Effect.Effect<void>; closeUnsafe(): unknown },
  act: () => boolean
): Effect.Effect<never> =>
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

/**
 * A latch of one waiter, who waits no longer than a time. Hundreds of queues wait like this for each batch, most of them until the same
 * millisecond: these share a timer.
 */
export class TimedLatch {
  isOpen = false
  private readonly clock: Clock.Clock
  private resume: ((effect: Effect.Effect<void>) => void) | null = null
  private alarm: Alarm | null = null

  constructor(clock: Clock.Clock) {
    this.clock = clock
  }

  open(): void {
    this.isOpen = true
    this.wake()
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
      this.resume = resume
      if (millis > 0 && millis < Number.POSITIVE_INFINITY) this.alarm = Alarm.after(this.clock, millis, this)
      return this.giveUp
    })
  }

  /** Its waiter goes on. */
  wake(): void {
    const { resume } = this
    this.stopWaiting()
    resume?.(Effect.void)
  }

  private stopWaiting(): void {
    this.resume = null
    this.alarm?.leave(this)
    this.alarm = null
  }

  private readonly giveUp = Effect.sync(() => this.stopWaiting())
}

/** A timer of all that wait until the same millisecond of a clock. */
class Alarm {
  private static readonly ofClocks = new WeakMap<Clock.Clock, Map<number, Alarm>>()
  private readonly alarms: Map<number, Alarm>
  private readonly at: number
  private readonly waiting = new Set<TimedLatch>()
  private readonly timer: Fiber.Fiber<void>

  private constructor(clock: Clock.Clock, alarms: Map<number, Alarm>, at: number, millis: number) {
    this.alarms = alarms
    this.at = at
    alarms.set(at, this)
    this.timer = Effect.runFork(clock.sleep(Duration.millis(millis)))
    this.timer.addObserver(() => this.ring())
  }

  static after(clock: Clock.Clock, millis: number, latch: TimedLatch): Alarm {
    const known = Alarm.ofClocks.get(clock)
    const alarms = known ?? new Map<number, Alarm>()
    if (known === undefined) Alarm.ofClocks.set(clock, alarms)
    const at = monotonicMillisUnsafe(clock) + millis
    const alarm = alarms.get(at) ?? new Alarm(clock, alarms, at, millis)
    alarm.waiting.add(latch)
    return alarm
  }

  /** The last one ends the timer, so that it wakes no idle program. */
  leave(latch: TimedLatch): void {
    if (!this.waiting.delete(latch) || this.waiting.size > 0 || this.alarms.get(this.at) !== this) return
    this.alarms.delete(this.at)
    this.timer.interruptUnsafe()
  }

  /** Who waits again meanwhile gets another alarm. */
  private ring(): void {
    if (this.alarms.get(this.at) === this) this.alarms.delete(this.at)
    for (const latch of this.waiting) latch.wake()
  }
}
