/** The life of one assigned partition: open, work, and after any failure open again, until it is revoked or drained. */
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Random from "effect/Random"
import type * as Scope from "effect/Scope"
import { type FetchedRecord, type KafkaClient, KafkaError } from "../kafka/client.ts"
import { BatchScale } from "./batch-scale.ts"
import type { Intake } from "./intake.ts"
import { openAndRun, type PartitionContext } from "./open-partition.ts"

/** What the group's side does to a partition at work; plain calls, because kafkajs's callbacks make them. */
export class PartitionHandle {
  private intake: Intake | null = null
  private draining = false
  private counted: number | null = null

  /** How many partitions the topic had when this one was opened; null before. */
  get partitions(): number | null {
    return this.counted
  }

  readonly setPartitions = (partitions: number): void => {
    this.counted = partitions
  }

  readonly setIntake = (intake: Intake): void => {
    this.intake = intake
    if (this.draining) intake.end()
  }

  push(records: ReadonlyArray<FetchedRecord>, endOffset: number, highWatermark: number): void {
    this.intake?.push(records, endOffset, highWatermark)
  }

  /** Lets the steps in flight finish and commit; takes nothing new. */
  drain(): void {
    this.draining = true
    this.intake?.end()
  }

  /** The partition failed; what it held is void. */
  close(): void {
    this.intake = null
  }

  /** Whether there may be steps in flight. */
  get isOpen(): boolean {
    return this.intake !== null
  }

  get isDraining(): boolean {
    return this.draining
  }

  gap(expected: number, found: number): void {
    this.intake?.fail(
      new KafkaError({
        code: "other",
        operation: "read on",
        message: `Records from offset ${expected} were expected; the log goes on at ${found}.`,
        nextStep:
          "The partition is opened again from its committed offset. If retention took the records, lengthen it.",
        cause: null
      })
    )
  }
}

/** Ends normally only when drained. A defect is not recovered from: it ends the processor. */
export const runPartition = <E, R>(
  context: Omit<PartitionContext<E, R>, "onCommitted" | "onCounted" | "onOpen" | "scale">,
  handle: PartitionHandle
): Effect.Effect<void, never, Exclude<R, Scope.Scope> | KafkaClient> => {
  const name = { processor: context.processor.name, topic: context.topic, partition: context.at.partition }
  return Effect.gen(function* () {
    let failures = 0
    const scale = new BatchScale(context.processor.batch, context.runtime.commitBytesMax)
    while (true) {
      const onCommitted = () => {
        failures = 0
        scale.committed()
      }
      const exit = yield* Effect.exit(
        openAndRun({ ...context, scale, onCommitted, onCounted: handle.setPartitions, onOpen: handle.setIntake })
      )
      if (Exit.isSuccess(exit) || handle.isDraining) return
      if (Cause.hasDies(exit.cause) || !Cause.hasFails(exit.cause)) {
        return yield* Effect.failCause(exit.cause as Cause.Cause<never>)
      }
      handle.close()
      context.member.pause(context.at)
      failures++
      const failure = Cause.squash(exit.cause)
      if (tookTooLong(failure)) scale.halve()
      const delay = isForPeople(failure)
        ? context.runtime.reopenDelayMax
        : yield* reopenDelay(context.runtime, failures)
      const reason = describe(failure)
      context.observe({ type: "reopening", ...name, reason, failures, delayMillis: Duration.toMillis(delay) })
      yield* tell(failure, failures).pipe(
        Effect.annotateLogs({ reason, failures, delayMillis: Duration.toMillis(delay) })
      )
      yield* Effect.sleep(delay)
    }
  }).pipe(Effect.ensuring(Effect.sync(() => context.observe({ type: "closed", ...name }))), Effect.annotateLogs(name))
}

/** The broker ends a transaction that takes too long by fencing its producer; a step past its deadline times out. */
const tookTooLong = (failure: unknown): boolean =>
  failure instanceof KafkaError && (failure.code === "timeout" || failure.code === "fenced")

/** A broker that restarts, or a leader that moves, is worth a line for people only when it lasts. */
export const passesQuietly = (failure: unknown, failures: number): boolean =>
  failure instanceof KafkaError && (failure.code === "unreachable" || failure.code === "timeout") && failures < 3

/**
 * What fails again and again until a person mends it, and then goes on by itself: an output that its topic doesn't take (processors
 * check sizes, so the topic was made with a smaller limit than declared), or topics whose numbers of partitions differ.
 */
const isForPeople = (failure: unknown): failure is KafkaError =>
  failure instanceof KafkaError && (failure.code === "too_large" || failure.code === "partitions_differ")

const tell = (failure: unknown, failures: number): Effect.Effect<void> => {
  if (isForPeople(failure)) return Effect.logError(`A partition stands still. ${failure.message} ${failure.nextStep}`)
  const log = passesQuietly(failure, failures) ? Effect.logInfo : Effect.logWarning
  return log("A partition failed; it is opened again from its committed offset.")
}

/** Doubles from the shortest to the longest, and up to half of it at random, so that partitions don't return in step. */
const reopenDelay = (
  { reopenDelayMin, reopenDelayMax }: PartitionContext<never, never>["runtime"],
  failures: number
): Effect.Effect<Duration.Duration> =>
  Effect.map(Random.next, (random) => {
    const full = Math.min(
      Duration.toMillis(reopenDelayMin) * 2 ** Math.min(failures - 1, 20),
      Duration.toMillis(reopenDelayMax)
    )
    return Duration.millis(Math.round(full * (0.5 + random / 2)))
  })

const describe = (failure: unknown): string => (failure instanceof Error ? failure.message : String(failure))
