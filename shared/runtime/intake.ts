/**
 * The queue of one partition: records come in from the member's fetches and go out as batches. It bounds the bytes that are
 * fetched and not yet committed by pausing the partition, and passes over what the processor doesn't accept.
 */
import type * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { FetchedRecord, KafkaError } from "../kafka/client.ts"
import type { BatchLimits, Inbound } from "./contract.ts"
import { inboundOf } from "./contract.ts"
import { Signal } from "./signal.ts"

export interface IntakeOptions {
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
}

export interface TakenBatch {
  readonly records: ReadonlyArray<Inbound>
  readonly bytes: number
  /** The offset after the batch and after all that was passed over behind it. */
  readonly endOffset: number
}

export class Intake {
  /** Offset after everything received, passed over or not. */
  endOffset: number
  highWatermark = 0
  paused = false
  private readonly options: IntakeOptions
  private readonly signal = new Signal()
  private records: Array<Inbound> = []
  private head = 0
  private queuedBytes = 0
  private takenBytes = 0
  private waitingSince = 0
  private failure: KafkaError | null = null
  private ended = false

  constructor(options: IntakeOptions) {
    this.options = options
    this.endOffset = options.position
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
    if (wasEmpty) this.waitingSince = this.options.clock.currentTimeMillisUnsafe()
    if (!this.paused && this.bytesInFlight > this.options.bytesInFlightMax) {
      this.paused = true
      this.options.pause()
    }
    this.options.onReceived()
    this.signal.notify()
  }

  /** Waits for the next batch; null after `end`. One fiber takes. */
  readonly take: Effect.Effect<TakenBatch | null, KafkaError> = Effect.gen({ self: this }, function* () {
    while (true) {
      this.signal.reset()
      if (this.failure !== null) return yield* this.failure
      if (this.ended) return null
      const left = this.millisToBatch()
      if (left <= 0) return this.cut()
      if (left === Number.POSITIVE_INFINITY) yield* this.signal.wait
      else yield* Effect.timeoutOption(this.signal.wait, left)
    }
  })

  /** A batch's work is committed: its bytes are free again. */
  release(bytes: number): void {
    this.takenBytes -= bytes
    if (this.paused && this.bytesInFlight <= this.options.bytesInFlightMax / 2) {
      this.paused = false
      if (!this.ended) this.options.resume()
    }
    // A batch that lingers while the partition is paused must be cut as soon as nothing else is in flight.
    this.signal.notify()
  }

  /** No more batches: what waits here stays for the next owner. */
  end(): void {
    if (this.ended) return
    this.ended = true
    this.options.pause()
    this.signal.notify()
  }

  fail(error: KafkaError): void {
    this.failure = error
    this.signal.notify()
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
    const { recordsMax, bytesMax, linger } = this.options.limits
    if (this.records.length - this.head >= recordsMax || this.queuedBytes >= bytesMax) return 0
    if (this.paused && this.takenBytes === 0) return 0
    const now = this.options.clock.currentTimeMillisUnsafe()
    // A wall clock that was set back must not make the records wait until it has caught up.
    this.waitingSince = Math.min(this.waitingSince, now)
    return this.waitingSince + Duration.toMillis(linger) - now
  }

  private cut(): TakenBatch {
    const { recordsMax, bytesMax } = this.options.limits
    const start = this.head
    const limit = Math.min(this.records.length, start + recordsMax)
    let bytes = 0
    let end = start
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
    return { records, bytes, endOffset }
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
