/**
 * Opens one assigned partition, in the order that makes its steps exactly once: the transactional id is claimed first, which
 * fences the owner before and ends its transaction; only then is the committed offset read; then state is restored, and
 * records flow from there.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { KafkaClient, type KafkaError, type Member, type TopicPartition } from "../kafka/client.ts"
import type { BatchScale } from "./batch-scale.ts"
import type { Outbound, PartitionTask, Processor, RuntimeOptionsShape } from "./contract.ts"
import { Intake } from "./intake.ts"
import type { Observe } from "./metrics.ts"
import { produced, runPipeline } from "./pipeline.ts"
import { missingPartition, restoreState } from "./restore-state.ts"
import { watchForStall } from "./stall-watch.ts"

export interface PartitionContext<E, R> {
  readonly processor: Processor<E, R>
  readonly groupId: string
  readonly member: Member
  readonly runtime: RuntimeOptionsShape
  readonly observe: Observe
  /** The broker's name of the topic. */
  readonly at: TopicPartition
  /** The logical one. */
  readonly topic: string
  readonly scale: BatchScale
  readonly onCommitted: () => void
  /** How many partitions the topic has, for which the partition is opened. */
  readonly onCounted: (partitions: number) => void
  /** From now on the member's records go here. */
  readonly onOpen: (intake: Intake) => void
  /** The member doesn't fetch as it should; opening the partition again wouldn't help. */
  readonly onStalled: (error: KafkaError) => void
}

/** Opens and works until the intake ends; whatever fails is for the caller to open again. */
export const openAndRun = <E, R>(
  context: PartitionContext<E, R>
): Effect.Effect<void, E | KafkaError, Exclude<R, Scope.Scope> | KafkaClient> =>
  Effect.scoped(
    Effect.gen(function* () {
      const { processor, groupId, at, topic, runtime, observe, member } = context
      const client = yield* KafkaClient
      const begun = yield* Clock.currentTimeMillis
      const producer = yield* client.transactional(`${groupId}.${at.topic}.${at.partition}`)
      const { position, partitions } = yield* startPosition(context)
      context.onCounted(partitions)
      const append = (outputs: ReadonlyArray<Outbound>) =>
        Effect.uninterruptible(
          producer.commit({ records: outputs.map((output) => produced(runtime.prefix, output)), offsets: [] })
        )
      const task = yield* processor.open({ topic, partition: at.partition, partitions, position, append })
      for (const restore of task.restore ?? [])
        yield* restoreState(restore, { at, prefix: runtime.prefix, position, partitions })
      const name = { processor: processor.name, topic, partition: at.partition }
      let committed = position
      const intake = new Intake({
        position,
        topic,
        limits: context.scale,
        accept: processor.accept,
        bytesInFlightMax: Math.min(runtime.bytesInFlightMax, processor.bytesInFlightMax ?? Number.POSITIVE_INFINITY),
        clock: yield* Clock.Clock,
        pause: () => member.pause(at),
        resume: () => member.resume(at),
        onReceived: () => progress()
      })
      const progress = () =>
        observe({
          type: "progress",
          ...name,
          lag: Math.max(0, intake.highWatermark - committed),
          bytesInFlight: intake.bytesInFlight,
          paused: intake.paused
        })
      context.onOpen(intake)
      member.seek(at, position)
      observe({ type: "opened", ...name, position, millis: (yield* Clock.currentTimeMillis) - begun })
      const pipeline = runPipeline({
        processor,
        task: task as PartitionTask<E, R>,
        producer,
        intake,
        groupId,
        at,
        topic,
        runtime,
        scale: context.scale,
        onBatch: ({ records, bytes }) => {
          observe({ type: "batch", ...name, records: records.length, bytes })
          progress()
        },
        onCommitted: (commit) => {
          committed = commit.next ?? committed
          context.onCommitted()
          observe({ type: "committed", ...name, ...commit })
          progress()
        }
      })
      const watch = watchForStall(at, intake, runtime.stallCheckEvery).pipe(
        Effect.tapError((error) => Effect.sync(() => context.onStalled(error)))
      )
      yield* Effect.raceFirst(pipeline, watch)
    })
  ) as Effect.Effect<void, E | KafkaError, Exclude<R, Scope.Scope> | KafkaClient>

/**
 * The committed offset, or where the options let a new group begin. If the log no longer has that offset, the first one that
 * it has, loudly: either retention took records that were never processed, or the topic was made anew.
 */
const startPosition = <E, R>(context: PartitionContext<E, R>) =>
  Effect.gen(function* () {
    const { at, groupId, runtime, observe, processor, topic } = context
    const client = yield* KafkaClient
    const committed = (yield* client.committed(groupId, at.topic)).find((found) => found.partition === at.partition)
    const logs = yield* client.topicOffsets(at.topic)
    const partitions = logs.length
    const log = logs.find((found) => found.partition === at.partition)
    if (log === undefined) return yield* missingPartition(at)
    const offset = committed?.offset ?? null
    if (offset === null) return { position: runtime.startAt === "earliest" ? log.low : log.high, partitions }
    if (offset >= log.low && offset <= log.high) return { position: offset, partitions }
    observe({ type: "lost", processor: processor.name, topic, partition: at.partition, from: offset, to: log.low })
    yield* Effect.logError("The committed offset is not in the log; going on at the log's first record.").pipe(
      Effect.annotateLogs({ committed: offset, low: log.low, high: log.high })
    )
    return { position: log.low, partitions }
  })
