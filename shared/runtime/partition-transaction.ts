/**
 * The transaction of a partition. In a backlog it stays open over several writes, so that it may hold more than the outputs that are in
 * memory at a time. What is written is not committed: no reader sees it, and the partition's position is where it was.
 */
import * as Effect from "effect/Effect"
import type {
  GroupOffset,
  KafkaError,
  OpenTransaction,
  ProducedRecord,
  TransactionalProducer
} from "../kafka/client.ts"
import { monotonicMillis } from "../model/monotonic.ts"
import type { ReadySteps } from "./ordered-steps.ts"

/** What a transaction holds. */
export interface TransactionTotals {
  readonly steps: number
  readonly outputs: number
  /** Of the steps' outputs; of their inputs, where these are more. */
  readonly bytes: number
  /** That its requests took. */
  readonly millis: number
  /** Of the last step that says it (`Step`). */
  readonly writtenAt: number | undefined
}

export class PartitionTransaction {
  /** What is written and not committed. */
  private totals: TransactionTotals = nothingWritten
  /** Committed since the partition was opened, as `bytes` in the totals. */
  committedBytes = 0
  private readonly producer: TransactionalProducer
  private open: OpenTransaction | null = null

  constructor(producer: TransactionalProducer) {
    this.producer = producer
  }

  get isOpen(): boolean {
    return this.open !== null
  }

  /** What it would hold with these steps, as `bytes` in the totals. */
  bytesWith(steps: ReadySteps): number {
    return bytesWith(this.totals, steps)
  }

  /** Writes the outputs of steps, and leaves the transaction open. */
  write(steps: ReadySteps, records: ReadonlyArray<ProducedRecord>): Effect.Effect<void, KafkaError> {
    return Effect.gen({ self: this }, function* () {
      const begun = yield* monotonicMillis
      this.open ??= yield* this.producer.begin
      yield* this.open.write(records)
      this.totals = added(this.totals, steps, records.length, (yield* monotonicMillis) - begun)
    }).pipe(Effect.uninterruptible)
  }

  /** Commits what was written, these outputs, and offsets. Returns what the transaction held. */
  commit(
    steps: ReadySteps,
    records: ReadonlyArray<ProducedRecord>,
    offsets: ReadonlyArray<GroupOffset>
  ): Effect.Effect<TransactionTotals, KafkaError> {
    return Effect.gen({ self: this }, function* () {
      const begun = yield* monotonicMillis
      yield* (this.open ?? this.producer).commit({ records, offsets })
      const { totals } = this
      const held = added(totals, steps, records.length, (yield* monotonicMillis) - begun)
      this.open = null
      this.totals = nothingWritten
      this.committedBytes += held.bytes
      return held
    }).pipe(
      // Else a revoked partition's next owner could find a transaction that is still open.
      Effect.uninterruptible
    )
  }

  /** Discards what was written and not committed. */
  readonly abort: Effect.Effect<void> = Effect.suspend(() => {
    const { open } = this
    this.open = null
    return open === null ? Effect.void : open.abort
  })
}

const nothingWritten: TransactionTotals = { steps: 0, outputs: 0, bytes: 0, millis: 0, writtenAt: undefined }

const bytesWith = (totals: TransactionTotals, steps: ReadySteps): number =>
  totals.bytes + Math.max(steps.bytes, steps.inputBytes)

const added = (totals: TransactionTotals, steps: ReadySteps, outputs: number, millis: number): TransactionTotals => ({
  steps: totals.steps + steps.count,
  outputs: totals.outputs + outputs,
  bytes: bytesWith(totals, steps),
  millis: totals.millis + millis,
  writtenAt: steps.writtenAt ?? totals.writtenAt
})
