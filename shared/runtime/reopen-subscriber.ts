/** A processor of a shared partition after one of its steps failed. */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Scope from "effect/Scope"
import type { KafkaClient, KafkaError } from "../kafka/client.ts"
import { delayReopening } from "./partition.ts"
import { restoreState } from "./restore-state.ts"
import type { Subscriber } from "./subscriber.ts"

/** Opened again from its last commit, with growing delays. `sharedEnd` is asked when it is open. A defect is not recovered from. */
export const reopen = <E, R>(
  one: Subscriber<E, R>,
  cause: Cause.Cause<E | KafkaError>,
  sharedEnd: () => number
): Effect.Effect<void, never, Exclude<R, Scope.Scope> | KafkaClient> =>
  Effect.gen(function* () {
    const { context, limits, name } = one
    const position = one.queue.committed
    one.queue.discardQueued()
    yield* one.close()
    let failed = cause
    while (true) {
      if (Cause.hasDies(failed)) {
        if (one.isolation !== null) one.isolation.hasDefect = true
        return yield* Effect.failCause(failed as Cause.Cause<never>)
      }
      one.failures++
      yield* delayReopening(context, [name], limits, Cause.squash(failed), one.failures)
      const opened = Effect.gen(function* () {
        const task = yield* one.open(position)
        for (const restore of task.restore ?? []) yield* restoreState(restore, { ...context.input, position })
        return task
      })
      const exit = yield* Effect.exit(opened)
      if (Exit.isSuccess(exit)) return yield* one.start(exit.value, position, sharedEnd()) as Effect.Effect<void>
      yield* one.close()
      failed = exit.cause as Cause.Cause<E | KafkaError>
    }
  }).pipe(Effect.annotateLogs(one.name)) as Effect.Effect<void, never, Exclude<R, Scope.Scope> | KafkaClient>
