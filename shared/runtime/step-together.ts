/**
 * One step for batches of several partitions of a processor. Each of them commits its part alone. One that is lost meanwhile ends the
 * step, since nothing more may be sent for it; the others then take theirs alone, as they do where the step fails.
 */
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import type { KafkaError } from "../kafka/client.ts"
import type { Batch, PartOfStep, Step } from "./contract.ts"
import type { SmallLatch } from "./small-latch.ts"

/** One partition's part of it. */
export interface SharedPart<E, R> {
  readonly batch: Batch
  /** Open once the step may begin, as far as this partition is concerned; null where it may at once. */
  readonly ready: Pick<SmallLatch, "await" | "isOpen"> | null
  /** The partition belongs to this step. */
  readonly joined: (together: StepTogether<E, R>) => void
  /** The step waits for what opens `ready`. */
  readonly prepare: () => void
  readonly complete: (step: Step) => void
  /** The partition goes on alone with this, or from the start. */
  readonly goOn: (rest: Effect.Effect<Step, E, R> | null) => void
}

/** What the partitions' processor does with their batches. */
type Work<E, R> = (batches: ReadonlyArray<Batch>) => Effect.Effect<ReadonlyArray<PartOfStep<E, R>>, E | KafkaError, R>

export class StepTogether<E, R> {
  /** Those that are neither lost nor on their own. */
  private parts: ReadonlyArray<SharedPart<E, R>>
  private fiber: Fiber.Fiber<ReadonlyArray<PartOfStep<E, R>>, E | KafkaError> | null = null

  constructor(parts: ReadonlyArray<SharedPart<E, R>>) {
    this.parts = parts
    for (const part of parts) part.joined(this)
  }

  /**
   * Begins, in the caller's turn of the event loop. No effect: the fiber that has taken the first batch may be interrupted before its next
   * one, and the other partitions would wait for ever.
   */
  start(work: Work<E, R>, services: Context.Context<R>): void {
    const whole = Effect.suspend(() =>
      this.parts.length === 0 ? Effect.succeed([]) : work(this.parts.map(({ batch }) => batch))
    )
    const all = this.parts
    const isReady = all.every(({ ready }) => ready === null)
    this.fiber = Effect.runForkWith(services)(isReady ? whole : Effect.andThen(this.allReady, whole))
    this.fiber.addObserver((exit) => this.ended(exit))
    // Behind all that, since a partition may be lost by it, which then ends the step for the others.
    for (const part of all) part.prepare()
  }

  /** Its partition is lost: when this has ended, nothing more of it is sent. */
  leave(part: SharedPart<E, R>): Effect.Effect<void> {
    this.parts = this.parts.filter((one) => one !== part)
    return this.fiber === null ? Effect.void : Fiber.interrupt(this.fiber)
  }

  /** Those that are late go on alone: the transaction that says so of one partition must not hold the others up. */
  private readonly allReady: Effect.Effect<void> = Effect.suspend(() => {
    const all = Effect.forEach(this.parts, ({ ready }) => ready?.await ?? Effect.void, { discard: true })
    return Effect.map(Effect.timeoutOption(all, lateMillis), () => {
      const late = this.parts.filter(({ ready }) => ready !== null && !ready.isOpen())
      this.parts = this.parts.filter((part) => !late.includes(part))
      for (const part of late) part.goOn(null)
    })
  })

  private ended(exit: Exit.Exit<ReadonlyArray<PartOfStep<E, R>>, E | KafkaError>): void {
    for (const [index, part] of this.parts.entries()) {
      const result = Exit.isSuccess(exit) ? exit.value[index]! : null
      if (result === null || Effect.isEffect(result)) part.goOn(result)
      else part.complete(result)
    }
  }
}

const lateMillis = 200
