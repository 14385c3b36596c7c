/**
 * Processors that share their input: one member of one consumer group reads each partition once, and a record is for one of
 * the processors at most. Each has its own offsets (a group without members), pace, failures and replay, so that hundreds of
 * them cost about what one costs. docs/decisions/0032 says why.
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Scope from "effect/Scope"
import { type FetchedRecord, KafkaClient, type KafkaError } from "../kafka/client.ts"
import { monotonicMillisUnsafe } from "../model/monotonic.ts"
import { AdaptiveBatchLimits } from "./adaptive-limits.ts"
import { BatchGroup } from "./batch-group.ts"
import { BatchPacer } from "./batch-pacer.ts"
import { catchUp } from "./catch-up.ts"
import { type AssignedPartition, type Processor, RuntimeOptions } from "./contract.ts"
import { type CommittedOffset, type GroupOffsets, makeGroupOffsets } from "./group-offsets.ts"
import type { Isolation } from "./isolation.ts"
import { RuntimeObserver } from "./metrics.ts"
import { type AssignedContext, keepOpen, type PartitionHandle } from "./partition.ts"
import { openMemory, sharedBytes } from "./partition-memory.ts"
import { appendTogether } from "./pipeline.ts"
import { positionRecord, startPositions } from "./positions.ts"
import { reopen } from "./reopen-subscriber.ts"
import { reportStopped, runGroup } from "./runtime.ts"
import { commitShared } from "./shared-commit.ts"
import { SharedPartition } from "./shared-partition.ts"
import { failOnStall } from "./stall.ts"
import { startSubscribers } from "./start-subscribers.ts"
import { Subscriber } from "./subscriber.ts"
import { everyWhile } from "./timers.ts"

export interface SharedInput<E = never, R = never> {
  /** Names the group that partitions are assigned by, such as `delivery-meta`. */
  readonly name: string
  readonly topics: ReadonlyArray<string>
  /** The name of the processor that a record is for; records for none are skipped. */
  readonly processorOf: (record: Pick<FetchedRecord, "headers">) => string | undefined
  /** Each reads all of `topics`; its `accept` and `assignment` are not used. */
  readonly processors: ReadonlyArray<Processor<E, R>>
}

/** As `run`, for processors that share their input. */
export const runShared = <E, R>(
  input: SharedInput<E, R>
): Effect.Effect<never, KafkaError, Exclude<R, Scope.Scope> | KafkaClient> =>
  Effect.scoped(
    Effect.gen(function* () {
      const { prefix } = yield* RuntimeOptions
      const groupOffsets = yield* makeGroupOffsets(
        input.processors.map(({ name }) => prefix + name),
        input.topics.map((topic) => prefix + topic)
      )
      const pacer = new BatchPacer()
      const together = new Map(input.processors.map(({ name }) => [name, new BatchGroup<E, R>(pacer)]))
      yield* untilGroupsAreEmpty(input, prefix)
      return yield* runGroup({
        name: input.name,
        topics: input.topics,
        assignment: "balanced",
        processors: input.processors.map(({ name }) => name),
        runPartition: (context, handle) => runSharedPartition(input, { groupOffsets, together }, context, handle)
      })
    })
  ) as Effect.Effect<never, KafkaError, Exclude<R, Scope.Scope> | KafkaClient>

/**
 * Members of a processor's own group belong to a version in which each processor was a group by itself: they would send what is
 * sent here. They are waited for; meanwhile the program counts as ready, so that a rolling upgrade goes on.
 */
const untilGroupsAreEmpty = <E, R>(input: SharedInput<E, R>, prefix: string) =>
  Effect.gen(function* () {
    const client = yield* KafkaClient
    const observe = yield* RuntimeObserver
    const names = new Set(input.processors.map(({ name }) => prefix + name))
    let isLogged = false
    while (true) {
      const occupied = (yield* client.groups).find(({ groupId, members }) => members > 0 && names.has(groupId))
      if (occupied === undefined) return
      for (const { name } of input.processors) observe({ type: "assigned", processor: name, partitions: [] })
      if (!isLogged)
        yield* Effect.logWarning(
          `The consumer group ${occupied.groupId} has members of an earlier version. Processing starts when they have stopped.`
        )
      isLogged = true
      yield* Effect.sleep("2 seconds")
    }
  }).pipe(Effect.onInterrupt(() => reportStopped(input.processors.map(({ name }) => name))))

/** The limits of the partition's commits; what is too slow halves the batches of its processors as well. */
class SharedLimits extends AdaptiveBatchLimits {
  readonly ofProcessors = new Map<string, AdaptiveBatchLimits>()

  override halve(): void {
    super.halve()
    for (const limits of this.ofProcessors.values()) limits.halve()
  }
}

/** What the partitions of an input have in common. */
interface Common<E, R> {
  readonly groupOffsets: GroupOffsets
  /** By the processor's name. */
  readonly together: ReadonlyMap<string, BatchGroup<E, R>>
}

interface OpenPartition {
  readonly context: AssignedContext
  readonly handle: PartitionHandle
  readonly limits: SharedLimits
  /** By the processor's name. */
  readonly isolations: Map<string, Isolation>
}

const runSharedPartition = <E, R>(
  input: SharedInput<E, R>,
  common: Common<E, R>,
  context: AssignedContext,
  handle: PartitionHandle
): Effect.Effect<void, never, Exclude<R, Scope.Scope> | KafkaClient> => {
  const { commitBytesMax } = context.runtime
  const unbounded = { recordsMax: 1_000_000, bytesMax: Number.MAX_SAFE_INTEGER, linger: Duration.zero }
  const limits = new SharedLimits(unbounded, commitBytesMax)
  for (const { name, batch } of input.processors)
    limits.ofProcessors.set(name, new AdaptiveBatchLimits(batch, commitBytesMax))
  const isolations = new Map<string, Isolation>()
  return keepOpen(
    context,
    input.processors.map(({ name }) => name),
    handle,
    limits,
    (onCommitted) => openAndProcess(input, common, { context, handle, limits, isolations }, onCommitted)
  )
}

const openAndProcess = <E, R>(
  input: SharedInput<E, R>,
  common: Common<E, R>,
  partition: OpenPartition,
  onCommitted: () => void
): Effect.Effect<void, E | KafkaError, Exclude<R, Scope.Scope> | KafkaClient> =>
  Effect.scoped(
    // Two functions, so that what only the opening needs is not kept.
    Effect.flatMap(open(input, common, partition), (shared) => processShared(shared, partition.context, onCommitted))
  ) as Effect.Effect<void, E | KafkaError, Exclude<R, Scope.Scope> | KafkaClient>

/** The order is that of `partition.ts`: the transactional id is claimed before any position is read. */
const open = <E, R>(
  input: SharedInput<E, R>,
  { groupOffsets, together }: Common<E, R>,
  { context, handle, limits, isolations }: OpenPartition
) =>
  Effect.gen(function* () {
    const { groupId, at, topic, runtime, observe, member } = context
    const { prefix } = runtime
    const client = yield* KafkaClient
    const producer = yield* client.transactional(`${groupId}.${at.topic}.${at.partition}`)
    const { positions, begun, groups, partitions, position } = yield* startPositions(
      input.processors.map(({ name }) => name),
      groupOffsets,
      context
    )
    handle.partitions = partitions
    const bytesInFlightMax = sharedBytes(runtime.bytesInFlightMax, input.processors.length)
    const memory = yield* openMemory(context.memory, bytesInFlightMax)
    const append = appendTogether(producer, prefix)
    const inputOf = { at, topic, prefix, partitions }
    const subscribers = new Map<string, Subscriber<E, R>>()
    const shared = new SharedPartition<E, R>({
      at,
      topic,
      prefix,
      member,
      producer,
      groupOffsets,
      limits,
      bytesInFlightMax,
      memory,
      clock: yield* Clock.Clock,
      processorOf: input.processorOf,
      subscribers,
      position
    })
    const subscriberContext = {
      runtime,
      observe,
      input: inputOf,
      requests: handle.requests,
      bytesInFlightMax,
      append,
      shared: shared as never
    }
    for (const processor of input.processors)
      subscribers.set(
        processor.name,
        new Subscriber(processor, subscriberContext, {
          limits: limits.ofProcessors.get(processor.name)!,
          together: together.get(processor.name)!,
          isolations,
          groupOffset: unheeded(groups.get(prefix + processor.name))
        })
      )
    const all = [...subscribers.values()]
    shared.subscribers.push(...all)
    yield* Effect.addFinalizer((exit) => storeLeftBehind(shared, exit, append))
    yield* Effect.addFinalizer(() => Effect.forEach(all, (one) => one.close(), { discard: true }))
    yield* Effect.addFinalizer((exit) =>
      Exit.isSuccess(exit) ? groupOffsets.leave(at) : Effect.sync(() => groupOffsets.forget(at))
    )
    yield* startSubscribers(all, { positions, begun, groups, position }, inputOf, groupOffsets)
    handle.open(shared)
    member.seek(at, position)
    return shared
  })

const processShared = <E, R>(
  shared: SharedPartition<E, R>,
  { at, runtime, onStalled }: AssignedContext,
  onCommitted: () => void
) =>
  Effect.gen(function* () {
    const scope = yield* Effect.scope
    const crash = yield* makeCrash<E | KafkaError>()
    const onFailed = (one: Subscriber<E, R>) => {
      const exit = one.queue.failure
      if (exit === null) return Effect.void
      const bytes = one.bytesInFlight
      one.isOpen = false
      shared.busy.delete(one)
      shared.bytesInFlight -= bytes
      const reopening = Effect.andThen(
        reopen(one, exit.cause, () => shared.endOffset),
        Effect.sync(() => {
          shared.room.openUnsafe()
          if (shared.ended) one.queue.end()
        })
      )
      return Effect.forkIn(Effect.catchCause(reopening, crash.fail), scope) as Effect.Effect<unknown>
    }
    yield* Effect.raceAllFirst([
      commitShared(shared, onCommitted, (one) => Effect.asVoid(onFailed(one))),
      catchUp(shared),
      keepTime(shared, runtime.idleCommitEvery),
      crash.wait,
      failOnStall(at, shared.reading, runtime.stallCheckEvery).pipe(
        Effect.tapError((error) => Effect.sync(() => onStalled(error)))
      )
    ])
  })

// Removes marks where the process lives on. After a failure it may not be known what is stored, nor after a commit that failed while the
// partition was lost, of which the exit says nothing: a position of before would have its records processed again.
const storeLeftBehind = <E, R>(
  { isUncertain, options, subscribers }: SharedPartition<E, R>,
  exit: Exit.Exit<unknown, unknown>,
  append: NonNullable<AssignedPartition["append"]>
): Effect.Effect<void> => {
  if (isUncertain || (Exit.isFailure(exit) && Cause.hasFails(exit.cause))) return Effect.void
  const outputs = subscribers.flatMap(({ committed: next, groupOffset, isolation, processor }) => {
    const begun = isolation?.leftBehindAt(next) ?? null
    if (begun === null) return []
    return [positionRecord(processor.name, options.topic, options.at.partition, { next, groupOffset, begun })]
  })
  return outputs.length === 0 ? Effect.void : Effect.ignore(append(outputs))
}

/** What a person or an earlier version committed. */
const unheeded = (group: CommittedOffset | undefined): number | null =>
  group === undefined || group.isOurs ? null : group.offset

/** Ends the partition, and with it the program, where a processor has a defect. */
const makeCrash = <E>() =>
  Effect.map(Deferred.make<never, E>(), (crashed) => ({
    wait: Deferred.await(crashed),
    fail: (cause: Cause.Cause<E>) => Effect.asVoid(Deferred.failCause(crashed, cause))
  }))

/** Offsets of processors without records move on, too, this often for each of them. */
const idleMillis = 250

/** What happens by the clock: positions of processors without records move on, and stalled processors make room. */
const keepTime = <E, R>(shared: SharedPartition<E, R>, interval: Duration.Duration) => {
  let advancedAt = Number.NEGATIVE_INFINITY
  let advancedTo = shared.options.position
  return everyWhile(interval, shared.timeDue, () => {
    const now = monotonicMillisUnsafe(shared.options.clock)
    shared.shed(now)
    if (shared.paused) shared.cutLargest(true)
    shared.observeProgress()
    if (shared.endOffset !== advancedTo && now - advancedAt >= shared.subscribers.length * idleMillis) {
      advancedAt = now
      advancedTo = shared.endOffset
      for (const one of shared.subscribers) shared.advance(one)
    }
    return !shared.isIdle || shared.endOffset !== advancedTo
  })
}
