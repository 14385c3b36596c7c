/**
 * The batches of one open partition: batches are formed, up to `concurrency` steps run at a time, and complete steps are committed
 * in order, as many as are ready in one transaction; in a backlog a transaction stays open for more of them (decision 88). Ends when the
 * intake has ended and every batch is committed.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Latch from "effect/Latch"
import * as Semaphore from "effect/Semaphore"
import type { KafkaError, ProducedRecord, TopicPartition, TransactionalProducer } from "../kafka/client.ts"
import { monotonicMillis } from "../model/monotonic.ts"
import type { AdaptiveBatchLimits } from "./adaptive-limits.ts"
import type { Outbound, PartitionTask, Processor, RuntimeOptionsShape } from "./contract.ts"
import type { Intake, TakenBatch } from "./intake.ts"
import { nothingReady, type ReadySteps } from "./ordered-steps.ts"
import { PartitionTransaction } from "./partition-transaction.ts"
import type { PartitionRequests } from "./requests.ts"
import { StepQueue } from "./steps.ts"
import { everyWhile, untilTick } from "./timers.ts"
import { TransactionPace } from "./transaction-pace.ts"

interface PipelineOptions<E, R> {
  readonly processor: Processor<E, R>
  readonly task: PartitionTask<E, R>
  readonly producer: TransactionalProducer
  readonly intake: Intake
  readonly requests: PartitionRequests
  readonly groupId: string
  /** The broker's name of the topic. */
  readonly at: TopicPartition
  /** The logical one. */
  readonly topic: string
  readonly runtime: RuntimeOptionsShape
  readonly limits: AdaptiveBatchLimits
  readonly onBatch: (batch: TakenBatch) => void
  readonly onCommitted: (commit: CommitReport) => void
  /** Stored with the next committed offset. */
  readonly metadata?: () => string
}

export interface CommitReport {
  readonly next: number | null
  readonly steps: number
  readonly outputs: number
  readonly millis: number
}

interface PipelineState<E, R> {
  readonly steps: StepQueue<E, R>
  /** Opened by whatever may allow a commit; closed before the conditions are checked, so no change is missed. */
  readonly changed: Latch.Latch
  tickDue: boolean
  idleDue: boolean
}

export const runPipeline = <E, R>(options: PipelineOptions<E, R>): Effect.Effect<void, E | KafkaError, R> =>
  Effect.scopedWith((scope) => {
    const { processor, task, intake, topic, at, runtime, onBatch, requests } = options
    const changed = Latch.makeUnsafe(false)
    const onChange = () => void changed.openUnsafe()
    const { partition } = at
    const steps = new StepQueue({ processor, task, intake, topic, partition, onBatch, onChange, requests })
    const state: PipelineState<E, R> = { steps, changed, tickDue: false, idleDue: false }
    const { tick } = task
    const timers = [
      everyWhile(runtime.idleCommitEvery, intake.received, () => {
        const isBehind = intake.endOffset > steps.committed
        if (isBehind) markDue(state, "idleDue")
        return isBehind
      })
    ]
    if (tick !== undefined) {
      const act = Effect.sync(() => markDue(state, "tickDue"))
      timers.push(Effect.forever(Effect.andThen(untilTick(tick), act)))
    }
    const work = Effect.all([steps.run(scope), commitSteps(options, state)], {
      concurrency: "unbounded",
      discard: true
    })
    return Effect.raceFirst(work, Effect.all(timers, { concurrency: "unbounded", discard: true }))
  })

const commitSteps = <E, R>(options: PipelineOptions<E, R>, state: PipelineState<E, R>) => {
  const transaction = new PartitionTransaction(options.producer)
  return Effect.ensuring(commitIn(transaction, options, state), transaction.abort)
}

const commitIn = <E, R>(
  transaction: PartitionTransaction,
  options: PipelineOptions<E, R>,
  state: PipelineState<E, R>
): Effect.Effect<void, E | KafkaError, R> =>
  Effect.gen(function* () {
    const { limits } = options
    const { steps } = state
    const pace = new TransactionPace()
    while (true) {
      state.changed.closeUnsafe()
      if (steps.failure !== null) {
        // What is complete before the step that failed is not repeated.
        if (transaction.isOpen)
          yield* commit(options, steps, transaction, nothingReady, steps.nextOffset(nothingReady, false))
        yield* steps.failure
      }
      const isHurried = steps.intakeEnded || limits.takesOneByOne
      const wait = isHurried ? 0 : pace.millisLeft(yield* monotonicMillis, steps.isAtEnd)
      if (wait > 0) {
        const enoughBytes = Math.min(pace.enoughBytes, limits.commitBytesMax)
        if (waitsForMore(steps, enoughBytes)) {
          yield* Effect.timeoutOption(state.changed.await, wait)
          continue
        }
        if (yield* writeComplete(options, steps, transaction, pace)) continue
      }
      if (yield* commitDue(options, state, transaction, pace)) continue
      if (steps.intakeEnded && steps.isEmpty) return
      yield* state.changed.await
    }
  })

/**
 * Commits what is complete, and what the tick gives where it is due. Whether there was anything. Separate from the loop, whose generator keeps
 * what its variables had for as long as it waits: the outputs of the last transaction.
 */
const commitDue = <E, R>(
  options: PipelineOptions<E, R>,
  state: PipelineState<E, R>,
  transaction: PartitionTransaction,
  pace: TransactionPace
) =>
  Effect.gen(function* () {
    const { task, limits } = options
    const { steps } = state
    const tick = state.tickDue ? task.tick : undefined
    state.tickDue = false
    const outputs = tick === undefined ? [] : (yield* tick.step).outputs
    const ticked = outputs.length === 0 ? null : outputs
    // Read after the tick, which may take long, and without suspending: what comes later must not be committed with it.
    const ready = steps.ready(limits.commitBytesMax)
    const idle = (state.idleDue || steps.intakeEnded) && steps.nothingWaits(ready)
    state.idleDue = false
    if (ready.count === 0 && ticked === null && !idle && !transaction.isOpen) return false
    if (ticked !== null) ready.outputs.push(...ticked)
    const { millis, writtenAt } = yield* commit(options, steps, transaction, ready, steps.nextOffset(ready, idle))
    const isKnown = writtenAt !== undefined && writtenAt > 0
    pace.ended(yield* monotonicMillis, millis, isKnown ? (yield* Clock.currentTimeMillis) - writtenAt : 0)
    return true
  })

/** Whether what is complete is no large transaction yet, and may become one. */
const waitsForMore = <E, R>(steps: StepQueue<E, R>, enoughBytes: number): boolean => {
  const ready = steps.ready(enoughBytes)
  return ready.bytes < enoughBytes && !steps.isFull(ready)
}

/** Writes the outputs of complete steps without committing them, where the transaction may stay open: their memory is free from then on. */
const writeComplete = <E, R>(
  { limits, runtime }: PipelineOptions<E, R>,
  steps: StepQueue<E, R>,
  transaction: PartitionTransaction,
  pace: TransactionPace
): Effect.Effect<boolean, KafkaError> =>
  Effect.suspend(() => {
    const complete = steps.ready(limits.commitBytesMax)
    const bytes = transaction.bytesWith(complete)
    const mayStayOpen = transaction.committedBytes >= runtime.commitSoonBytes && !limits.areReduced
    if (complete.count === 0 || bytes >= pace.openBytesMax || !mayStayOpen) return Effect.succeed(false)
    const records = complete.outputs.map((output) => produced(runtime.prefix, output))
    return Effect.map(transaction.write(complete, records), () => {
      steps.wrote(complete)
      return true
    })
  })

const commit = <E, R>(
  { at, groupId, runtime, metadata, onCommitted }: PipelineOptions<E, R>,
  steps: StepQueue<E, R>,
  transaction: PartitionTransaction,
  ready: ReadySteps,
  next: number | null
) =>
  Effect.gen(function* () {
    const records = ready.outputs.map((output) => produced(runtime.prefix, output))
    const offsets = next === null ? [] : [{ groupId, ...at, next, metadata: metadata?.() ?? "" }]
    const held = yield* transaction.commit(ready, records, offsets)
    steps.settle(ready, next)
    onCommitted({ next, steps: held.steps, outputs: held.outputs, millis: held.millis })
    return held
  })

/** An output with the broker's name of its topic. */
export const produced = (prefix: string, output: Outbound): ProducedRecord =>
  prefix === "" ? output : { ...output, topic: prefix + output.topic }

const markDue = <E, R>(state: PipelineState<E, R>, due: "tickDue" | "idleDue") => {
  state[due] = true
  state.changed.openUnsafe()
}

type Append = (records: ReadonlyArray<Outbound>) => Effect.Effect<void, KafkaError>

/** Appends to a transactional producer: calls that wait for a running transaction go out together in the next one. */
export const appendTogether = (producer: TransactionalProducer, prefix: string): Append =>
  writeTogether((outputs) =>
    Effect.uninterruptible(producer.commit({ records: outputs.map((output) => produced(prefix, output)), offsets: [] }))
  )

/** One write at a time: calls that wait for it go out together in the next one. */
export const writeTogether = (write: Append): Append => {
  const oneAtATime = Semaphore.makeUnsafe(1)
  let waiting: Array<{ readonly records: ReadonlyArray<Outbound>; exit: Exit.Exit<void, KafkaError> | null }> = []
  return (records) =>
    Effect.suspend(() => {
      const call: (typeof waiting)[number] = { records, exit: null }
      waiting.push(call)
      const turn = oneAtATime.withPermits(1)(
        Effect.suspend(() => {
          if (call.exit !== null) return call.exit
          const together = waiting
          waiting = []
          return Effect.onExit(write(together.flatMap((entry) => entry.records)), (exit) =>
            Effect.sync(() => {
              // The others write again what one that was interrupted wrote for them.
              if (Exit.hasInterrupts(exit)) waiting.unshift(...together.filter((entry) => entry !== call))
              else for (const entry of together) entry.exit = exit
            })
          )
        })
      )
      // Its caller is gone: a send intent, say, must not be written for a request that is never made.
      return Effect.onInterrupt(turn, () =>
        Effect.sync(() => {
          waiting = waiting.filter((entry) => entry !== call)
        })
      )
    })
}
