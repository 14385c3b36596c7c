/** The clock of what lasts or is waited for in this process: nothing sets it back or forward (decision 96). */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"

/**
 * Milliseconds of the monotonic clock, whole ones. Their origin means nothing: only differences of two readings in one process do. Never
 * for what is stored, shown, or compared with the time of a record or of another machine.
 */
export const monotonicMillisUnsafe = (clock: Clock.Clock): number =>
  Math.floor(Number(clock.monotonicTimeNanosUnsafe()) / 1_000_000)

/** As `monotonicMillisUnsafe`, of the clock in the context. */
export const monotonicMillis: Effect.Effect<number> = Effect.withFiber((fiber) =>
  Effect.succeed(monotonicMillisUnsafe(fiber.getRef(Clock.Clock)))
)

/** As `Effect.cachedWithTTL`, which asks the wall clock: a result would stay for as long as that is set back. */
export const cachedFor = <A, E, R>(
  effect: Effect.Effect<A, E, R>,
  life: Duration.Input
): Effect.Effect<Effect.Effect<A, E, R>, never, R> =>
  Effect.map(Effect.cachedInvalidateWithTTL(effect, Duration.infinity), ([cached, invalidate]) => {
    let until = Number.NEGATIVE_INFINITY
    return Effect.flatMap(monotonicMillis, (now) => {
      if (now < until) return cached
      until = now + Duration.toMillis(Duration.fromInputUnsafe(life))
      return Effect.andThen(invalidate, cached)
    })
  })
