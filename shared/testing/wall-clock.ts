/** A wall clock that a test sets, while nothing else of the test's clock moves. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"

export interface WallClock {
  readonly clock: Clock.Clock
  /** How far it is ahead of the test's clock; below 0 where it is behind. */
  aheadMillis: number
}

/** Sleeps and the monotonic clock stay those of the test's clock. */
const makeWallClock: Effect.Effect<WallClock> = Effect.clockWith((of) =>
  Effect.sync(() => {
    const now = () => of.currentTimeMillisUnsafe() + wall.aheadMillis
    const clock: Clock.Clock = Object.create(of, {
      currentTimeMillisUnsafe: { value: now },
      currentTimeMillis: { value: Effect.sync(now) }
    })
    const wall: WallClock = { clock, aheadMillis: 0 }
    return wall
  })
)

/** What `use` does by a wall clock that is set meanwhile. */
export const withWallClock = <A, E, R>(use: (wall: WallClock) => Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.flatMap(makeWallClock, (wall) => Effect.provideService(use(wall), Clock.Clock, wall.clock))

/** A clock that is set back, and one that is set forward, by a day. */
export const clocksSet = [
  ["back", -86_400_000],
  ["forward", 86_400_000]
] as const
