/**
 * The queue of one partition: records come in from the member's fetches and go out as batches. It bounds the bytes that are
 * fetched and not yet committed by pausing the partition, and skips what the processor doesn't accept.
 */
import type * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import type { FetchedRecord, KafkaError } from "../kafka/client.ts"
import type { BatchGroup } from "./batch-group.ts"
import { type BatchLimits, type Inbound, inboundOf } from "./contract.ts"
import type { CutTogether } from "./cut-together.ts"
import { TimedLatch } from "./timers.ts"

interface IntakeOptions {
  /** The first offset that will come. */
  readonly position: number
  /** The logical name of the topic, which records carry. */
  readonly topic: string
  readonly limits: BatchLimits
  readonly accept: ((record: Inbound) => boolean) | undefined
  readonly bytesInFlightMax: number
  readonly clock: Clock.Clock
  readonly pause: () => void
  readonly resume: () => void
  readonly onReceived: () => void
  /** Whether many more records are in the log and on their way: a batch that is not full then waits a little longer. */
  readonly isMoreComing?: () => boolean
  /** Queues of the same processor in other partitions. */
  readonly together?: BatchGroup
}

/**
 * How long a batch waits for records that are on their way, instead of `linger` if that is shorter. They come until the queues are full or
 * the end of the log is near; a machine that is slow must not make batches small, which would make it slower still.
 */
const backlogLingerMillis = 10_000

export interface TakenBatch {
  readonly records: ReadonlyArray<Inbound>
  readonly bytes: number
  /** The offset after the batch and after all that was skipped behind it. */
  readonly endOffset: number
  /** To be called when it is processed. */
  readonly done: () => void
  /** Its place among the batches that were cut with it in other partitions; null where none were. */
  readonly together: CutTogether | null
}

export class Intake {
  /** Offset after everything received, skipped or not. */
  endOffset: number
  highWatermark = 0
  paused = false
  /** Opened by whatever is received. */
  readonly received = Latch.makeUnsafe(false)
  /** As `BatchPacer` knows it. */
  readonly owner: BatchGroup | undefined
  private readonly options: IntakeOptions
  private readonly lingerMillis: number
  /** Opened by whatever may make a batch; closed before the conditions are checked, so no change is missed. */
  private readonly changed: TimedLatch
  private records: Array<Inbound> = []
  private head = 0
  private queuedBytes = 0
  private takenBytes = 0
  /** Since when the records have waited; a lingering that began again counts from then on. */
  private waitingSince = 0
  private queuedSince = 0
  private failure: KafkaError | null = null
  private ended = false
  /** A batch is waited for. */
  isTakenFrom = false
  /** When whoever waits looks again by itself, in milliseconds since the epoch. */
  private looksAgainAt = Number.POSITIVE_INFINITY
  private isAdmitted = false
  /** What is queued is a batch, full or not. */
  private isDue = false
  /** With which others, then. */
  private dueWith: CutTogether | null = null

  constructor(options: IntakeOptions) {
    this.options = options
    this.owner = options.together
    this.lingerMillis = Duration.toMillis(options.limits.linger)
    this.endOffset = options.position
    this.changed = new TimedLatch(options.clock)
    options.together?.intakes.add(this)
  }

  push(fetched: ReadonlyArray<FetchedRecord>, endOffset: number, highWatermark: number): void {
    if (this.ended) return
    const { accept, topic } = this.options
    const wasEmpty = this.isEmpty
    for (const found of fetched) {
      const record = inboundOf(found, topic)
      if (accept !== undefined && !accept(record)) {
        record.bufferRef?.release()
        continue
      }
      this.records.push(record)
      this.queuedBytes += recordBytes(record)
    }
    this.endOffset = endOffset
    this.highWatermark = highWatermark
    if (wasEmpty) this.waitingSince = this.queuedSince = this.now()
    if (!this.paused && this.bytesInFlight > this.options.bytesInFlightMax) {
      this.paused = true
      this.options.pause()
    }
    this.options.onReceived()
    this.received.openUnsafe()
    this.wakeIfSooner()
  }

  /** Waits for the next batch; null after `end`. One fiber takes. */
  readonly take: Effect.Effect<TakenBatch | null, KafkaError> = Effect.gen({ self: this }, function* () {
    while (true) {
      this.changed.close()
      if (this.failure !== null) return yield* this.failure
      if (this.ended) return null
      const left = this.millisToBatch()
      const { isDue } = this
      if (left <= 0 && (isDue || this.isAdmitted || this.options.together?.pacer.tryAdmit(this) !== false)) {
        this.isAdmitted = false
        const batch = this.cut()
        if (isDue) return batch
        const together = this.options.together?.cutWith(this, batch, this.options.limits) ?? null
        return together === null ? batch : { ...batch, together }
      }
      this.isTakenFrom = true
      this.looksAgainAt = this.now() + left
      yield* this.changed.await(left)
      this.isTakenFrom = false
    }
  })

  get queued(): { readonly records: number; readonly bytes: number } {
    return { records: this.records.length - this.head, bytes: this.queuedBytes }
  }

  /** A batch that is due may be cut. */
  admit(): void {
    this.isAdmitted = true
    this.changed.open()
  }

  /** What is queued goes out as a batch at once, with others. */
  cutNow(together: CutTogether): void {
    this.isDue = true
    this.dueWith?.arrive()
    this.dueWith = together
    this.changed.open()
  }

  /** A batch is committed: its bytes are free again. */
  release(bytes: number): void {
    this.takenBytes -= bytes
    if (this.paused && this.bytesInFlight <= this.options.bytesInFlightMax / 2) {
      this.paused = false
      if (!this.ended) this.options.resume()
    }
    // A batch that lingers while the partition is paused must be cut as soon as nothing else is in flight.
    this.wakeIfSooner()
  }

  /** Discards the records that are queued and not taken. Returns the offset of the first one; null if there was none. */
  discardQueued(): number | null {
    const first = this.records[this.head]
    if (first === undefined) return null
    for (let index = this.head; index < this.records.length; index++) this.records[index]!.bufferRef?.release()
    this.records = []
    this.head = 0
    this.queuedBytes = 0
    this.isDue = false
    this.dueWith?.arrive()
    this.dueWith = null
    this.endOffset = first.offset
    this.release(0)
    return first.offset
  }

  /** No more batches: queued records stay for the next owner. */
  end(): void {
    if (this.ended) return
    this.ended = true
    this.options.together?.intakes.delete(this)
    this.options.pause()
    this.changed.open()
  }

  fail(error: KafkaError): void {
    this.failure = error
    this.changed.open()
  }

  get isEmpty(): boolean {
    return this.head === this.records.length
  }

  get bytesInFlight(): number {
    return this.queuedBytes + this.takenBytes
  }

  /** Milliseconds until the waiting records are a batch: 0 if they are full or nothing more can come. */
  private millisToBatch(): number {
    if (this.isEmpty) return Number.POSITIVE_INFINITY
    if (this.isDue) return 0
    const { recordsMax, bytesMax, lingersWhileBusy } = this.options.limits
    if (this.records.length - this.head >= recordsMax || this.queuedBytes >= bytesMax) return 0
    if ((this.paused || lingersWhileBusy === true) && this.takenBytes === 0) return 0
    const now = this.now()
    // A wall clock that was set back must not make the records wait until it has caught up.
    this.waitingSince = Math.min(this.waitingSince, now)
    this.queuedSince = Math.min(this.queuedSince, now)
    const atMost = Math.max(this.lingerMillis, backlogLingerMillis)
    const waits = this.options.isMoreComing?.() === true ? atMost : this.lingerMillis
    return Math.min(this.waitingSince + waits, this.queuedSince + atMost) - now
  }

  /** What is queued lingers from now on: the last records of a backlog, which are on their way, join it. */
  lingerAgain(): void {
    this.waitingSince = this.now()
    this.wakeIfSooner()
  }

  // With hundreds of queues a fetch brings each of them a few records, which seldom make a batch: no need to look each time.
  private wakeIfSooner(): void {
    if (this.isTakenFrom && this.now() + this.millisToBatch() < this.looksAgainAt) this.changed.open()
  }

  private now(): number {
    return this.options.clock.currentTimeMillisUnsafe()
  }

  /** What is queued is due now, and what is queued beside it in other partitions (`BatchGroup`). */
  cutEarly(): void {
    this.waitingSince = Number.NEGATIVE_INFINITY
    this.changed.open()
  }

  private cut(): TakenBatch {
    const { recordsMax, bytesMax } = this.options.limits
    this.isDue = false
    const isCutWith = this.dueWith
    this.dueWith = null
    const start = this.head
    const limit = Math.min(this.records.length, start + recordsMax)
    let [bytes, end] = [0, start]
    while (end < limit) {
      const size = recordBytes(this.records[end]!)
      if (end > start && bytes + size > bytesMax) break
      bytes += size
      end++
    }
    const records = this.records.slice(start, end)
    this.head = end
    this.queuedBytes -= bytes
    this.takenBytes += bytes
    const endOffset = this.isEmpty ? this.endOffset : this.records[end]!.offset
    this.compact()
    const { together } = this.options
    const done = together?.pacer.begin(together, bytes) ?? (() => undefined)
    return { records, bytes, endOffset, done, together: isCutWith }
  }

  /** Frees taken records in large steps, so that a long queue isn't moved for each batch. */
  private compact(): void {
    if (this.isEmpty) {
      this.records = []
      this.head = 0
    } else if (this.head > this.records.length / 2) {
      this.records = this.records.slice(this.head)
      this.head = 0
    }
  }
}

const recordBytes = (record: Inbound): number =>
  overheadBytes + (record.bytes ?? (record.key?.length ?? 0) + (record.value?.length ?? 0))

/** Roughly what a record's object and headers take beside its key and value. */
const overheadBytes = 200
