/** Runs a processor: joins its group, runs a fiber for each assigned partition, and stops cleanly. */
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Queue from "effect/Queue"
import * as Scope from "effect/Scope"
import { KafkaClient, type KafkaError, type TopicPartition } from "../kafka/client.ts"
import { monotonicMillis } from "../model/monotonic.ts"
import type { Processor } from "./contract.ts"
import { RuntimeOptions, type RuntimeOptionsShape } from "./contract.ts"
import { isTransient } from "./failures.ts"
import { type Observe, RuntimeObserver } from "./metrics.ts"
import { type AssignedContext, PartitionHandle, runPartition } from "./partition.ts"
import { GroupMemory } from "./partition-memory.ts"

/**
 * Runs until it is interrupted, which stops it cleanly: nothing new is taken, steps in flight finish and commit for up to
 * `drainTimeout`, then the group is left. Fails only if the group can't be joined within `joinDeadline` at the start; every
 * later failure is recovered from. A defect of the processor ends it with that defect.
 */
export const run = <E, R>(
  processor: Processor<E, R>
): Effect.Effect<never, KafkaError, Exclude<R, Scope.Scope> | KafkaClient> =>
  runGroup({
    name: processor.name,
    topics: processor.topics,
    assignment: processor.assignment ?? "balanced",
    processors: [processor.name],
    runPartition: (context, handle) => runPartition({ ...context, processor }, handle)
  })

/** A consumer group, and what is done with each partition that this member of it is assigned. */
export interface GroupWork<R> {
  /** The group's name without the prefix. */
  readonly name: string
  readonly topics: ReadonlyArray<string>
  readonly assignment: "balanced" | "active-standby"
  /** Whose partitions they are, in events and metrics. */
  readonly processors: ReadonlyArray<string>
  readonly runPartition: (context: AssignedContext, handle: PartitionHandle) => Effect.Effect<void, never, R>
}

/** See `run`. */
export const runGroup = <R>(work: GroupWork<R>): Effect.Effect<never, KafkaError, R | KafkaClient> =>
  Effect.gen(function* () {
    const runtime = yield* RuntimeOptions
    const observe = yield* RuntimeObserver
    const begun = yield* monotonicMillis
    let joinedOnce = false
    let failures = 0
    while (true) {
      const onJoined = () => {
        joinedOnce = true
        failures = 0
      }
      const error = yield* Effect.flip(runMembership(work, runtime, observe, onJoined))
      for (const processor of work.processors) observe({ type: "left", processor, reason: error.message })
      const waitedMillis = (yield* monotonicMillis) - begun
      const { joinDeadline } = runtime
      if (!joinedOnce && joinDeadline !== null && waitedMillis >= Duration.toMillis(joinDeadline)) return yield* error
      failures++
      const log = isTransient(error, failures) ? Effect.logInfo : Effect.logWarning
      yield* log(`${error.message} Joining again.`).pipe(Effect.annotateLogs({ nextStep: error.nextStep, failures }))
      yield* Effect.sleep(Math.min(rejoinMillisMax, rejoinMillisMin * 2 ** Math.min(failures - 1, 10)))
    }
  }).pipe(Effect.ensuring(reportStopped(work.processors)), Effect.annotateLogs({ processor: work.name }))

/** Readiness and metrics forget these processors. */
export const reportStopped = (processors: ReadonlyArray<string>): Effect.Effect<void> =>
  Effect.map(RuntimeObserver, (observe) => {
    for (const processor of processors) observe({ type: "stopped", processor })
  })

const rejoinMillisMin = 250
const rejoinMillisMax = 5_000

type GroupEvent =
  | {
      readonly type: "assigned"
      readonly partitions: ReadonlyArray<TopicPartition>
      readonly continued: boolean
      /** Which of the membership's rebalances it ends. */
      readonly rebalance: number
    }
  | { readonly type: "crashed"; readonly error: KafkaError }
  | { readonly type: "died"; readonly cause: Cause.Cause<never> }

/** From joining the group to losing it; always fails, with what ended the membership. */
const runMembership = <R>(
  work: GroupWork<R>,
  runtime: RuntimeOptionsShape,
  observe: Observe,
  onJoined: () => void
): Effect.Effect<never, KafkaError, R | KafkaClient> =>
  Effect.scopedWith((scope) =>
    Effect.gen(function* () {
      const client = yield* KafkaClient
      const events = yield* Queue.unbounded<GroupEvent>()
      const running = new Map<string, PartitionFiber>()
      const closing = new Map<string, Fiber.Fiber<void>>()
      const groupId = runtime.prefix + work.name
      let rebalance = 0
      const joining = client.join({
        groupId,
        topics: work.topics.map((topic) => runtime.prefix + topic),
        assignment: work.assignment,
        processors: work.processors,
        rebalanceWaitMillis: Duration.toMillis(runtime.drainTimeout),
        handlers: {
          onRebalancing: () => {
            rebalance++
            return Promise.all([...running.values()].map(({ handle }) => handle.requests.hold()))
          },
          onAssigned: (partitions, continued) => {
            Queue.offerUnsafe(events, { type: "assigned", partitions, continued, rebalance })
          },
          onCrashed: (error) => {
            Queue.offerUnsafe(events, { type: "crashed", error })
          },
          onRecords: (from, records, endOffset, highWatermark) =>
            running.get(nameOf(from))?.handle.push(records, endOffset, highWatermark),
          onGap: (from, expected, found) => running.get(nameOf(from))?.handle.gap(expected, found),
          onUnreadable: (from, error) => running.get(nameOf(from))?.handle.fail(error)
        }
      })
      const member = yield* Scope.provide(joining, scope)
      onJoined()
      // Added after the member, so it runs before the member leaves the group. The partitions' fibers have a separate scope,
      // because they must run on while they drain.
      const fibersScope = yield* Scope.make()
      yield* Scope.addFinalizerExit(scope, (exit) =>
        Effect.andThen(
          Exit.hasInterrupts(exit) ? drainAll(running, runtime.drainTimeout) : Effect.void,
          Scope.close(fibersScope, Exit.void)
        )
      )
      const onStalled = (error: KafkaError) => {
        Queue.offerUnsafe(events, { type: "crashed", error })
      }
      const start = startPartition(
        work,
        { groupId, member, runtime, observe, memory: new GroupMemory(), onStalled },
        fibersScope,
        events
      )
      const owned = { running, closing, start, scope: fibersScope, drainTimeout: runtime.drainTimeout }
      while (true) {
        const event = yield* Queue.take(events)
        if (event.type === "crashed") return yield* event.error
        if (event.type === "died") return yield* Effect.failCause(event.cause)
        const grown = yield* grownSince(running, event.partitions)
        const partitions = event.partitions.map(({ topic, partition }) => ({
          topic: topic.slice(runtime.prefix.length),
          partition
        }))
        for (const processor of work.processors) observe({ type: "assigned", processor, partitions })
        yield* applyAssignment(owned, event, grown)
        // Unless the next rebalance has begun meanwhile.
        if (event.rebalance === rebalance) for (const { handle } of running.values()) handle.requests.release()
      }
    })
  )

interface PartitionFiber {
  readonly handle: PartitionHandle
  readonly fiber: Fiber.Fiber<void>
}

type Start<R> = (at: TopicPartition, after: Fiber.Fiber<void> | undefined) => Effect.Effect<PartitionFiber, never, R>

const startPartition =
  <R>(
    work: GroupWork<R>,
    context: Omit<AssignedContext, "at" | "topic">,
    scope: Scope.Scope,
    events: Queue.Queue<GroupEvent>
  ): Start<R> =>
  (at, after) =>
    Effect.gen(function* () {
      const handle = new PartitionHandle()
      const topic = at.topic.slice(context.runtime.prefix.length)
      const partition = work.runPartition({ ...context, at, topic }, handle).pipe(
        Effect.catchCause((cause) =>
          Effect.sync(() => {
            if (!Cause.hasInterruptsOnly(cause)) Queue.offerUnsafe(events, { type: "died", cause })
          })
        )
      )
      const started = after === undefined ? partition : Effect.andThen(Fiber.await(after), partition)
      return { handle, fiber: yield* Effect.forkIn(started, scope) }
    })

interface OwnedPartitions<R> {
  readonly running: Map<string, PartitionFiber>
  /** The last fiber of each lost partition: a new one waits until it has ended. */
  readonly closing: Map<string, Fiber.Fiber<void>>
  readonly start: Start<R>
  readonly scope: Scope.Scope
  readonly drainTimeout: Duration.Duration
}

/**
 * Closes partitions that were revoked and starts new ones; those that stay keep running, except those of `grown` topics: which
 * keys are theirs has changed, so they finish their steps and are opened again.
 */
const applyAssignment = <R>(
  { running, closing, start, scope, drainTimeout }: OwnedPartitions<R>,
  { partitions, continued }: Extract<GroupEvent, { readonly type: "assigned" }>,
  grown: ReadonlySet<string>
) =>
  Effect.gen(function* () {
    const kept = new Set(continued ? partitions.map(nameOf) : [])
    for (const [name, { handle, fiber }] of running) {
      const stays = kept.has(name)
      if (stays && !grown.has(name)) continue
      running.delete(name)
      closing.set(name, fiber)
      if (stays) {
        handle.requests.release()
        handle.drain()
      } else if (!handle.requests.isSettled) yield* logCutOff(name)
      const end = stays ? Effect.timeoutOption(Fiber.await(fiber), drainTimeout) : Effect.void
      yield* Effect.forkIn(Effect.andThen(end, Fiber.interrupt(fiber)), scope)
    }
    for (const partition of partitions) {
      const name = nameOf(partition)
      if (!running.has(name)) running.set(name, yield* start(partition, closing.get(name)))
    }
  })

/** What the rebalance has waited for in vain. */
const logCutOff = (partition: string) =>
  Effect.logWarning(
    "A partition moved to another instance before its requests were finished: what they carried is sent again there."
  ).pipe(Effect.annotateLogs({ partition }))

/** The open partitions whose topic has another number of partitions than when they were opened. */
const grownSince = (
  running: ReadonlyMap<string, PartitionFiber>,
  assigned: ReadonlyArray<TopicPartition>
): Effect.Effect<ReadonlySet<string>, KafkaError, KafkaClient> =>
  Effect.gen(function* () {
    const client = yield* KafkaClient
    const counts = new Map<string, number>()
    const grown = new Set<string>()
    for (const at of assigned) {
      const opened = running.get(nameOf(at))?.handle.partitions ?? null
      if (opened === null) continue
      const count = counts.get(at.topic) ?? (yield* client.topicOffsets(at.topic)).length
      counts.set(at.topic, count)
      if (count !== opened) grown.add(nameOf(at))
    }
    return grown
  })

/** A finalizer can't be interrupted, so the timeout is a race of two fibers for one Deferred. */
const drainAll = (running: ReadonlyMap<string, PartitionFiber>, timeout: Duration.Duration) =>
  Effect.gen(function* () {
    for (const { handle, fiber } of running.values()) {
      handle.drain()
      if (!handle.isOpen) yield* Effect.forkDetach(Fiber.interrupt(fiber))
      // Amid a rebalance it may be another's at any time: nothing more begins, so only what has begun is finished.
      else if (handle.requests.isHeld)
        yield* Effect.forkDetach(
          Effect.andThen(
            Effect.promise(() => handle.requests.settled()),
            Fiber.interrupt(fiber)
          )
        )
    }
    const ended = yield* Deferred.make<void>()
    const fibers = [...running.values()].map(({ fiber }) => fiber)
    const drained = Effect.andThen(Fiber.awaitAll(fibers), Deferred.succeed(ended, undefined))
    const tooLate = Effect.andThen(Effect.sleep(timeout), Deferred.succeed(ended, undefined))
    const waiters = [yield* Effect.forkDetach(drained), yield* Effect.forkDetach(tooLate)]
    yield* Deferred.await(ended)
    yield* Fiber.interruptAll([...fibers, ...waiters])
  })

const nameOf = ({ topic, partition }: TopicPartition) => `${topic}/${partition}`
