/**
 * Runs a processor without Kafka: batches in, the journal of what it committed out, in order. Time is the caller's
 * (a TestClock in unit tests), and so are the services that the processor needs.
 */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import type {
  AssignedPartition,
  Batch,
  Inbound,
  Outbound,
  PartitionTask,
  Processor,
  Restore
} from "../runtime/contract.ts"

/** What the runtime would have written in one transaction. `next` is the offset committed; null for a tick's or an append's. */
export interface Committed {
  readonly topic: string
  readonly partition: number
  readonly next: number | null
  readonly outputs: ReadonlyArray<Outbound>
}

export interface RunBatchesOptions {
  /** What the topics hold before the run; partitions restore their state from it. */
  readonly log?: ReadonlyArray<Inbound>
  /** Ticks each opened partition once after the last batch. */
  readonly tickAtEnd?: boolean
}

/**
 * Gives each batch to its partition's task, one after the other, and notes what would be committed. Records that the
 * processor doesn't accept are skipped, as the runtime does. Fails with the first failure of the processor.
 */
export const runBatches = <E, R>(
  processor: Processor<E, R>,
  batches: ReadonlyArray<Batch>,
  options: RunBatchesOptions = {}
): Effect.Effect<ReadonlyArray<Committed>, E, Exclude<R, Scope.Scope>> =>
  Effect.scoped(
    Effect.gen(function* () {
      const journal: Array<Committed> = []
      const tasks = new Map<string, { readonly at: Batch; readonly task: PartitionTask<E, R> }>()
      for (const batch of batches) {
        const key = `${batch.topic}/${batch.partition}`
        let opened = tasks.get(key)
        if (opened === undefined) {
          const append = (outputs: ReadonlyArray<Outbound>) =>
            Effect.sync(() => {
              journal.push({ topic: batch.topic, partition: batch.partition, next: null, outputs })
            })
          opened = {
            at: batch,
            task: yield* openTask(processor, batch, { log: options.log ?? [], partitions: 1, append })
          }
          tasks.set(key, opened)
        }
        const { topic, partition } = batch
        const records = processor.accept === undefined ? batch.records : batch.records.filter(processor.accept)
        const outputs = records.length === 0 ? [] : (yield* opened.task.step({ topic, partition, records })).outputs
        journal.push({ topic, partition, next: batch.records[batch.records.length - 1]!.offset + 1, outputs })
      }
      if (options.tickAtEnd === true) {
        for (const { at, task } of tasks.values()) {
          if (task.tick === undefined) continue
          const { outputs } = yield* task.tick.step
          journal.push({ topic: at.topic, partition: at.partition, next: null, outputs })
        }
      }
      return journal
    })
  ) as Effect.Effect<ReadonlyArray<Committed>, E, Exclude<R, Scope.Scope>>

/** The task as the runtime drives it: of a processor that releases its input buffers, their memory is overwritten after each step. */
export const overwritingInput = <E, R>(
  { releasesInputBuffers }: Pick<Processor<E, R>, "releasesInputBuffers">,
  task: PartitionTask<E, R>
): PartitionTask<E, R> => {
  if (releasesInputBuffers !== true) return task
  return {
    ...task,
    step: (batch) =>
      Effect.suspend(() => {
        const records = batch.records.map((record) => ({
          ...record,
          key: copyOf(record.key),
          value: copyOf(record.value)
        }))
        const overwrite = () => {
          for (const { key, value } of records) {
            key?.fill(0xdd)
            value?.fill(0xdd)
          }
        }
        return Effect.tap(task.step({ ...batch, records }), () => Effect.sync(overwrite))
      })
  }
}

const copyOf = (bytes: Buffer | null): Buffer | null => (bytes === null ? null : Buffer.from(bytes))

/** Opens a task in the surrounding scope and restores its state from the log up to the first batch's first record. */
const openTask = <E, R>(
  processor: Processor<E, R>,
  first: Batch,
  {
    log,
    ...given
  }: Required<Pick<AssignedPartition, "partitions" | "append">> & { readonly log: ReadonlyArray<Inbound> }
) =>
  Effect.gen(function* () {
    const { topic, partition } = first
    const task = overwritingInput(
      processor,
      yield* processor.open({ topic, partition, position: first.records[0]!.offset, ...given })
    )
    const now = yield* Clock.currentTimeMillis
    for (const restore of task.restore ?? []) {
      const records = recordsFor(restore, first, log, now)
      if (records.length > 0) yield* restore.apply(records)
    }
    return task
  })

const recordsFor = <E, R>(restore: Restore<E, R>, first: Batch, log: ReadonlyArray<Inbound>, now: number) => {
  const since = restore.since === "beginning" ? Number.NEGATIVE_INFINITY : now - Duration.toMillis(restore.since)
  return log.filter(
    (record) =>
      record.topic === restore.topic &&
      (record.partition === first.partition || restore.byKey === true) &&
      record.timestamp >= since &&
      (restore.until === "end" || record.offset < first.records[0]!.offset)
  )
}

/** One record of a batch in a test; everything has a default but the value. */
export interface RecordInput {
  readonly key?: string | null
  readonly value: Buffer | string | null
  readonly headers?: Readonly<Record<string, string>>
  readonly timestamp?: number
}

/** A batch whose records have consecutive offsets from `firstOffset` (0 by default). */
export const batchOf = (
  topic: string,
  records: ReadonlyArray<RecordInput>,
  options: { readonly partition?: number; readonly firstOffset?: number } = {}
): Batch => ({
  topic,
  partition: options.partition ?? 0,
  records: records.map((record, index) => ({
    topic,
    partition: options.partition ?? 0,
    offset: (options.firstOffset ?? 0) + index,
    timestamp: record.timestamp ?? 0,
    key: record.key === undefined || record.key === null ? null : Buffer.from(record.key),
    value: typeof record.value === "string" ? Buffer.from(record.value) : record.value,
    headers: record.headers ?? {}
  }))
})

/** Opens one partition's task in the surrounding scope, for tests that drive steps and ticks themselves. */
export const openPartition = <E, R>(
  processor: Processor<E, R>,
  { topic, partition, partitions, append }: AssignedPartition,
  log: ReadonlyArray<Inbound> = []
): Effect.Effect<PartitionTask<E, R>, E, R | Scope.Scope> =>
  openTask(
    processor,
    { topic, partition, records: [{ topic, partition, ...afterEverything }] },
    { log, partitions: partitions ?? 1, append: append ?? (() => Effect.void) }
  )

const afterEverything = {
  offset: Number.MAX_SAFE_INTEGER,
  timestamp: 0,
  key: null,
  value: null,
  headers: {}
} as const

/** Opens a partition's task, uses it, and closes its scope as a revocation does. */
export const withPartition = <E, R, A, E2, R2>(
  processor: Processor<E, R>,
  at: AssignedPartition,
  use: (task: PartitionTask<E, R>) => Effect.Effect<A, E2, R2>
): Effect.Effect<A, E | E2, Exclude<R, Scope.Scope> | R2> =>
  Effect.gen(function* () {
    const scope = yield* Scope.make()
    return yield* Scope.provide(openPartition(processor, at), scope).pipe(
      Effect.flatMap(use),
      Effect.onExit((exit) => Scope.close(scope, Exit.asVoid(exit)))
    )
  }) as Effect.Effect<A, E | E2, Exclude<R, Scope.Scope> | R2>
