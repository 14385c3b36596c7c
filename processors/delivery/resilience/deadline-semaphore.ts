/** Permits that go to the most urgent of those who wait, and among equals to the first: earliest deadline first. */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"

export interface DeadlineSemaphore {
  /** Runs an effect while it holds a permit. The smaller `deadline`, the sooner its turn comes. */
  readonly withPermit: <A, E, R>(deadline: number, use: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
}

interface Ticket {
  readonly deadline: number
  readonly called: Deferred.Deferred<void>
  /** Whether it holds a permit: whoever leaves with one passes it on. */
  holds: boolean
}

export const makeDeadlineSemaphore = (permits: number): DeadlineSemaphore => {
  let free = permits
  /** By deadline; few, as each waits for a separate batch. */
  const waiting: Array<Ticket> = []

  const join = (deadline: number): Ticket => {
    const ticket: Ticket = { deadline, called: Deferred.makeUnsafe<void>(), holds: false }
    const behind = waiting.findIndex((other) => other.deadline > deadline)
    waiting.splice(behind < 0 ? waiting.length : behind, 0, ticket)
    call()
    return ticket
  }
  const leave = (ticket: Ticket): void => {
    if (ticket.holds) free += 1
    else waiting.splice(waiting.indexOf(ticket), 1)
    call()
  }
  const call = (): void => {
    while (free > 0) {
      const next = waiting.shift()
      if (next === undefined) return
      free -= 1
      next.holds = true
      Deferred.doneUnsafe(next.called, Effect.void)
    }
  }

  return {
    // It waits inside of use, so that one who is interrupted while waiting leaves as well.
    withPermit: (deadline, use) =>
      Effect.acquireUseRelease(
        Effect.sync(() => join(deadline)),
        (ticket) => Effect.andThen(Deferred.await(ticket.called), use),
        (ticket) => Effect.sync(() => leave(ticket))
      )
  }
}
