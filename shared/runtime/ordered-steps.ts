/** The steps of a partition in their order: which are complete, what a transaction of them holds, and what it commits. */
import * as Exit from "effect/Exit"
import type { KafkaError } from "../kafka/client.ts"
import type { Outbound, Step } from "./contract.ts"
import type { Intake, TakenBatch } from "./intake.ts"
import type { StepRequests } from "./requests.ts"

export interface StepInFlight<E> {
  /** The buffers of its records are released when the step is complete, which is some time before it is committed. */
  readonly batch: Pick<TakenBatch, "bytes" | "endOffset">
  readonly requests: StepRequests
  exit: Exit.Exit<Step, E | KafkaError> | null
}

/** Complete steps at the front of the queue, for one transaction. */
export interface ReadySteps {
  readonly count: number
  /** Of the steps' batches. */
  readonly inputBytes: number
  /** Of the outputs. */
  readonly bytes: number
  readonly outputs: Array<Outbound>
  /** Of the last step that says it (`Step`). */
  readonly writtenAt?: number | undefined
}

export const nothingReady: ReadySteps = { count: 0, inputBytes: 0, bytes: 0, outputs: [] }

export class OrderedSteps<E> {
  /** The next offset that is not committed yet. */
  committed: number
  protected readonly intake: Intake
  protected readonly steps: Array<StepInFlight<E>> = []
  /** Of steps before these whose outputs are in the open transaction, and the offset behind them. */
  private readonly written: Array<StepRequests> = []
  private writtenEnd: number | null = null

  constructor(intake: Intake, committed: number) {
    this.intake = intake
    this.committed = committed
  }

  /** The complete steps at the front; at least one if the first is complete, then up to the bound in bytes. */
  ready(bytesMax: number): ReadySteps {
    const outputs: Array<Outbound> = []
    let bytes = 0
    let inputBytes = 0
    let count = 0
    let writtenAt: number | undefined
    while (count < this.steps.length && bytes < bytesMax) {
      const { exit, batch } = this.steps[count]!
      if (exit === null || !Exit.isSuccess(exit)) break
      inputBytes += batch.bytes
      writtenAt = exit.value.writtenAt ?? writtenAt
      for (const output of exit.value.outputs) {
        outputs.push(output)
        bytes += output.value?.length ?? 0
      }
      count++
    }
    return { count, inputBytes, bytes, outputs, writtenAt }
  }

  /** Everything that the log has was received, and its steps are complete: nothing that is soon there is worth waiting for. */
  get isAtEnd(): boolean {
    const { intake } = this
    if (intake.endOffset < intake.highWatermark || !intake.isEmpty) return false
    let bytes = 0
    for (const { exit, batch } of this.steps) {
      if (exit === null) return false
      bytes += batch.bytes
    }
    // A batch that was just taken is not a step yet.
    return intake.bytesInFlight === bytes
  }

  /**
   * True if, except for what was skipped, everything received until now is committed with the ready steps and those that are
   * written. The intake's own count decides: a batch that was just taken is not a step yet, and the committing fiber may run between.
   */
  nothingWaits(ready: ReadySteps): boolean {
    const { intake } = this
    return intake.bytesInFlight === ready.inputBytes && intake.endOffset > this.committed
  }

  /** What a commit of these steps makes the next offset; with `idle`, of skipped records too. Null: as it is. */
  nextOffset(ready: ReadySteps, idle: boolean): number | null {
    const next = ready.count > 0 ? this.steps[ready.count - 1]!.batch.endOffset : this.writtenEnd
    return idle || (next !== null && this.nothingWaits(ready)) ? this.intake.endOffset : next
  }

  /** The outputs of the ready steps are in a transaction that is not committed yet. Returns the bytes of input that are no longer in flight. */
  wrote(ready: ReadySteps): number {
    const steps = this.steps.splice(0, ready.count)
    const bytes = steps.reduce((sum, step) => sum + step.batch.bytes, 0)
    this.intake.release(bytes)
    for (const { batch, exit, requests } of steps) {
      this.writtenEnd = batch.endOffset
      this.written.push(requests)
      if (exit !== null && Exit.isSuccess(exit)) exit.value.release?.()
    }
    return bytes
  }

  /** The ready steps are committed, and those that were written. Returns the bytes of input that are no longer in flight. */
  settle(ready: ReadySteps, next: number | null): number {
    if (next !== null) this.committed = next
    const bytes = this.wrote(ready)
    this.writtenEnd = null
    for (const requests of this.written.splice(0)) requests.settle()
    return bytes
  }

  /** The partition is closed: nothing of it will be committed. */
  protected settleRequests(): void {
    for (const { requests } of this.steps) requests.settle()
    for (const requests of this.written) requests.settle()
  }
}
