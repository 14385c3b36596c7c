/**
 * Commits the complete steps of all processors of a shared partition together: their outputs, and where each of them is now. While a
 * transaction is under way the next one gathers.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import type { KafkaError, ProducedRecord } from "../kafka/client.ts"
import { monotonicMillis } from "../model/monotonic.ts"
import type { Outbound } from "./contract.ts"
import { type BegunRecords, nothingBegun } from "./isolation.ts"
import { nothingReady, type ReadySteps } from "./ordered-steps.ts"
import { positionRecord } from "./positions.ts"
import type { SharedPartition } from "./shared-partition.ts"
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
      const wait = partition.millisToCommit(yield* monotonicMillis)
      if (wait > 0) {
        const { positionDue } = partition
        if (positionDue.isOpen) yield* Effect.sleep(wait)
        else {
          yield* positionDue.await(wait)
          if (positionDue.isOpen) continue
        }
      }
      if (yield* commitReady(partition, onCommitted, onFailed)) continue
      if (partition.ended && partition.isDrained) return
      yield* partition.changed.await
    }
  })

/** Whether anything was. Separate from the loop, whose generator keeps what its variables had for as long as it waits. */
const commitReady = <E, R>(
  partition: SharedPartition<E, R>,
  onCommitted: () => void,
  onFailed: (subscriber: Subscriber<E, R>) => Effect.Effect<void>
) =>
  Effect.gen(function* () {
    const { parts, failed } = collect(partition)
    for (const subscriber of failed) yield* onFailed(subscriber)
    if (parts.length === 0) return false
    yield* commit(partition, parts)
    if (parts.some(({ next, ticked }) => next !== null || ticked !== null)) onCommitted()
    partition.resumeIfRoom()
    partition.room.openUnsafe()
    return true
  })

/** Without suspending: what comes later must not be committed with it. */
const collect = <E, R>(partition: SharedPartition<E, R>) => {
  const parts: Array<Part<E, R>> = []
  const failed: Array<Subscriber<E, R>> = []
  const { commitBytesMax } = partition.options.limits
  let bytes = 0
  const isStepWaiting = partition.positionDue.isOpen
  partition.positionDue.close()
  for (const subscriber of [...partition.dirty]) {
    if (bytes >= commitBytesMax) break
    partition.dirty.delete(subscriber)
    if (!subscriber.isOpen) continue
    const { ticked } = subscriber
    if (subscriber.queue.failure !== null) {
      failed.push(subscriber)
      continue
    }
    const { ready, next } = subscriber.queue.takeReady(commitBytesMax - bytes)
    if (next === null && ticked === null && !subscriber.positionDue) continue
    subscriber.positionDue = false
    bytes += ready.bytes
    if (bytes >= commitBytesMax) partition.dirty.add(subscriber)
    subscriber.ticked = null
    parts.push({ subscriber, ready, next, ticked })
  }
  if (isStepWaiting) addMarksAhead(partition, parts)
  return { parts, failed }
}

/** Subscribers whose first step is marked as begun with those of others. After two ends of the process each of them is looked at alone. */
const aheadMax = 128

/** Adds those whose first steps come next, which would each wait for another transaction otherwise. */
const addMarksAhead = <E, R>(partition: SharedPartition<E, R>, parts: Array<Part<E, R>>): void => {
  const present = new Set(parts.map(({ subscriber }) => subscriber))
  let count = 0
  for (const subscriber of partition.beginning) {
    if (count === aheadMax) break
    partition.beginning.delete(subscriber)
    if (!subscriber.isOpen || present.has(subscriber) || subscriber.isolation?.markAhead() !== true) continue
    parts.push({ subscriber, ready: nothingReady, next: null, ticked: null })
    count++
  }
}

const commit = <E, R>(partition: SharedPartition<E, R>, parts: ReadonlyArray<Part<E, R>>) =>
  Effect.gen(function* () {
    const { at, topic, prefix, producer, groupOffsets } = partition.options
    const begun = yield* monotonicMillis
    const records = new RecordsOfCommit(prefix)
    const marks: Array<BegunRecords> = []
    for (const { subscriber, ready, next, ticked } of parts) {
      records.add(ready.outputs)
      if (ticked !== null) records.add(ticked.outputs)
      const { processor, groupOffset } = subscriber
      const mark = subscriber.isolation?.markOf(next) ?? nothingBegun
      marks.push(mark)
      const position = { next: next ?? subscriber.queue.committed, groupOffset, begun: mark }
      records.add([positionRecord(processor.name, topic, at.partition, position)])
    }
    partition.isUncertain = true
    yield* producer.commit({ records: records.all, offsets: [] })
    partition.isUncertain = false
    const now = yield* monotonicMillis
    partition.committedAt = now
    partition.pace.ended(now, now - begun)
    for (const [index, { subscriber, ready, next, ticked }] of parts.entries()) {
      partition.bytesInFlight -= subscriber.queue.settle(ready, next)
      if (subscriber.isolation !== null) yield* subscriber.isolation.onCommitted(next, marks[index]!)
      if (ticked !== null) yield* Deferred.succeed(ticked.committed, undefined)
      // A position that was only stored again is the group's already, but where a person set the group's.
      if (next !== null || subscriber.groupOffset !== null)
        groupOffsets.moved(subscriber.groupId, at, subscriber.queue.committed, subscriber.onGroupCommitted)
      subscriber.onCommitted({
        next,
        steps: ready.count,
        outputs: ready.outputs.length + (ticked?.outputs.length ?? 0),
        millis: now - begun,
        now
      })
      partition.busy.committed(subscriber)
      // It failed behind what is committed now, and says nothing more.
      if (subscriber.queue.failure !== null) partition.dirty.add(subscriber)
    }
    // Else a revoked partition's next owner could find a transaction that is still open, and what closes the partition a position of before.
  }).pipe(Effect.uninterruptible)

/** With the broker's names of their topics, each of which is made once. */
class RecordsOfCommit {
  readonly all: Array<ProducedRecord> = []
  private readonly prefix: string
  private readonly topics = new Map<string, string>()

  constructor(prefix: string) {
    this.prefix = prefix
  }

  add(outputs: ReadonlyArray<Outbound>): void {
    for (const output of outputs)
      this.all.push(this.prefix === "" ? output : { ...output, topic: this.nameOf(output.topic) })
  }

  private nameOf(topic: string): string {
    const known = this.topics.get(topic) ?? this.prefix + topic
    this.topics.set(topic, known)
    return known
  }
}
