/**
 * The queue of one partition: records come in from the member's fetches and go out as batches. It bounds the bytes that are
 * fetched, and whose outputs the broker does not have yet, by pausing the partition, and skips what the processor doesn't accept.
 */
import type * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { FetchedRecord, KafkaError } from "../kafka/client.ts"
import { monotonicMillisUnsafe } from "../model/monotonic.ts"
import type { BatchPacer } from "./batch-pacer.ts"
import { type BatchLimits, type Inbound, inboundOf } from "./contract.ts"
import type { PartitionMemory } from "./partition-memory.ts"
import { RecordQueue } from "./record-queue.ts"
import { SmallLatch } from "./small-latch.ts"
import { TimedLatch } from "./timers.ts"

interface IntakeOptions {
  /** The first offset that will come. */
  readonly position: number
  /** The logical name of the topic, which records carry. */
  readonly topic: string
  readonly limits: BatchLimits
  readonly accept: ((record: Inbound) => boolean) | undefined
  readonly bytesInFlightMax: number
  /** Of the partition among others; without it the intake has `bytesInFlightMax`. */
  readonly memory?: PartitionMemory
  readonly clock: Clock.Clock
  readonly pause: () => void
  readonly resume: () => void
  readonly onReceived: () => void
  /** Whether many more records are in the log and on their way: a batch that is not full then waits a little longer. */
  readonly isMoreComing?: () => boolean
  /** Which of many batches are cut when; the same for all queues of a processor. */
  readonly together?: { readonly pacer: BatchPacer }
  /** Bytes that wait in all queues of the partition: this one adds its own. */
  readonly waiting?: { bytes: number }
}

/**
 * How long a batch waits for records that are on their way, instead of `linger` if that is shorter. They come until the queues are full or
 * the end of the log is near; a machine that is slow must not make batches small, which would make it slower still.
 */
const backlogLingerMillis = 10_000

const nothing = (): void => undefined

export interface TakenBatch {
  readonly records: ReadonlyArray<Inbound>
  readonly bytes: number
  /** The offset after the batch and after all that was skipped behind it. */
  readonly endOffset: number
  /** To be called when it is processed. */
  readonly done: () => void
}

export class Intake {
  /** Offset after everything received, skipped or not. */
  endOffset: number
  highWatermark = 0
  paused = false
  /** Opened by whatever is received. */
  readonly received = new SmallLatch(false)
  /** As `BatchPacer` knows it. */
  readonly owner: object | undefined
  private readonly options: IntakeOptions
  private readonly lingerMillis: number
  /** Opened by whatever may make a batch; closed before the conditions are checked, so no change is missed. */
  private readonly changed: TimedLatch
  private readonly records: RecordQueue
  private takenBytes = 0
  /** Records have been added that `read` does not know of. */
  private hasAdded = false
  /** Records wait, since these times; a lingering that began again counts from then on. */
  private isWaiting = false
  private waitingSince = 0
  private queuedSince = 0
  private failure: KafkaError | null = null
  private ended = false
  private isWaitedFor = false
  private isHeld = false
  /** When whoever waits looks again by itself, in milliseconds since the epoch. */
  private looksAgainAt = Number.POSITIVE_INFINITY
  private isAdmitted = false

  constructor(options: IntakeOptions) {
    this.options = options
    this.owner = options.together
    this.lingerMillis = Duration.toMillis(options.limits.linger)
    this.endOffset = options.position
    this.changed = new TimedLatch(options.clock)
    this.records = new RecordQueue(options.topic)
  }

  push(fetched: ReadonlyArray<FetchedRecord>, endOffset: number, highWatermark: number): void {
    if (this.ended) return
    const { accept, topic } = this.options
    const taken =
      accept === undefined
        ? fetched
        : fetched.filter((found) => {
            const isTaken = accept(inboundOf(found, topic))
            if (!isTaken) found.bufferRef?.release()
            return isTaken
          })
    this.add(taken, false)
    this.read(endOffset, highWatermark)
  }

  /** Records of a fetch; `read` comes behind the last ones. Returns their bytes in flight. */
  add(added: ReadonlyArray<FetchedRecord>, isPacked: boolean): number {
    if (this.ended || added.length === 0) return 0
    const { records } = this
    const before = records.bytes
    records.add(added, isPacked)
    const bytes = records.bytes - before
    if (this.options.waiting !== undefined) this.options.waiting.bytes += bytes
    this.hasAdded = true
    return bytes
  }

  /** Everything before `endOffset` was added, or is for others. */
  read(endOffset: number, highWatermark: number): void {
    if (this.ended) return
    this.endOffset = endOffset
    this.highWatermark = highWatermark
    const isFirst = !this.isWaiting && !this.isEmpty
    if (isFirst) this.waitingSince = this.queuedSince = this.now()
    this.isWaiting ||= isFirst
    const wasPaused = this.paused
    if (!this.paused && this.bytesInFlight > this.bytesInFlightMax) {
      this.paused = true
      this.options.pause()
    }
    this.options.onReceived()
    this.received.openUnsafe()
    // With hundreds of queues a fetch brings each of them a few records, which seldom make a batch.
    if (isFirst || this.paused !== wasPaused || !this.hasAdded || this.isFull) this.wakeIfSooner()
    this.hasAdded = false
  }

  /** Waits for the next batch; null after `end`. One fiber takes. */
  get take(): Effect.Effect<TakenBatch | null, KafkaError> {
    return Effect.suspend(() => this.next())
  }

  private next(): Effect.Effect<TakenBatch | null, KafkaError> {
    this.isWaitedFor = false
    this.changed.close()
    // What came before it is finished first.
    if (this.failure !== null && this.bytesInFlight === 0) return Effect.fail(this.failure)
    if (this.ended) return Effect.succeed(null)
    const left = this.millisToBatch()
    if (left <= 0 && (this.isAdmitted || this.options.together?.pacer.tryAdmit(this) !== false))
      return Effect.succeed(this.cut())
    this.isWaitedFor = true
    this.looksAgainAt = this.now() + left
    return Effect.flatMap(this.changed.await(left), () => this.next())
  }

  /** A batch is waited for, and could be cut. */
  get isTakenFrom(): boolean {
    return this.isWaitedFor && !this.isHeld && !this.ended
  }

  /** Whether no batch is cut, though one is waited for. */
  hold(isHeld: boolean): void {
    if (this.isHeld === isHeld) return
    this.isHeld = isHeld
    this.wakeIfSooner()
  }

  get limits(): BatchLimits {
    return this.options.limits
  }

  get queued(): { readonly records: number; readonly bytes: number } {
    return { records: this.records.length, bytes: this.records.bytes }
  }

  /** A batch that is due may be cut. */
  admit(): void {
    this.isAdmitted = true
    this.changed.open()
  }

  /** The outputs of a batch are at the broker: its bytes are free again. */
  release(bytes: number): void {
    this.takenBytes -= bytes
    if (this.paused && this.bytesInFlight <= this.bytesInFlightMax / 2) {
      this.paused = false
      if (!this.ended) this.options.resume()
    }
    if (this.failure !== null) this.changed.open()
    // A batch that lingers while the partition is paused must be cut as soon as nothing else is in flight.
    this.wakeIfSooner()
  }

  /** Discards the records that are queued and not taken. Returns the offset of the first one; null if there was none. */
  discardQueued(): number | null {
    const first = this.records.firstOffset
    if (first === null) return null
    if (this.options.waiting !== undefined) this.options.waiting.bytes -= this.records.bytes
    this.records.clear()
    this.isWaiting = false
    this.endOffset = first
    this.release(0)
    return first
  }

  /** No more batches: queued records stay for the next owner. */
  end(): void {
    if (this.ended) return
    this.ended = true
    this.options.pause()
    this.changed.open()
  }

  fail(error: KafkaError): void {
    this.failure = error
    this.changed.open()
  }

  get isEmpty(): boolean {
    return this.records.length === 0
  }

  get bytesInFlight(): number {
    return this.records.bytes + this.takenBytes
  }

  private get bytesInFlightMax(): number {
    const { memory, bytesInFlightMax } = this.options
    return memory?.bytesMax(this.bytesInFlight) ?? bytesInFlightMax
  }

  /** Milliseconds until the waiting records are a batch: 0 if they are full or nothing more can come. */
  private millisToBatch(): number {
    if (this.isEmpty || this.isHeld) return Number.POSITIVE_INFINITY
    const { lingersWhileBusy } = this.options.limits
    if (this.isFull) return 0
    if ((this.paused || lingersWhileBusy === true) && this.takenBytes === 0) return 0
    const now = this.now()
    const atMost = Math.max(this.lingerMillis, backlogLingerMillis)
    const waits = this.options.isMoreComing?.() === true ? atMost : this.lingerMillis
    return Math.min(this.waitingSince + waits, this.queuedSince + atMost) - now
  }

  private get isFull(): boolean {
    const { recordsMax, bytesMax } = this.options.limits
    return this.records.length >= recordsMax || this.records.bytes >= bytesMax
  }

  /** What is queued lingers from now on: the last records of a backlog, which are on their way, join it. */
  lingerAgain(): void {
    this.waitingSince = this.now()
    this.wakeIfSooner()
  }

  private wakeIfSooner(): void {
    if (this.isTakenFrom && this.now() + this.millisToBatch() < this.looksAgainAt) this.changed.open()
  }

  private now(): number {
    return monotonicMillisUnsafe(this.options.clock)
  }

  /** What is queued is due already, full or not, though it may not be cut yet. */
  get isCutEarly(): boolean {
    return this.isWaiting && this.waitingSince === Number.NEGATIVE_INFINITY
  }

  /** What is queued is due now, and what is queued beside it in other partitions (`BatchGroup`). */
  cutEarly(): void {
    this.waitingSince = Number.NEGATIVE_INFINITY
    this.changed.open()
  }

  /** The next batch, due or not. */
  cut(): TakenBatch {
    const { limits, waiting } = this.options
    const { records, bytes } = this.records.shift(limits.recordsMax, limits.bytesMax)
    if (waiting !== undefined) waiting.bytes -= bytes
    this.takenBytes += bytes
    this.isWaiting = !this.isEmpty
    const endOffset = this.records.firstOffset ?? this.endOffset
    const { together } = this.options
    this.isAdmitted = false
    together?.pacer.cut(this)
    // Who waits may have waited for the admission alone, without a timer.
    this.looksAgainAt = Number.POSITIVE_INFINITY
    const done = together?.pacer.begin(together, bytes) ?? nothing
    return { records, bytes, endOffset, done }
  }
}
