/**
 * A record that ends its process each time, in a partition that many processors share (`poison.ts` says the same of one that a processor
 * has for itself). Each processor's stored position says how often its records were begun and not committed. From two ends on its next
 * batch is processed alone in the process; where that ends it as well, its records are processed one by one; the one that does it again
 * becomes a dead letter. A step may wait for its platform for hours, and a process that is killed meanwhile says nothing of it: the
 * mark of what runs alone is removed after a few seconds, in which a record that loops, throws or takes all memory has done so.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import type { AdaptiveBatchLimits } from "./adaptive-limits.ts"
import type { Batch, Inbound, PartitionTask } from "./contract.ts"
import { endsMax, logPoison } from "./poison.ts"
import { SmallLatch } from "./small-latch.ts"

/** What a stored position says of the records behind it. */
export interface BegunRecords {
  /** So often were they begun by processes that ended before they committed. */
  readonly times: number
  /** Offset of the last record of a batch that was processed alone in its process; null where none was. */
  readonly to: number | null
  /** Offset of a record that was processed alone; null where none was. */
  readonly record: number | null
}

export const nothingBegun: BegunRecords = { times: 0, to: null, record: null }

/** A separate object each time: what is stored is compared with what is to be. */
const begunOnce = (): BegunRecords => ({ times: 1, to: null, record: null })

/** How long a step may keep all others of its process from starting, in milliseconds. What takes longer waits for its platform. */
const aloneMillis = 5_000
const permits = 1_000_000

/** Of a process: what runs alone takes all, the first steps of processors that were in flight at one end take one each. */
export const AloneInProcess = Context.Reference<Semaphore.Semaphore>("shared/runtime/AloneInProcess", {
  defaultValue: () => Semaphore.makeUnsafe(permits)
})

/** Whose records these are. */
interface IsolatedSubscriber {
  readonly processor: { readonly name: string }
  readonly limits: AdaptiveBatchLimits
  /** The position is to be stored with the next commit, though it has not moved. */
  storePosition(): void
  onPoison(record: Inbound): void
}

/** Of an opening, what the steps of a processor run with. */
interface Opening {
  readonly subscriber: IsolatedSubscriber
  readonly alone: Semaphore.Semaphore
  /** Ends with the opening. */
  readonly scope: Scope.Scope
}

/** Of a processor in a partition, for as long as this process has the partition. */
export class Isolation {
  /** What this process found at the position; what it stores itself says nothing of an end. */
  private position = -1
  private found = nothingBegun
  /** Stored with the position from now on, and what is stored with it. */
  private mark = nothingBegun
  private markStored = nothingBegun
  /** When the commit that is under way began. */
  private markBefore = nothingBegun
  private opening: Opening | null = null
  /** Nothing is to be marked until the next opening. */
  private isProven = true
  /** The offset of the last record that is processed alone and not committed yet. */
  private aloneTo = -1
  private held: { readonly count: number; readonly to: number; readonly alone: Semaphore.Semaphore } | null = null
  /** A step had a defect: the process ends by it, and the mark stays. */
  hasDefect = false
  private readonly stored = new SmallLatch(false)
  private readonly committed = new SmallLatch(true)

  /** Guards the steps of an opening; a task without `poison` is left as it is. */
  guard<E, R>(
    task: PartitionTask<E, R>,
    position: number,
    begun: BegunRecords,
    opening: Opening
  ): Pick<PartitionTask<E, R>, "step"> {
    const { poison } = task
    if (poison === undefined) return task
    this.opening = opening
    if (this.position !== position) {
      this.position = position
      this.found = begun
      this.mark = begun
      this.markStored = begun
    }
    this.isProven = false
    this.aloneTo = -1
    opening.subscriber.limits.processAlone(this.found.to !== null)
    return { step: (batch) => (this.isProven && this.aloneTo < 0 ? task.step(batch) : this.guardedStep(task, batch)) }
  }

  /** What is stored with a position: the next offset, or null where it has not moved. */
  markOf(next: number | null): BegunRecords {
    this.markBefore = this.mark
    return next === null ? this.mark : this.after(next)
  }

  /** A commit stored this mark, which `markOf` gave. */
  onCommitted(next: number | null, mark: BegunRecords): Effect.Effect<void> {
    return Effect.suspend(() => {
      this.markStored = mark
      if (next === null) {
        if (mark === this.mark) this.stored.openUnsafe()
        return Effect.void
      }
      this.position = next
      this.found = mark
      // That of a step that began meanwhile is still to be stored.
      if (this.mark === this.markBefore) this.mark = mark
      if (mark.to === null) {
        this.opening?.subscriber.limits.processAlone(false)
        if (this.aloneTo >= 0) this.isProven = true
      }
      if (this.aloneTo < next) {
        this.aloneTo = -1
        this.committed.openUnsafe()
      }
      return this.held !== null && this.held.to < next ? this.release() : Effect.void
    })
  }

  /** What is to be stored where the process lives on, as nothing was ended by a record; null where that is stored already. */
  leftBehindAt(position: number): BegunRecords | null {
    return this.hasDefect || this.mark === this.found || this.position !== position ? null : this.found
  }

  // While records are taken one by one, whoever comes after goes on with that.
  private after(next: number): BegunRecords {
    const { to } = this.found
    return to !== null && next <= to ? { times: endsMax, to, record: null } : nothingBegun
  }

  /** Whether its next batch may be handled together with others': none of its records is suspected. */
  get mayShare(): boolean {
    return this.aloneTo < 0 && (this.isProven || this.found.times === 0)
  }

  /** Such a batch begins. Returns what is open once its mark is stored (`storeMark`); null where there is nothing to store. */
  beginShared(): SmallLatch | null {
    if (this.isProven) return null
    this.isProven = true
    if (this.isMarked) return null
    if (this.mark === this.found) this.setMark(begunOnce())
    return this.stored
  }

  /** Its first step comes soon: the mark is stored with those that the steps of others wait for. False where there is nothing to store. */
  markAhead(): boolean {
    if (this.isProven || this.found.times > 0 || this.mark !== this.found) return false
    this.setMark(begunOnce())
    return true
  }

  /** The commit may begin at once, and with it whatever its end leads to: the partition may be closed when this returns. */
  storeMark(): void {
    this.opening!.subscriber.storePosition()
  }

  /** This opening's first step is stored already: it was opened again after a failed step. */
  private get isMarked(): boolean {
    return this.mark === this.markStored && this.mark.times === this.found.times + 1
  }

  private guardedStep<E, R>(task: PartitionTask<E, R>, batch: Batch) {
    return Effect.gen({ self: this }, function* () {
      // What comes behind is processed once that is committed: else its end would be taken for its.
      while (this.aloneTo >= 0) {
        this.committed.closeUnsafe()
        if (this.aloneTo >= 0) yield* this.committed.await
      }
      if (this.isProven) return yield* task.step(batch)
      const { times, to, record } = this.found
      const { subscriber } = this.opening!
      const first = batch.records[0]!
      const last = batch.records[batch.records.length - 1]!.offset
      if (times < endsMax) {
        this.isProven = true
        if (times > 0) yield* this.hold(1, last)
        if (!this.isMarked) yield* this.write({ times: times + 1, to: null, record: null })
        return yield* task.step(batch)
      }
      this.aloneTo = last
      if (record === first.offset) {
        subscriber.onPoison(first)
        yield* Effect.annotateLogs(logPoison(first.offset), { processor: subscriber.processor.name })
        return yield* task.poison!(first)
      }
      yield* this.hold(permits, last)
      const isOneByOne = to !== null && first.offset <= to
      yield* this.write({ times, to: isOneByOne ? to : last, record: isOneByOne ? first.offset : null })
      return yield* task.step(batch)
    })
  }

  /** Stores the mark before what follows it. */
  private write(mark: BegunRecords): Effect.Effect<void> {
    return Effect.suspend(() => {
      this.setMark(mark)
      this.storeMark()
      return this.stored.await
    })
  }

  private setMark(mark: BegunRecords): void {
    this.mark = mark
    this.stored.closeUnsafe()
  }

  private hold(count: number, to: number): Effect.Effect<void> {
    const { alone, scope, subscriber } = this.opening!
    return Effect.uninterruptibleMask((restore) =>
      Effect.gen({ self: this }, function* () {
        yield* restore(alone.take(count))
        const held = { count, to, alone }
        this.held = held
        const tooLong = Effect.suspend(() => {
          if (this.held !== held) return Effect.void
          if (count > 1) {
            this.mark = { times: this.found.times, to: this.found.to, record: null }
            subscriber.storePosition()
          }
          return this.release()
        })
        yield* Effect.forkIn(Effect.delay(tooLong, aloneMillis), scope)
      })
    )
  }

  /** What runs alone is over, or its opening is. */
  release(): Effect.Effect<void> {
    return Effect.suspend(() => {
      if (this.held === null) return Effect.void
      const { alone, count } = this.held
      this.held = null
      return Effect.asVoid(alone.release(count))
    })
  }
}
