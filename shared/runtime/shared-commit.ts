/**
 * Commits the complete steps of all processors of a shared partition together: their outputs, where each of them is now, and the
 * offsets of a few groups. While a transaction is under way the next one gathers.
 */
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import type { GroupOffset, KafkaError } from "../kafka/client.ts"
import type { Outbound } from "./contract.ts"
import { produced } from "./pipeline.ts"
import { positionRecord } from "./positions.ts"
import type { SharedPartition } from "./shared-partition.ts"
import type { ReadySteps } from "./steps.ts"
import type { Subscriber } from "./subscriber.ts"

/** What is committed of one subscriber. */
interface Part<E, R> {
  readonly subscriber: Subscriber<E, R>
  readonly ready: ReadySteps
  readonly next: number | null
  readonly ticked: Subscriber<E, R>["ticked"]
}

/** Commits what is ready until the partition has ended and is drained. `onFailed` gets subscribers whose step failed. */
export const commitShared = <E, R>(
  partition: SharedPartition<E, R>,
  onCommitted: () => void,
  onFailed: (subscriber: Subscriber<E, R>) => Effect.Effect<void>
): Effect.Effect<void, KafkaError> =>
  Effect.gen(function* () {
    while (true) {
      partition.changed.closeUnsafe()
      if (partition.failure !== null) return yield* partition.failure
      const { parts, failed } = collect(partition)
      for (const subscriber of failed) yield* onFailed(subscriber)
      const groups = groupsToCommit(partition, parts)
      if (parts.length === 0 && groups.length === 0) {
        if (partition.ended && partition.isDrained) return
        yield* partition.changed.await
        continue
      }
      yield* commit(partition, parts, groups)
      onCommitted()
      partition.resumeIfRoom()
      partition.room.openUnsafe()
    }
  })

/** Without suspending: what comes later must not be committed with it. */
const collect = <E, R>(partition: SharedPartition<E, R>) => {
  const parts: Array<Part<E, R>> = []
  const failed: Array<Subscriber<E, R>> = []
  const { commitBytesMax } = partition.options.limits
  let bytes = 0
  for (const subscriber of [...partition.dirty]) {
    if (bytes >= commitBytesMax) break
    partition.dirty.delete(subscriber)
    if (!subscriber.isOpen) continue
    const { steps, ticked } = subscriber
    if (steps.failure !== null) {
      failed.push(subscriber)
      continue
    }
    const ready = steps.ready(commitBytesMax - bytes)
    const idle = (subscriber.idleDue || steps.intakeEnded) && steps.nothingWaits(ready)
    subscriber.idleDue = false
    const next = steps.nextOffset(ready, idle)
    if (next === null && ticked === null) continue
    bytes += ready.bytes
    if (bytes >= commitBytesMax) partition.dirty.add(subscriber)
    subscriber.ticked = null
    parts.push({ subscriber, ready, next, ticked })
  }
  return { parts, failed }
}

/** Each costs two requests, so that a transaction has few of them; the positions are exact without. */
const groupsInTransaction = 2
const groupsInFlush = 20

const groupsToCommit = <E, R>(
  partition: SharedPartition<E, R>,
  parts: ReadonlyArray<Part<E, R>>
): ReadonlyArray<Subscriber<E, R>> => {
  for (const { subscriber, next } of parts)
    if (next !== null && next !== subscriber.groupOffset) partition.groupsDue.add(subscriber)
  const flush = partition.flushDue || partition.ended
  partition.flushDue = false
  if (parts.length === 0 && !flush) return []
  const groups: Array<Subscriber<E, R>> = []
  for (const subscriber of partition.groupsDue) {
    if (groups.length === (flush ? groupsInFlush : groupsInTransaction)) break
    // One that is being opened again keeps the offset that it has.
    if (subscriber.isOpen) groups.push(subscriber)
    partition.groupsDue.delete(subscriber)
  }
  return groups
}

const commit = <E, R>(
  partition: SharedPartition<E, R>,
  parts: ReadonlyArray<Part<E, R>>,
  groups: ReadonlyArray<Subscriber<E, R>>
) =>
  Effect.gen(function* () {
    const { at, topic, prefix, producer } = partition.options
    const begun = yield* Clock.currentTimeMillis
    const nextOf = new Map(parts.map(({ subscriber, next }) => [subscriber, next ?? subscriber.steps.committed]))
    for (const subscriber of groups) if (!nextOf.has(subscriber)) nextOf.set(subscriber, subscriber.steps.committed)
    const offsets: Array<GroupOffset> = groups.map((one) => ({ groupId: one.groupId, ...at, next: nextOf.get(one)! }))
    const inGroups = new Set(groups)
    const outputs: Array<Outbound> = []
    for (const { ready, ticked } of parts) {
      for (const output of ready.outputs) outputs.push(output)
      if (ticked !== null) outputs.push(...ticked.outputs)
    }
    for (const [one, next] of nextOf) {
      const groupOffset = inGroups.has(one) ? next : one.groupOffset
      outputs.push(positionRecord(one.processor.name, topic, at.partition, { next, groupOffset }))
    }
    // Uninterruptible: else a revoked partition's next owner could find a transaction that is still open.
    yield* Effect.uninterruptible(
      producer.commit({ records: outputs.map((output) => produced(prefix, output)), offsets })
    )
    const now = yield* Clock.currentTimeMillis
    for (const subscriber of groups) {
      subscriber.groupOffset = nextOf.get(subscriber)!
      subscriber.groupCommittedAt = now
    }
    for (const { subscriber, ready, next, ticked } of parts) {
      partition.bytesInFlight -= yield* subscriber.steps.settle(ready, next)
      if (ticked !== null) yield* Deferred.succeed(ticked.committed, undefined)
      subscriber.onCommitted({
        next,
        steps: ready.count,
        outputs: ready.outputs.length + (ticked?.outputs.length ?? 0),
        millis: now - begun,
        now
      })
    }
  })
