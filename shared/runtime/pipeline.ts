/**
 * The batches of one open partition: batches are formed, up to `concurrency` steps run at a time, and complete steps are committed
 * in order, as many as are ready in one transaction. Ends when the intake has ended and every batch is committed.
 */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Latch from "effect/Latch"
import type * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import { KafkaError, type ProducedRecord, type TopicPartition, type TransactionalProducer } from "../kafka/client.ts"
import type { Batch, Outbound, PartitionTask, Processor, RuntimeOptionsShape, Step } from "./contract.ts"
import type { AdaptiveBatchLimits, Intake, TakenBatch } from "./intake.ts"

export interface PipelineOptions<E, R> {
  readonly processor: Processor<E, R>
  readonly task: PartitionTask<E, R>
  readonly producer: TransactionalProducer
  readonly intake: Intake
  readonly groupId: string
  /** The broker's name of the topic. */
  readonly at: TopicPartition
  /** The logical one. */
  readonly topic: string
  readonly runtime: RuntimeOptionsShape
  readonly limits: AdaptiveBatchLimits
  readonly onBatch: (batch: TakenBatch) => void
  readonly onCommitted: (commit: CommitReport) => void
}

export interface CommitReport {
  readonly next: number | null
  readonly steps: number
  readonly outputs: number
  readonly millis: number
}

interface StepInFlight<E> {
  /** Without its records: their buffers are released when the step is complete, some time before it is committed. */
  readonly batch: Omit<TakenBatch, "records">
  exit: Exit.Exit<Step, E | KafkaError> | null
}

interface PipelineState<E> {
  /** In the order of the partition. */
  readonly steps: Array<StepInFlight<E>>
  /** Opened by whatever may allow a commit; closed before the conditions are checked, so no change is missed. */
  readonly changed: Latch.Latch
  readonly uncommitted: Semaphore.Semaphore
  committed: number
  tickDue: boolean
  idleDue: boolean
  intakeEnded: boolean
}

export const runPipeline = <E, R>(options: PipelineOptions<E, R>): Effect.Effect<void, E | KafkaError, R> =>
  Effect.scopedWith((scope) => {
    const state: PipelineState<E> = {
      steps: [],
      changed: Latch.makeUnsafe(false),
      uncommitted: Semaphore.makeUnsafe(options.processor.concurrency + stepsAheadMax),
      committed: options.intake.endOffset,
      tickDue: false,
      idleDue: false,
      intakeEnded: false
    }
    const timers = [every(options.runtime.idleCommitEvery, () => markDue(state, "idleDue"))]
    if (options.task.tick !== undefined) timers.push(every(options.task.tick.every, () => markDue(state, "tickDue")))
    const work = Effect.all([formBatches(options, state, scope), commitSteps(options, state)], {
      concurrency: "unbounded",
      discard: true
    })
    return Effect.raceFirst(work, Effect.all(timers, { concurrency: "unbounded", discard: true }))
  })

/** Complete steps that may wait for the commit of those before, beside the running ones. */
const stepsAheadMax = 8

/** Takes a batch only when a step may start, so that batches are as full as the load makes them. */
const formBatches = <E, R>(options: PipelineOptions<E, R>, state: PipelineState<E>, scope: Scope.Scope) =>
  Effect.gen(function* () {
    const { intake, processor } = options
    const running = Semaphore.makeUnsafe(processor.concurrency)
    while (true) {
      yield* state.uncommitted.take(1)
      yield* running.take(1)
      const taken = yield* intake.take
      if (taken === null) break
      yield* startStep(options, state, running, taken, scope)
    }
    state.intakeEnded = true
    state.changed.openUnsafe()
  })

// A separate function, so that the loop above retains no batch while it waits for the next.
const startStep = <E, R>(
  options: PipelineOptions<E, R>,
  state: PipelineState<E>,
  running: Semaphore.Semaphore,
  taken: TakenBatch,
  scope: Scope.Scope
) => {
  const { processor, task, topic, at } = options
  const step: StepInFlight<E> = { batch: { bytes: taken.bytes, endOffset: taken.endOffset }, exit: null }
  state.steps.push(step)
  options.onBatch(taken)
  const batch: Batch = { topic, partition: at.partition, records: taken.records }
  const buffers = processor.releasesInputBuffers === true ? taken.records.map(({ bufferRef }) => bufferRef) : []
  const complete = (exit: Exit.Exit<Step, E | KafkaError>) =>
    Effect.suspend(() => {
      step.exit = exit
      // After a failure a fiber may still read them.
      if (Exit.isSuccess(exit)) for (const buffer of buffers) buffer?.release()
      state.changed.openUnsafe()
      return running.release(1)
    })
  return withDeadline(processor, task.step(batch)).pipe(Effect.exit, Effect.flatMap(complete), Effect.forkIn(scope))
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

const commitSteps = <E, R>(options: PipelineOptions<E, R>, state: PipelineState<E>) =>
  Effect.gen(function* () {
    const { task } = options
    while (true) {
      state.changed.closeUnsafe()
      const failed = state.steps[0]?.exit
      if (failed !== undefined && failed !== null && Exit.isFailure(failed)) yield* failed
      const tick = state.tickDue ? task.tick : undefined
      state.tickDue = false
      const ticked = tick === undefined ? null : (yield* tick.step).outputs
      // Read after the tick, which may take long, and without suspending: what comes later must not be committed with it.
      const ready = readySteps(state, options.limits.commitBytesMax)
      const idle = (state.idleDue || state.intakeEnded) && nothingWaits(options, state, ready)
      state.idleDue = false
      if (ready.count === 0 && ticked === null && !idle) {
        if (state.intakeEnded && state.steps.length === 0) return
        yield* state.changed.await
        continue
      }
      if (ticked !== null) ready.outputs.push(...ticked)
      yield* commit(options, state, ready, nextOffset(options, state, ready, idle))
    }
  })

interface ReadySteps {
  readonly count: number
  /** Of the steps' batches. */
  readonly inputBytes: number
  readonly outputs: Array<Outbound>
}

/** The complete steps at the front; at least one if the first is complete, then up to the bound in bytes. */
const readySteps = <E>({ steps }: PipelineState<E>, bytesMax: number): ReadySteps => {
  const outputs: Array<Outbound> = []
  let bytes = 0
  let inputBytes = 0
  let count = 0
  while (count < steps.length && bytes < bytesMax) {
    const { exit, batch } = steps[count]!
    if (exit === null || !Exit.isSuccess(exit)) break
    inputBytes += batch.bytes
    for (const output of exit.value.outputs) {
      outputs.push(output)
      bytes += output.value?.length ?? 0
    }
    count++
  }
  return { count, inputBytes, outputs }
}

/**
 * True if everything received so far is skipped or committed with the ready steps. The intake's count decides: a batch that was
 * just taken is not a step yet, and this fiber may run between.
 */
const nothingWaits = <E, R>({ intake }: PipelineOptions<E, R>, state: PipelineState<E>, ready: ReadySteps) =>
  intake.bytesInFlight === ready.inputBytes && intake.endOffset > state.committed

const nextOffset = <E, R>(
  options: PipelineOptions<E, R>,
  state: PipelineState<E>,
  ready: ReadySteps,
  idle: boolean
): number | null => {
  if (idle || (ready.count > 0 && nothingWaits(options, state, ready))) return options.intake.endOffset
  return ready.count > 0 ? state.steps[ready.count - 1]!.batch.endOffset : null
}

const commit = <E, R>(
  options: PipelineOptions<E, R>,
  state: PipelineState<E>,
  ready: ReadySteps,
  next: number | null
) =>
  Effect.gen(function* () {
    const { producer, at, groupId, runtime, intake } = options
    const begun = yield* Clock.currentTimeMillis
    const records = ready.outputs.map((output) => produced(runtime.prefix, output))
    // Uninterruptible: else a revoked partition's next owner could find a transaction that is still open.
    yield* Effect.uninterruptible(
      producer.commit({ records, offsets: next === null ? [] : [{ groupId, ...at, next }] })
    )
    if (next !== null) state.committed = next
    const committed = state.steps.splice(0, ready.count)
    intake.release(committed.reduce((bytes, step) => bytes + step.batch.bytes, 0))
    for (const { exit } of committed) if (exit !== null && Exit.isSuccess(exit)) exit.value.release?.()
    yield* state.uncommitted.release(ready.count)
    const millis = (yield* Clock.currentTimeMillis) - begun
    options.onCommitted({ next, steps: ready.count, outputs: records.length, millis })
  })

/** An output with the broker's name of its topic. */
export const produced = (prefix: string, output: Outbound): ProducedRecord =>
  prefix === "" ? output : { ...output, topic: prefix + output.topic }

const every = (interval: Duration.Duration, act: () => void) =>
  Effect.forever(Effect.andThen(Effect.sleep(interval), Effect.sync(act)))

const markDue = <E>(state: PipelineState<E>, due: "tickDue" | "idleDue") => {
  state[due] = true
  state.changed.openUnsafe()
}
