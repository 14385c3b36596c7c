/** One assigned partition: opened, processed, and after any failure opened again, until it is revoked or drained. */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Random from "effect/Random"
import type * as Scope from "effect/Scope"
import { type FetchedRecord, KafkaClient, KafkaError, type Member, type TopicPartition } from "../kafka/client.ts"
import { monotonicMillis } from "../model/monotonic.ts"
import { AdaptiveBatchLimits } from "./adaptive-limits.ts"
import type { PartitionTask, Processor, RuntimeOptionsShape } from "./contract.ts"
import { isTooSlow, logFailure, needsOperator } from "./failures.ts"
import { Intake } from "./intake.ts"
import type { Observe } from "./metrics.ts"
import { type GroupMemory, openMemory } from "./partition-memory.ts"
import { appendTogether, runPipeline } from "./pipeline.ts"
import { guardAgainstPoison, type OpeningMemory } from "./poison.ts"
import { PartitionRequests } from "./requests.ts"
import { logOf, positionIn, restoreState } from "./restore-state.ts"
import { failOnStall } from "./stall.ts"

/** A partition that a member of a group was assigned. */
export interface AssignedContext {
  readonly groupId: string
  readonly member: Member
  readonly runtime: RuntimeOptionsShape
  readonly observe: Observe
  /** The broker's name of the topic. */
  readonly at: TopicPartition
  /** The logical one. */
  readonly topic: string
  /** What the member's partitions may have in flight together. */
  readonly memory: GroupMemory
  /** The member doesn't fetch as it should; opening the partition again wouldn't help. */
  readonly onStalled: (error: KafkaError) => void
}

interface PartitionContext<E, R> extends AssignedContext {
  readonly processor: Processor<E, R>
}

/** Where the records of a partition go. */
export interface RecordSink {
  readonly push: (records: ReadonlyArray<FetchedRecord>, endOffset: number, highWatermark: number) => void
  readonly fail: (error: KafkaError) => void
  /** Takes nothing more; what is in flight is finished. */
  readonly end: () => void
}

/** What the group's side does to a partition; plain calls, because kafkajs's callbacks make them. */
export class PartitionHandle {
  /** How many partitions the topic had when this one was opened; null before. */
  partitions: number | null = null
  readonly requests = new PartitionRequests()
  private sink: RecordSink | null = null
  private draining = false

  /** From now on the member's records go here. */
  open(sink: RecordSink): void {
    this.sink = sink
    if (this.draining) sink.end()
  }

  push(records: ReadonlyArray<FetchedRecord>, endOffset: number, highWatermark: number): void {
    this.sink?.push(records, endOffset, highWatermark)
  }

  gap(expected: number, found: number): void {
    this.fail(missingRecords(expected, found))
  }

  /** Nothing more comes until the partition is opened again. */
  fail(error: KafkaError): void {
    this.sink?.fail(error)
  }

  /** Lets the steps in flight finish and commit; takes nothing new. */
  drain(): void {
    this.draining = true
    this.sink?.end()
  }

  /** The partition failed; what it held is discarded. */
  close(): void {
    this.sink = null
  }

  /** Whether there may be steps in flight. */
  get isOpen(): boolean {
    return this.sink !== null
  }

  get isDraining(): boolean {
    return this.draining
  }
}

/** Ends normally only when drained. A defect is not recovered from: it ends the processor. */
export const runPartition = <E, R>(
  context: PartitionContext<E, R>,
  handle: PartitionHandle
): Effect.Effect<void, never, Exclude<R, Scope.Scope> | KafkaClient> => {
  const { processor, runtime } = context
  const limits = new AdaptiveBatchLimits(processor.batch, runtime.commitBytesMax)
  const memory: OpeningMemory = { known: null }
  return keepOpen(context, [processor.name], handle, limits, (onCommitted) =>
    openAndProcess(context, handle, limits, memory, onCommitted)
  )
}

/** Opens the partition of these processors, and after each failure again, with growing delays; see `runPartition`. */
export const keepOpen = <E, R>(
  context: AssignedContext,
  processors: ReadonlyArray<string>,
  handle: PartitionHandle,
  limits: AdaptiveBatchLimits,
  open: (onCommitted: () => void) => Effect.Effect<void, E | KafkaError, R>
): Effect.Effect<void, never, R> => {
  const { topic, at, observe, member } = context
  const names = () => processors.map((processor) => ({ processor, topic, partition: at.partition }))
  return Effect.gen(function* () {
    let failures = 0
    const onCommitted = () => {
      failures = 0
      limits.committed()
    }
    while (true) {
      const exit = yield* Effect.exit(open(onCommitted))
      if (Exit.isSuccess(exit) || handle.isDraining) return
      if (Cause.hasDies(exit.cause) || !Cause.hasFails(exit.cause)) {
        return yield* Effect.failCause(exit.cause as Cause.Cause<never>)
      }
      handle.close()
      member.pause(at)
      failures++
      yield* delayReopening(context, names(), limits, Cause.squash(exit.cause), failures)
    }
  }).pipe(
    Effect.ensuring(
      Effect.sync(() => {
        for (const name of names()) observe({ type: "closed", ...name })
      })
    ),
    Effect.annotateLogs({ topic, partition: at.partition, ...(processors.length === 1 ? names()[0] : {}) })
  )
}

/** After the `failures`-th failure in a row: halves what was too slow, reports the failure, and waits as long as it takes. */
export const delayReopening = (
  { runtime, observe }: Pick<AssignedContext, "runtime" | "observe">,
  names: ReadonlyArray<{ readonly processor: string; readonly topic: string; readonly partition: number }>,
  limits: AdaptiveBatchLimits,
  failure: unknown,
  failures: number
): Effect.Effect<void> =>
  Effect.gen(function* () {
    if (isTooSlow(failure)) limits.halve()
    const delay = needsOperator(failure) ? runtime.reopenDelayMax : yield* reopenDelay(runtime, failures)
    const reason = failure instanceof Error ? failure.message : String(failure)
    const delayMillis = Duration.toMillis(delay)
    for (const name of names) observe({ type: "reopening", ...name, reason, failures, delayMillis })
    yield* logFailure(failure, failures).pipe(Effect.annotateLogs({ reason, failures, delayMillis }))
    yield* Effect.sleep(delay)
  })

/**
 * The order makes steps exactly once: the transactional id is claimed first, which fences the owner before and ends its
 * transaction; only then is the committed offset read; then state is restored, and records are read from there.
 */
const openAndProcess = <E, R>(
  context: PartitionContext<E, R>,
  handle: PartitionHandle,
  limits: AdaptiveBatchLimits,
  memory: OpeningMemory,
  onCommitted: () => void
): Effect.Effect<void, E | KafkaError, Exclude<R, Scope.Scope> | KafkaClient> =>
  Effect.scoped(
    Effect.gen(function* () {
      const { processor, groupId, at, topic, runtime, observe, member } = context
      const client = yield* KafkaClient
      const begun = yield* monotonicMillis
      const producer = yield* client.transactional(`${groupId}.${at.topic}.${at.partition}`)
      const { metadata, position, partitions } = yield* startPosition(context)
      handle.partitions = partitions
      const append = appendTogether(producer, runtime.prefix)
      const task = yield* processor.open({ topic, partition: at.partition, partitions, position, append })
      for (const restore of task.restore ?? [])
        yield* restoreState(restore, { at, prefix: runtime.prefix, position, partitions })

      const name = { processor: processor.name, topic, partition: at.partition }
      let committed = position
      const bytesInFlightMax = Math.min(
        runtime.bytesInFlightMax,
        processor.bytesInFlightMax ?? Number.POSITIVE_INFINITY
      )
      const share = yield* openMemory(context.memory, bytesInFlightMax)
      const intake = new Intake({
        position,
        topic,
        limits,
        accept: processor.accept,
        bytesInFlightMax,
        memory: share,
        clock: yield* Clock.Clock,
        pause: () => member.pause(at),
        resume: () => member.resume(at),
        onReceived: () => observeProgress()
      })
      const observeProgress = () =>
        observe({
          type: "progress",
          ...name,
          lag: Math.max(0, intake.highWatermark - committed),
          bytesInFlight: intake.bytesInFlight,
          paused: intake.paused
        })
      handle.open(intake)
      member.seek(at, position)
      observe({ type: "opened", ...name, position, millis: (yield* monotonicMillis) - begun })

      const guard = guardAgainstPoison({
        ...{ processor, task: task as PartitionTask<E, R>, producer, groupId, at, position, metadata, memory, limits },
        onPoison: ({ offset }) => observe({ type: "poison", ...name, offset })
      })
      const pipeline = runPipeline<E | KafkaError, R>({
        processor,
        task: guard.task,
        metadata: guard.metadata,
        producer,
        intake,
        requests: handle.requests,
        groupId,
        at,
        topic,
        runtime,
        limits,
        onBatch: ({ records, bytes }) => {
          observe({ type: "batch", ...name, records: records.length, bytes })
          observeProgress()
        },
        onCommitted: (commit) => {
          committed = commit.next ?? committed
          guard.onCommitted(commit.next)
          onCommitted()
          observe({ type: "committed", ...name, ...commit })
          observeProgress()
        }
      })
      const stalled = failOnStall(at, intake, runtime.stallCheckEvery).pipe(
        Effect.tapError((error) => Effect.sync(() => context.onStalled(error)))
      )
      yield* Effect.onExit(Effect.raceFirst(pipeline, stalled), guard.close)
    })
  ) as Effect.Effect<void, E | KafkaError, Exclude<R, Scope.Scope> | KafkaClient>

const startPosition = <E, R>(context: PartitionContext<E, R>) =>
  Effect.gen(function* () {
    const { at, groupId, processor } = context
    const client = yield* KafkaClient
    const offsets = yield* client.committedOfGroups([groupId], [at.topic])
    const committed = offsets.find((found) => found.partition === at.partition)
    const { log, partitions } = yield* logOf(at)
    const position = yield* positionIn(log, committed?.offset ?? null, context, processor.name)
    return { position, partitions, metadata: position === committed?.offset ? committed.metadata : "" }
  })

/** Doubles from the shortest to the longest, and up to half of it at random, so that partitions don't return in step. */
const reopenDelay = (
  { reopenDelayMin, reopenDelayMax }: RuntimeOptionsShape,
  failures: number
): Effect.Effect<Duration.Duration> =>
  Effect.map(Random.next, (random) => {
    const full = Math.min(
      Duration.toMillis(reopenDelayMin) * 2 ** Math.min(failures - 1, 20),
      Duration.toMillis(reopenDelayMax)
    )
    return Duration.millis(Math.round(full * (0.5 + random / 2)))
  })

const missingRecords = (expected: number, found: number) =>
  new KafkaError({
    code: "other",
    operation: "read on",
    message: `Records from offset ${expected} were expected; the log goes on at ${found}.`,
    nextStep: "The partition is opened again from its committed offset. If retention deleted the records, lengthen it.",
    cause: null
  })
