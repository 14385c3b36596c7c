/**
 * A record that ends its process each time it is processed: it loops, throws unexpectedly, or takes all memory. Who comes
 * after cannot ask the process that is gone, so that the committed offset's metadata says how often a partition's records were
 * begun without a commit. From the third time on they are processed one by one, and a record that ends its process alone as well
 * becomes a dead letter. Failures that a process survives, such as a registry's outage, do not count.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as Latch from "effect/Latch"
import type { KafkaError, TopicPartition, TransactionalProducer } from "../kafka/client.ts"
import type { AdaptiveBatchLimits } from "./adaptive-limits.ts"
import type { Inbound, PartitionTask, Processor } from "./contract.ts"

/** What the metadata of a committed offset says of the records behind it. */
export interface Begun {
  /** So often were they begun by processes that ended before they committed. */
  readonly times: number
  /** The first of them was processed alone. */
  readonly alone: boolean
}

const notBegun: Begun = { times: 0, alone: false }
/** Ends without a commit before records are processed one by one. */
export const endsMax = 2
const form = /^begun ([0-9]{1,6})( alone)?$/

export const begunOf = (metadata: string): Begun => {
  const found = form.exec(metadata)
  return found === null ? notBegun : { times: Number(found[1]), alone: found[2] !== undefined }
}

const metadataOf = ({ alone, times }: Begun): string => (times === 0 ? "" : `begun ${times}${alone ? " alone" : ""}`)

/** Of the dead letter. */
export const poisonMessage =
  "The record ended the process that read it three times, and again while it was processed alone: it loops, fails unexpectedly or takes all memory."

export const logPoison = (offset: number): Effect.Effect<void> =>
  Effect.logError(
    "A record ended its process each time, at last while it was processed alone. It becomes a dead letter (poison)."
  ).pipe(Effect.annotateLogs({ offset }))

/** What this process found at its first opening: what it writes itself says nothing of an end. */
export interface OpeningMemory {
  known: { readonly offset: number; readonly begun: Begun } | null
}

interface GuardOptions<E, R> {
  readonly processor: Processor<E, R>
  readonly task: PartitionTask<E, R>
  readonly producer: TransactionalProducer
  readonly groupId: string
  readonly at: TopicPartition
  readonly position: number
  /** Of the committed offset. */
  readonly metadata: string
  readonly memory: OpeningMemory
  readonly limits: AdaptiveBatchLimits
  readonly onPoison: (record: Inbound) => void
}

interface PoisonGuard<E, R> {
  readonly task: PartitionTask<E, R>
  /** Of the next commit. */
  readonly metadata: () => string
  readonly onCommitted: (next: number | null) => void
  /** Ends the opening: where the process lives on, nothing was ended by a record. */
  readonly close: (exit: Exit.Exit<unknown, unknown>) => Effect.Effect<void>
}

/** Guards a partition's steps; see above. A task without `poison` is left as it is. */
export const guardAgainstPoison = <E, R>(options: GuardOptions<E, R>): PoisonGuard<E | KafkaError, R> => {
  const { at, groupId, limits, memory, position, processor, producer, task } = options
  if (task.poison === undefined)
    return { task, metadata: () => "", onCommitted: () => undefined, close: () => Effect.void }
  const poison = task.poison
  const found =
    memory.known === null ? begunOf(options.metadata) : memory.known.offset === position ? memory.known.begun : notBegun
  memory.known = { offset: position, begun: found }

  const begun: Begun = { times: found.times + 1, alone: false }
  /** Records that are still processed one by one. */
  let left = found.times >= endsMax ? processor.batch.recordsMax : 0
  let isSuspect = left > 0 && found.alone
  let committed = position
  let isBegun = false
  /** The offset's metadata says that its records are being processed. */
  let isMarked = false
  let lastAlone = -1
  const changed = Latch.makeUnsafe(false)
  limits.processAlone(left > 0)

  const write = (mark: Begun) =>
    Effect.suspend(() =>
      producer.commit({ records: [], offsets: [{ groupId, ...at, next: committed, metadata: metadataOf(mark) }] })
    ).pipe(Effect.uninterruptible)
  const markOnce = Effect.runSync(
    Effect.cached(
      Effect.tap(write(begun), () =>
        Effect.sync(() => {
          isMarked = true
          isBegun = true
        })
      )
    )
  )

  /** What comes behind a record that is processed alone is processed once that is committed: else its end would be taken for its. */
  const committedBefore = Effect.gen(function* () {
    while (committed <= lastAlone) {
      changed.closeUnsafe()
      if (committed <= lastAlone) yield* changed.await
    }
  })

  const stepAlone: PartitionTask<E | KafkaError, R>["step"] = (batch) =>
    Effect.gen(function* () {
      const record = batch.records[0]!
      yield* committedBefore
      lastAlone = record.offset
      left--
      if (left === 0) limits.processAlone(false)
      if (isSuspect) {
        isSuspect = false
        options.onPoison(record)
        yield* logPoison(record.offset)
        return yield* poison(record)
      }
      isMarked = true
      yield* write({ times: endsMax, alone: true })
      return yield* task.step(batch)
    })

  const step: PartitionTask<E | KafkaError, R>["step"] = (batch) => {
    if (left > 0) return stepAlone(batch)
    if (committed <= lastAlone) return Effect.andThen(committedBefore, task.step(batch))
    return isBegun ? task.step(batch) : Effect.andThen(markOnce, task.step(batch))
  }

  // While records are taken one by one, whoever comes after goes on with that.
  const after = (): Begun => (left > 0 ? { times: endsMax, alone: false } : notBegun)

  return {
    task: { ...(task as PartitionTask<E | KafkaError, R>), step },
    metadata: () => metadataOf(after()),
    onCommitted: (next) => {
      if (next === null) return
      committed = next
      memory.known = { offset: next, begun: after() }
      isMarked = false
      changed.openUnsafe()
    },
    close: (exit) => {
      if (!isMarked || (exit._tag === "Failure" && Cause.hasDies(exit.cause))) return Effect.void
      return Effect.ignore(write(memory.known!.begun))
    }
  }
}
