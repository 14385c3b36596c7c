/**
 * The queue and the steps of one processor of a shared partition, made with its first record: most of hundreds of connections get none
 * for hours, least of all delayed retries. Until then only their numbers are kept.
 */
import * as Cause from "effect/Cause"
import type * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { FetchedRecord, KafkaError } from "../kafka/client.ts"
import type { Outbound, Tick } from "./contract.ts"
import type { Intake } from "./intake.ts"
import { nothingReady, type ReadySteps } from "./ordered-steps.ts"
import type { StepQueue } from "./steps.ts"
import { untilTick } from "./timers.ts"

export interface MadeQueue<E, R> {
  readonly intake: Intake
  readonly steps: StepQueue<E, R>
}

/** Makes the queue of a processor, without suspending. */
interface QueueMaker<E, R> {
  makeQueue(from: { readonly committed: number; readonly endOffset: number }): MadeQueue<E, R>
}

export class LazyQueue<E, R> {
  private made: MadeQueue<E, R> | null = null
  private readonly maker: QueueMaker<E, R>
  /** Until it is made: the next offset that is not committed, and the offset after everything that was read. */
  private position: number
  private readTo: number
  private lastHighWatermark = 0
  private hasEnded = false
  /** What was only skipped may be committed. */
  idleDue = false

  constructor(position: number, maker: QueueMaker<E, R>) {
    this.position = position
    this.readTo = position
    this.maker = maker
  }

  /** Null before the first record. */
  get intake(): Intake | null {
    return this.made?.intake ?? null
  }

  ensure(): void {
    if (this.made !== null) return
    this.made = this.maker.makeQueue(this)
    if (this.hasEnded) this.made.intake.end()
  }

  get bytesInFlight(): number {
    return this.made?.intake.bytesInFlight ?? 0
  }

  get highWatermark(): number {
    return this.made?.intake.highWatermark ?? this.lastHighWatermark
  }

  /** The offset after everything that was read for it. */
  get endOffset(): number {
    return this.made?.intake.endOffset ?? this.readTo
  }

  /** The next offset that is not committed yet. */
  get committed(): number {
    return this.made?.steps.committed ?? this.position
  }

  /** Whether steps are under way, or wait for their commit. */
  get hasSteps(): boolean {
    return this.made?.steps.isEmpty === false
  }

  /** It has ended, and nothing is in flight. */
  get isDrained(): boolean {
    return this.made === null ? this.hasEnded : this.made.steps.intakeEnded && this.made.steps.isEmpty
  }

  /** The failure of the first step that is not committed. */
  get failure(): Exit.Failure<unknown, E | KafkaError> | null {
    return this.made?.steps.failure ?? null
  }

  /** As of `Intake`. */
  add(records: ReadonlyArray<FetchedRecord>, isPacked: boolean): number {
    this.ensure()
    return this.made!.intake.add(records, isPacked)
  }

  /** As of `Intake`. */
  read(endOffset: number, highWatermark: number): void {
    if (this.made !== null) this.made.intake.read(endOffset, highWatermark)
    else if (!this.hasEnded) {
      this.readTo = endOffset
      this.lastHighWatermark = highWatermark
    }
  }

  /** Discards what is queued. Returns the offset of its first record; null if there was none. */
  discardQueued(): number | null {
    return this.made?.intake.discardQueued() ?? null
  }

  /** No more batches. */
  end(): void {
    this.hasEnded = true
    this.made?.intake.end()
  }

  /** What may be committed now, and the next offset then; null: as it is. */
  takeReady(bytesMax: number): { readonly ready: ReadySteps; readonly next: number | null } {
    const isDue = this.idleDue
    this.idleDue = false
    if (this.made === null) {
      const hasMoved = (isDue || this.hasEnded) && this.readTo > this.position
      return { ready: nothingReady, next: hasMoved ? this.readTo : null }
    }
    const { steps } = this.made
    const ready = steps.ready(bytesMax)
    const idle = (isDue || steps.intakeEnded) && steps.nothingWaits(ready)
    return { ready, next: steps.nextOffset(ready, idle) }
  }

  /** That was committed. Returns the bytes of input that are no longer in flight. */
  settle(ready: ReadySteps, next: number | null): number {
    if (this.made !== null) return this.made.steps.settle(ready, next)
    if (next !== null) this.position = next
    return 0
  }
}

/** Runs what does not suspend, with the scheduler of the program, which what it forks keeps (`runSync` has another). */
export const runNow = <A, R>(effect: Effect.Effect<A, never, R>, services: Context.Context<R>): A => {
  const exit = Effect.runForkWith(services)(effect).pollUnsafe()
  if (exit === undefined || !Exit.isSuccess(exit)) throw new Error("A queue could not be made at once.")
  return exit.value
}

/** Outputs of a tick that are not committed yet. */
export interface Ticked {
  readonly outputs: ReadonlyArray<Outbound>
  readonly committed: Deferred.Deferred<void>
}

/** One tick after the other: the next begins when the outputs of the one before are committed. */
export const runTicks = <E, R>(
  tick: Tick<E, R>,
  steps: StepQueue<E, R>,
  changed: () => void,
  holder: { ticked: Ticked | null }
): Effect.Effect<void, never, R> =>
  Effect.forever(
    Effect.gen(function* () {
      yield* untilTick(tick)
      const { outputs } = yield* tick.step
      if (outputs.length === 0) return
      const committed = yield* Deferred.make<void>()
      holder.ticked = { outputs, committed }
      changed()
      yield* Deferred.await(committed)
    })
  ).pipe(
    Effect.catchCause((cause) =>
      Effect.sync(() => {
        if (Cause.hasInterruptsOnly(cause)) return
        steps.fail(cause)
        changed()
      })
    )
  )
