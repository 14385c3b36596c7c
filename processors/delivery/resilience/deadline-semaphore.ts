import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"

/** Permits that go to the most urgent of those who wait, and among equals to the first: earliest deadline first. */
export interface DeadlineSemaphore {
  /** Runs an effect while it holds a permit. The smaller `deadline`, the sooner its turn comes. */
  readonly withPermit: <A, E, R>(deadline: number, use: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
}

interface Ticket {
  readonly deadline: number
  /** Null where it did not have to wait. */
  readonly called: Deferred.Deferred<void> | null
  /** Whether it holds a permit: whoever leaves with one passes it on. */
  holds: boolean
}

export const makeDeadlineSemaphore = (permits: number): DeadlineSemaphore => new Permits(permits)

class Permits implements DeadlineSemaphore {
  private free: number
  /** By deadline; few, as each waits for a separate batch. */
  private readonly waiting: Array<Ticket> = []

  constructor(permits: number) {
    this.free = permits
  }

  // It waits inside of use, so that one who is interrupted while waiting leaves as well.
  withPermit<A, E, R>(deadline: number, use: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> {
    return Effect.acquireUseRelease(
      Effect.sync(() => this.join(deadline)),
      ({ called }) => (called === null ? use : Effect.andThen(Deferred.await(called), use)),
      (ticket) => Effect.sync(() => this.leave(ticket))
    )
  }

  private join(deadline: number): Ticket {
    const { waiting } = this
    if (this.free > 0 && waiting.length === 0) {
      this.free -= 1
      return { deadline, called: null, holds: true }
    }
    const ticket: Ticket = { deadline, called: Deferred.makeUnsafe<void>(), holds: false }
    const behind = waiting.findIndex((other) => other.deadline > deadline)
    waiting.splice(behind < 0 ? waiting.length : behind, 0, ticket)
    this.call()
    return ticket
  }

  private leave(ticket: Ticket): void {
    if (ticket.holds) this.free += 1
    else this.waiting.splice(this.waiting.indexOf(ticket), 1)
    this.call()
  }

  private call(): void {
    while (this.free > 0) {
      const next = this.waiting.shift()
      if (next === undefined) return
      this.free -= 1
      next.holds = true
      if (next.called !== null) Deferred.doneUnsafe(next.called, Effect.void)
    }
  }
}
