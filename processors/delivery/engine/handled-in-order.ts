/** What is noticed at once and handled in the background, one after the other: with a fiber while there is something to handle. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"

/** Returns what takes a value to handle. Nothing is handled any more once the scope is closed. */
export const handledInOrder = <A, R>(
  handle: (value: A) => Effect.Effect<void, never, R>
): Effect.Effect<(value: A) => void, never, R | Scope.Scope> =>
  Effect.map(Effect.context<R | Scope.Scope>(), (services) => {
    const waiting: Array<A> = []
    let isRunning = false
    const handleNext: Effect.Effect<void, never, R> = Effect.suspend(() => {
      const value = waiting.shift()
      isRunning = value !== undefined
      return value === undefined ? Effect.void : Effect.andThen(handle(value), handleNext)
    })
    return (value) => {
      waiting.push(value)
      if (isRunning) return
      isRunning = true
      Effect.runForkWith(services)(Effect.forkScoped(handleNext))
    }
  })
