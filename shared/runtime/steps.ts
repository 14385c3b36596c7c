/**
 * The steps of one processor in one partition: batches are taken from its intake, and up to `concurrency` steps run at a time; or one with
 * those of other partitions (`step-together.ts`).
 */
import type * as Cause from "effect/Cause"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Latch from "effect/Latch"
import * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import type { KafkaError } from "../kafka/client.ts"
import type { BatchGroup, GroupedQueue } from "./batch-group.ts"
import type { Batch, PartitionTask, Processor, Step } from "./contract.ts"
import type { Intake, TakenBatch } from "./intake.ts"
import type { Isolation } from "./isolation.ts"
import { OrderedSteps, type ReadySteps, type StepInFlight } from "./ordered-steps.ts"
import type { PartitionRequests } from "./requests.ts"
import { withDeadline } from "./step-deadline.ts"
import { type SharedPart, StepTogether } from "./step-together.ts"

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
  /** The processor's queues in other partitions, where it takes steps together. */
  readonly group?: BatchGroup<E, R> | undefined
  readonly isolation?: Isolation
}

/** Complete steps that may wait for the commit of those before, beside the running ones. */
const stepsAheadMax = 8

export class StepQueue<E, R> extends OrderedSteps<E> implements GroupedQueue<E, R> {
  readonly options: StepQueueOptions<E, R>
  /** No batch will come any more. */
  intakeEnded = false
  private readonly uncommittedMax: number
  /** Opened when fewer are uncommitted. */
  private readonly room = Latch.makeUnsafe(false)
  private failed: Exit.Failure<Step, E | KafkaError> | null = null
  /** Its last batch is handled with those of other partitions. */
  private together: { readonly step: StepTogether<E, R>; readonly part: SharedPart<E, R> } | null = null
  private isShared = false
  private services!: Context.Context<R>
  private scope!: Scope.Scope

  constructor(options: StepQueueOptions<E, R>) {
    super(options.intake, options.committed ?? options.intake.endOffset)
    this.options = options
    this.uncommittedMax = options.processor.concurrency + stepsAheadMax
  }

  /** Takes a batch only when a step may start, so that batches are as full as the load makes them. Ends with the intake. */
  readonly run = (scope: Scope.Scope): Effect.Effect<void, KafkaError, R> =>
    Effect.gen({ self: this }, function* () {
      const { group, processor, onChange } = this.options
      const running = processor.concurrency === 1 ? null : Semaphore.makeUnsafe(processor.concurrency)
      this.services = yield* Effect.context<R>()
      this.scope = scope
      group?.queues.add(this)
      yield* Scope.addFinalizer(scope, this.left)
      do {
        while (this.steps.length >= this.uncommittedMax) {
          this.room.closeUnsafe()
          yield* this.room.await
        }
        if (running !== null) yield* running.take(1)
      } while (yield* this.takeOne(running))
      this.intakeEnded = true
      onChange()
    })

  /**
   * Whether there was a batch. A separate effect: a generator that waits keeps what its variables had, so that the loop above would keep the
   * last batch of each queue until its next one.
   */
  private takeOne(running: Semaphore.Semaphore | null): Effect.Effect<boolean, KafkaError, R> {
    return Effect.flatMap(this.options.intake.take, (taken) => {
      if (taken === null) return Effect.succeed(false)
      if (running !== null)
        return Effect.as(Effect.forkIn(Effect.andThen(this.work(taken), running.release(1)), this.scope), true)
      return this.workTogether(taken) ? Effect.succeed(true) : Effect.as(this.workAlone(taken), true)
    })
  }

  /** Where one runs at a time it needs no separate fiber. Behind one that failed none begins: it would be repeated with it. */
  private workAlone(taken: TakenBatch): Effect.Effect<void, never, R> {
    return Effect.flatMap(this.work(taken), (exit) => {
      if (!Exit.isSuccess(exit)) return Effect.never
      // The commit of this one may begin before the next.
      return this.options.intake.isEmpty ? Effect.void : Effect.yieldNow
    })
  }

  private work(taken: TakenBatch): Effect.Effect<Exit.Exit<Step, E | KafkaError>, never, R> {
    const { batch, ended } = this.begin(taken)
    return Effect.map(this.exitOf(batch), ended)
  }

  private exitOf(batch: Batch): Effect.Effect<Exit.Exit<Step, E | KafkaError>, never, R> {
    const { processor, task } = this.options
    return Effect.exit(withDeadline(processor, task.step(batch)))
  }

  /** A step begins. Returns its batch, and what is to be called with its end. */
  private begin(taken: TakenBatch) {
    const { processor, topic, partition, onBatch, onChange } = this.options
    const requests = this.options.requests.step()
    const step: StepInFlight<E> = { batch: { bytes: taken.bytes, endOffset: taken.endOffset }, requests, exit: null }
    this.steps.push(step)
    onBatch(taken, this.steps.length === 1)
    const { records, done } = taken
    const batch: Batch = { topic, partition, records, requests }
    const buffers = processor.releasesInputBuffers === true ? records.map(({ bufferRef }) => bufferRef) : []
    const ended = <X extends Exit.Exit<Step, E | KafkaError>>(exit: X): X => {
      step.exit = exit
      done()
      // After a failure a fiber of the step may still use them.
      if (Exit.isSuccess(exit)) for (const buffer of buffers) buffer?.release()
      else requests.settle()
      onChange()
      return exit
    }
    return { batch, ended }
  }

  /** Begins a step of this batch and those of other partitions that are due as well; false where it is to be taken alone. */
  private workTogether(taken: TakenBatch): boolean {
    const { group, intake, isolation, processor } = this.options
    const { stepTogether } = processor
    if (group === undefined || stepTogether === undefined || isolation?.mayShare === false) return false
    const others = group.idleBeside(this, taken, intake.limits)
    if (others.length === 0) return false
    const together = new StepTogether([this.partOf(taken), ...others.map((one) => one.share())])
    together.start((batches) => withDeadline(processor, stepTogether(batches)), this.services)
    return true
  }

  get isIdle(): boolean {
    const { intake, isolation } = this.options
    return intake.isTakenFrom && !intake.isEmpty && this.failed === null && isolation?.mayShare !== false
  }

  get queued(): { readonly records: number; readonly bytes: number } {
    return this.options.intake.queued
  }

  share(): SharedPart<E, R> {
    return this.partOf(this.options.intake.cut())
  }

  /** This partition's part of a step with others: its queue waits for its end. */
  private partOf(taken: TakenBatch): SharedPart<E, R> {
    const { batch, ended } = this.begin(taken)
    const ready = this.options.isolation?.beginShared() ?? null
    const complete = (exit: Exit.Exit<Step, E | KafkaError>): void => {
      this.together = null
      // Behind one that failed none begins.
      this.isShared = Exit.isFailure(exit)
      ended(exit)
      this.holdIfNeeded()
    }
    const alone = () => (ready === null ? this.exitOf(batch) : Effect.andThen(ready.await, this.exitOf(batch)))
    const part: SharedPart<E, R> = {
      batch,
      ready,
      joined: (step) => {
        this.together = { step, part }
      },
      prepare: () => {
        if (ready !== null) this.options.isolation!.storeMark()
      },
      complete: (step) => complete(Exit.succeed(step)),
      goOn: (rest) => {
        this.together = null
        const work = Effect.map(rest === null ? alone() : Effect.exit(rest), complete)
        Effect.runForkWith(this.services)(Effect.forkIn(work, this.scope))
      }
    }
    this.isShared = true
    this.holdIfNeeded()
    return part
  }

  /** The fiber that waits for the next batch does not look at steps with others. */
  private holdIfNeeded(): void {
    this.options.intake.hold(this.isShared || this.steps.length >= this.uncommittedMax)
  }

  /** The partition is closed. */
  private readonly left: Effect.Effect<void> = Effect.suspend(() => {
    const { group } = this.options
    group?.queues.delete(this)
    const settled = Effect.sync(() => this.settleRequests())
    return this.together === null ? settled : Effect.andThen(this.together.step.leave(this.together.part), settled)
  })

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

  /** No further step can begin or end before these are committed. */
  isFull(ready: ReadySteps): boolean {
    const { intake } = this.options
    if (ready.count < this.steps.length) return false
    return ready.count >= this.uncommittedMax || (intake.paused && intake.isEmpty)
  }

  override wrote(ready: ReadySteps): number {
    const bytes = super.wrote(ready)
    this.room.openUnsafe()
    if (this.options.group !== undefined) this.holdIfNeeded()
    return bytes
  }
}
