/**
 * The steps of one processor in one partition: batches are taken from its intake, and up to `concurrency` steps run at a time. How large
 * batches and commits are: as configured, or smaller after something took too long.
 */
import type * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Latch from "effect/Latch"
import * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import { KafkaError } from "../kafka/client.ts"
import type { Batch, BatchLimits, Outbound, PartitionTask, Processor, Step } from "./contract.ts"
import type { Intake, TakenBatch } from "./intake.ts"
import type { PartitionRequests, StepRequests } from "./requests.ts"

export interface StepQueueOptions<E, R> {
  readonly processor: Processor<E, R>
  readonly task: PartitionTask<E, R>
  readonly intake: Intake
  /** The next offset that is not committed yet; by default the intake's position. */
  readonly committed?: number
  /** The logical name. */
  readonly topic: string
  readonly partition: number
  /** @param isFirst no other step is under way, or waits for its commit */
  readonly onBatch: (batch: TakenBatch, isFirst: boolean) => void
  /** A step is complete, or no more will come. */
  readonly onChange: () => void
  /** Of the partition. */
  readonly requests: PartitionRequests
}

interface StepInFlight<E> {
  /** The buffers of its records are released when the step is complete, which is some time before it is committed. */
  readonly batch: Pick<TakenBatch, "bytes" | "endOffset">
  readonly requests: StepRequests
  exit: Exit.Exit<Step, E | KafkaError> | null
}

/** Complete steps at the front of the queue, for one transaction. */
export interface ReadySteps {
  readonly count: number
  /** Of the steps' batches. */
  readonly inputBytes: number
  /** Of the outputs. */
  readonly bytes: number
  readonly outputs: Array<Outbound>
  /** Of the last step that says it (`Step`). */
  readonly writtenAt?: number | undefined
}

export const nothingReady: ReadySteps = { count: 0, inputBytes: 0, bytes: 0, outputs: [] }

/** Complete steps that may wait for the commit of those before, beside the running ones. */
const stepsAheadMax = 8

export class StepQueue<E, R> {
  readonly options: StepQueueOptions<E, R>
  /** The next offset that is not committed yet. */
  committed: number
  /** No batch will come any more. */
  intakeEnded = false
  /** In the order of the partition. */
  private readonly steps: Array<StepInFlight<E>> = []
  private readonly uncommittedMax: number
  /** Opened when fewer are uncommitted. */
  private readonly room = Latch.makeUnsafe(false)
  private failed: Exit.Failure<Step, E | KafkaError> | null = null

  constructor(options: StepQueueOptions<E, R>) {
    this.options = options
    this.committed = options.committed ?? options.intake.endOffset
    this.uncommittedMax = options.processor.concurrency + stepsAheadMax
  }

  /** Takes a batch only when a step may start, so that batches are as full as the load makes them. Ends with the intake. */
  readonly run = (scope: Scope.Scope): Effect.Effect<void, KafkaError, R> =>
    Effect.gen({ self: this }, function* () {
      const { intake, processor, onChange } = this.options
      const running = processor.concurrency === 1 ? null : Semaphore.makeUnsafe(processor.concurrency)
      yield* Scope.addFinalizer(
        scope,
        Effect.sync(() => {
          for (const { requests } of this.steps) requests.settle()
        })
      )
      while (true) {
        while (this.steps.length >= this.uncommittedMax) {
          this.room.closeUnsafe()
          yield* this.room.await
        }
        if (running !== null) yield* running.take(1)
        const taken = yield* intake.take
        if (taken === null) break
        if (running === null) yield* this.workAlone(taken)
        else yield* Effect.forkIn(Effect.andThen(this.work(taken), running.release(1)), scope)
      }
      this.intakeEnded = true
      onChange()
    })

  /** Where one runs at a time it needs no separate fiber. Behind one that failed none begins: it would be repeated with it. */
  private workAlone(taken: TakenBatch): Effect.Effect<void, never, R> {
    return Effect.flatMap(this.work(taken), (exit) => {
      if (!Exit.isSuccess(exit)) return Effect.never
      // The commit of this one may begin before the next.
      return this.options.intake.isEmpty ? Effect.void : Effect.yieldNow
    })
  }

  // A separate method, so that the loop above holds no batch while it waits for the next.
  private work(taken: TakenBatch): Effect.Effect<Exit.Exit<Step, E | KafkaError>, never, R> {
    const { processor, task, topic, partition, onBatch, onChange } = this.options
    const requests = this.options.requests.step()
    const step: StepInFlight<E> = { batch: { bytes: taken.bytes, endOffset: taken.endOffset }, requests, exit: null }
    this.steps.push(step)
    onBatch(taken, this.steps.length === 1)
    const { records, together } = taken
    const batch: Batch = { topic, partition, records, requests, ...(together === null ? {} : { together }) }
    const buffers = processor.releasesInputBuffers === true ? taken.records.map(({ bufferRef }) => bufferRef) : []
    return Effect.map(Effect.exit(withDeadline(processor, task.step(batch))), (exit) => {
      step.exit = exit
      together?.arrive()
      taken.done()
      // After a failure a fiber of the step may still use them.
      if (Exit.isSuccess(exit)) for (const buffer of buffers) buffer?.release()
      else requests.settle()
      onChange()
      return exit
    })
  }

  get isEmpty(): boolean {
    return this.steps.length === 0
  }

  /** Makes the queue fail as if its first step had. */
  fail(cause: Cause.Cause<E | KafkaError>): void {
    this.failed = Exit.failCause(cause) as Exit.Failure<Step, E | KafkaError>
  }

  /** The failure of the first step that is not committed. */
  get failure(): Exit.Failure<Step, E | KafkaError> | null {
    if (this.failed !== null) return this.failed
    const exit = this.steps[0]?.exit
    return exit !== undefined && exit !== null && Exit.isFailure(exit) ? exit : null
  }

  /** The complete steps at the front; at least one if the first is complete, then up to the bound in bytes. */
  ready(bytesMax: number): ReadySteps {
    const outputs: Array<Outbound> = []
    let bytes = 0
    let inputBytes = 0
    let count = 0
    let writtenAt: number | undefined
    while (count < this.steps.length && bytes < bytesMax) {
      const { exit, batch } = this.steps[count]!
      if (exit === null || !Exit.isSuccess(exit)) break
      inputBytes += batch.bytes
      writtenAt = exit.value.writtenAt ?? writtenAt
      for (const output of exit.value.outputs) {
        outputs.push(output)
        bytes += output.value?.length ?? 0
      }
      count++
    }
    return { count, inputBytes, bytes, outputs, writtenAt }
  }

  /** No further step can begin or end before these are committed. */
  isFull(ready: ReadySteps): boolean {
    const { intake } = this.options
    if (ready.count < this.steps.length) return false
    return ready.count >= this.uncommittedMax || (intake.paused && intake.isEmpty)
  }

  /**
   * True if, except for what was skipped, everything received until now is committed with the ready steps. The intake's own
   * count decides: a batch that was just taken is not a step yet, and the committing fiber may run between.
   */
  nothingWaits(ready: ReadySteps): boolean {
    const { intake } = this.options
    return intake.bytesInFlight === ready.inputBytes && intake.endOffset > this.committed
  }

  /** What a commit of these steps makes the next offset; with `idle`, of skipped records too. Null: as it is. */
  nextOffset(ready: ReadySteps, idle: boolean): number | null {
    if (idle || (ready.count > 0 && this.nothingWaits(ready))) return this.options.intake.endOffset
    return ready.count > 0 ? this.steps[ready.count - 1]!.batch.endOffset : null
  }

  /** The ready steps are committed. Returns the bytes of input that are no longer in flight. */
  settle(ready: ReadySteps, next: number | null): number {
    if (next !== null) this.committed = next
    const committed = this.steps.splice(0, ready.count)
    const bytes = committed.reduce((sum, step) => sum + step.batch.bytes, 0)
    this.options.intake.release(bytes)
    for (const { exit, requests } of committed) {
      if (exit !== null && Exit.isSuccess(exit)) exit.value.release?.()
      requests.settle()
    }
    this.room.openUnsafe()
    return bytes
  }
}

/** Fails with `timeout` past the processor's deadline, so that the partition is opened again; without one it waits for ever. */
const withDeadline = <A, E, R, E2, R2>(
  { stepDeadline }: Pick<Processor<E2, R2>, "stepDeadline">,
  step: Effect.Effect<A, E, R>
): Effect.Effect<A, E | KafkaError, R> =>
  stepDeadline === undefined
    ? step
    : Effect.timeoutOrElse(step, { duration: stepDeadline, orElse: () => Effect.fail(stuckStep(stepDeadline)) })

const stuckStep = (deadline: Duration.Duration) =>
  new KafkaError({
    code: "timeout",
    operation: "work",
    message: `A step took longer than ${Duration.format(deadline)}.`,
    nextStep: "The partition is opened again by itself; look at the registry and the machine's load if this repeats.",
    cause: null
  })

/**
 * How large a partition's batches and commits may be now. What took longer than its transaction or its deadline would take as
 * long when it is repeated, so the limits are halved until it succeeds, and grow again afterwards.
 */
export class AdaptiveBatchLimits implements BatchLimits {
  readonly linger: Duration.Duration
  readonly lingersWhileBusy: boolean
  recordsMax: number
  bytesMax: number
  /** Bytes of outputs that are committed together. */
  commitBytesMax: number
  private readonly full: BatchLimits & { readonly commitBytesMax: number }
  private halvings = 0
  private isAlone = false
  private commits = 0
  /** Commits at the smaller size before a larger one is tried: doubled by each failure, since each costs a timeout. */
  private commitsToGrow = commitsToGrowMin

  constructor(limits: BatchLimits, commitBytesMax: number) {
    this.full = { ...limits, commitBytesMax }
    this.linger = limits.linger
    this.lingersWhileBusy = limits.lingersWhileBusy === true
    this.recordsMax = limits.recordsMax
    this.bytesMax = limits.bytesMax
    this.commitBytesMax = commitBytesMax
  }

  /** A step or its commit took too long. Down to one record; the records of the next batches are at most half as many. */
  halve(): void {
    if (this.recordsMax > 1) this.halvings++
    this.commits = 0
    this.commitsToGrow = Math.min(this.commitsToGrow * 2, commitsToGrowMax)
    this.apply()
  }

  /** A commit succeeded. */
  committed(): void {
    if (this.halvings === 0 || ++this.commits < this.commitsToGrow) return
    this.commits = 0
    this.halvings--
    this.apply()
  }

  /** From now on each batch is one record, or as many as before. */
  processAlone(alone: boolean): void {
    this.isAlone = alone
    this.apply()
  }

  private apply(): void {
    const factor = 2 ** -this.halvings
    const scaled = (value: number) => Math.max(1, Math.floor(value * factor))
    this.recordsMax = this.isAlone ? 1 : scaled(this.full.recordsMax)
    this.bytesMax = scaled(this.full.bytesMax)
    this.commitBytesMax = scaled(this.full.commitBytesMax)
  }
}

const commitsToGrowMin = 4
const commitsToGrowMax = 1_024
