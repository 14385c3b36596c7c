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
