/**
 * A partition that several processors share: read once, each record queued for the one that it is for, and complete steps of
 * all of them committed together. A processor that stops or is slow falls behind alone: its records are discarded, and read
 * again when it has room (`catch-up.ts`). So the cost grows with records, not with processors.
 */
import type * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import type { FetchedRecord, KafkaError, Member, TopicPartition, TransactionalProducer } from "../kafka/client.ts"
import { monotonicMillisUnsafe } from "../model/monotonic.ts"
import type { AdaptiveBatchLimits } from "./adaptive-limits.ts"
import { BusySubscribers } from "./busy-subscribers.ts"
import { distribute, type Receivers, type Takes } from "./distribute.ts"
import type { GroupOffsets } from "./group-offsets.ts"
import type { Intake } from "./intake.ts"
import type { RecordSink } from "./partition.ts"
import type { PartitionMemory } from "./partition-memory.ts"
import type { Subscriber } from "./subscriber.ts"
import { TimedLatch } from "./timers.ts"
import { largeTransactionBytes, TransactionPace } from "./transaction-pace.ts"

export interface SharedPartitionOptions<E, R> extends Receivers<Subscriber<E, R>> {
  readonly at: TopicPartition
  /** The logical name. */
  readonly topic: string
  readonly prefix: string
  readonly member: Member
  readonly producer: TransactionalProducer
  readonly groupOffsets: Pick<GroupOffsets, "moved">
  readonly limits: AdaptiveBatchLimits
  readonly bytesInFlightMax: number
  /** Of the partition among the member's; without it the partition has `bytesInFlightMax`. */
  readonly memory?: PartitionMemory
  readonly clock: Clock.Clock
  /** The first offset that the shared reading gets. */
  readonly position: number
}

/** Records between the shared reading and the end of the log from which on a batch waits until it is full. */
const backlogOffsets = 1_000

/** From so many processors with steps on, a transaction begins so long after the last one at the soonest; longer where events are late. */
const gatheredFrom = 8
const gatherMillis = 25

/** Events that were written so long ago are a backlog: what counts is how many go through, not when each of them is done. */
const lateMillisMin = 2_000
const lateGatherMillis = 100

export class SharedPartition<E, R> implements RecordSink {
  readonly options: SharedPartitionOptions<E, R>
  /** How far the shared reading has come: the offset after everything fetched. */
  endOffset: number
  highWatermark = 0
  paused = false
  ended = false
  bytesInFlight = 0
  readonly subscribers: Array<Subscriber<E, R>> = []
  /** Opened by whatever may allow a commit; closed before the conditions are checked, so no change is missed. */
  readonly changed = Latch.makeUnsafe(false)
  /** Opened when a subscriber may have room to catch up. */
  readonly room = Latch.makeUnsafe(true)
  /** Opened by whatever the clock may have to act on (`keepTime`). */
  readonly timeDue = Latch.makeUnsafe(false)
  /** Those of which something may be committed. */
  readonly dirty = new Set<Subscriber<E, R>>()
  readonly busy = new BusySubscribers<Subscriber<E, R>>()
  /** Those that got their first record of this opening, in that order, until their first step is marked as begun (`Isolation`). */
  readonly beginning = new Set<Subscriber<E, R>>()
  /** What waits in the queues. */
  readonly waiting = { bytes: 0 }
  private readonly progressDue = new Set<Subscriber<E, R>>()
  failure: KafkaError | null = null
  /** A commit is under way, or failed: it may have been written. */
  isUncertain = false
  /** When the last transaction ended, in monotonic milliseconds. */
  committedAt = Number.NEGATIVE_INFINITY
  readonly pace = new TransactionPace()
  /** What was read last had been written some time before. */
  private isLate = false
  /** Open while a step waits until its subscriber's position is stored. */
  readonly positionDue: TimedLatch
  /** Catch-ups that hold the shared reading up, to come level with it. */
  private holds = 0

  constructor(options: SharedPartitionOptions<E, R>) {
    this.options = options
    this.endOffset = options.position
    this.positionDue = new TimedLatch(options.clock)
  }

  /** The shared reading, for the watch over it: what is queued never holds it up, unless it is paused. */
  get reading() {
    const shared = this
    return {
      isEmpty: true,
      get endOffset() {
        return shared.endOffset
      },
      get paused() {
        return shared.paused || shared.holds > 0
      }
    }
  }

  readonly push = (fetched: ReadonlyArray<FetchedRecord>, endOffset: number, highWatermark: number): void => {
    if (this.ended) return
    this.highWatermark = highWatermark
    const { clock } = this.options
    const last = fetched[fetched.length - 1]
    if (last !== undefined)
      this.isLate = last.timestamp > 0 && clock.currentTimeMillisUnsafe() - last.timestamp >= lateMillisMin
    const isShed = this.isShedAt(monotonicMillisUnsafe(clock))
    this.queue(fetched, endOffset, { from: (one) => one.sharedFrom, refuses: isShed })
    const wasMoreComing = this.isMoreComing()
    this.endOffset = endOffset
    this.timeDue.openUnsafe()
    if (!this.paused && this.bytesInFlight > this.bytesInFlightMax) {
      this.paused = true
      this.options.member.pause(this.options.at)
      this.cutLargest()
    }
    if (wasMoreComing && !this.isMoreComing())
      for (const one of this.subscribers) if (one.bytesInFlight > 0) one.queue.intake?.lingerAgain()
  }

  /** A real backlog: records of transactions that are still open are not counted on. */
  readonly isMoreComing = (): boolean => this.highWatermark - this.endOffset > backlogOffsets

  /**
   * The memory is full: the largest queues go out, as many as make room, while the others grow on. Were all of them cut, each batch would
   * be half as large. Steps under way make room as well, but for those that stalled.
   *
   * @param isLasting the memory has been full for a while, so that no step under way is counted on
   */
  cutLargest(isLasting = false): void {
    const now = monotonicMillisUnsafe(this.options.clock)
    let surplus = (isLasting ? this.bytesInFlight : this.waiting.bytes) - this.bytesInFlightMax / 2
    if (!isLasting)
      for (const one of this.busy.stalled(now)) surplus += one.bytesInFlight - (one.queue.intake?.queued.bytes ?? 0)
    if (surplus <= 0) return
    const waiting: Array<{ readonly intake: Intake; readonly bytes: number }> = []
    for (const one of this.subscribers) {
      const intake = one.isOpen ? one.queue.intake : null
      if (intake === null || !intake.isTakenFrom || intake.isEmpty) continue
      const { bytes } = intake.queued
      if (intake.isCutEarly) surplus -= bytes
      else waiting.push({ intake, bytes })
    }
    for (const { intake, bytes } of waiting.sort((one, other) => other.bytes - one.bytes)) {
      if (surplus <= 0) return
      surplus -= bytes
      intake.cutEarly()
    }
  }

  readonly onProgress = (subscriber: Subscriber<E, R>): void => {
    this.progressDue.add(subscriber)
    this.timeDue.openUnsafe()
  }

  /** Above so many bytes in flight fetching pauses. */
  get bytesInFlightMax(): number {
    const { memory, bytesInFlightMax } = this.options
    return memory?.bytesMax(this.bytesInFlight) ?? bytesInFlightMax
  }

  /** Nothing is queued or under way. */
  get isIdle(): boolean {
    return this.bytesInFlight === 0 && !this.paused && this.progressDue.size === 0
  }

  /** Gauges change with the clock, not with each record. */
  observeProgress(): void {
    for (const subscriber of this.progressDue) subscriber.observeProgress()
    this.progressDue.clear()
  }

  /** Queues what was read before `endOffset`. */
  queue(fetched: ReadonlyArray<FetchedRecord>, endOffset: number, takes: Takes<Subscriber<E, R>>): void {
    const { bytes, takers } = distribute(fetched, this.options, takes)
    this.bytesInFlight += bytes
    for (const one of takers) one.read(endOffset, this.highWatermark)
  }

  /** Whether a stalled subscriber with more than its part of the memory gets nothing more until it goes on. */
  private isShedAt(now: number): Takes<Subscriber<E, R>>["refuses"] {
    if (this.subscribers.length === 1 || this.busy.stalled(now).length === 0) return () => false
    return (one, first) => {
      if (!one.isStalled(now) || one.bytesInFlight < this.bytesInFlightMax / 16) return false
      one.behindFrom = first
      return true
    }
  }

  /** The partition is paused by records of stalled subscribers while others have none: what is queued for the stalled is discarded. */
  shed(now: number): void {
    if (!this.paused || this.subscribers.every((one) => one.behindFrom !== null || one.isStalled(now))) return
    for (const subscriber of this.subscribers) {
      if (subscriber.behindFrom !== null || !subscriber.isStalled(now)) continue
      const before = subscriber.bytesInFlight
      subscriber.fallBehind()
      this.bytesInFlight += subscriber.bytesInFlight - before
    }
    this.resumeIfRoom()
  }

  resumeIfRoom(): void {
    if (!this.paused || this.ended) return
    if (this.bytesInFlight > this.bytesInFlightMax / 2) {
      this.cutLargest()
      return
    }
    this.paused = false
    if (this.holds === 0) this.options.member.resume(this.options.at)
  }

  /** Holds the shared reading up while `work` runs. */
  readonly held = <A, E2, R2>(work: Effect.Effect<A, E2, R2>): Effect.Effect<A, E2, R2> =>
    Effect.acquireUseRelease(
      Effect.sync(() => {
        this.holds++
        this.options.member.pause(this.options.at)
      }),
      () => work,
      () =>
        Effect.sync(() => {
          this.holds--
          if (this.holds === 0 && !this.paused && !this.ended) this.options.member.resume(this.options.at)
        })
    )

  /** One that has nothing to do has come as far as the shared reading. */
  advance(subscriber: Subscriber<E, R>): void {
    if (!subscriber.isOpen || subscriber.behindFrom !== null || subscriber.bytesInFlight > 0) return
    if (subscriber.queue.endOffset >= this.endOffset) return
    subscriber.read(this.endOffset, this.highWatermark)
    subscriber.queue.idleDue = true
    this.onChange(subscriber)
  }

  readonly onChange = (subscriber: Subscriber<E, R>): void => {
    this.dirty.add(subscriber)
    if (subscriber.positionDue) this.positionDue.open()
    this.changed.openUnsafe()
  }

  readonly fail = (error: KafkaError): void => {
    this.failure = error
    this.changed.openUnsafe()
  }

  readonly end = (): void => {
    if (this.ended) return
    this.ended = true
    this.options.member.pause(this.options.at)
    for (const subscriber of this.subscribers) {
      if (subscriber.isOpen) subscriber.queue.end()
      this.dirty.add(subscriber)
    }
    this.changed.openUnsafe()
  }

  /** Milliseconds until the next transaction may begin, where many steps are under way that would each have a transaction, or the broker is busy. */
  millisToCommit(now: number): number {
    if (this.ended) return 0
    const paced = this.bytesInFlight < largeTransactionBytes ? this.pace.millisLeft(now) : 0
    return Math.max(paced, this.millisToGather(now))
  }

  private millisToGather(now: number): number {
    // Where the memory is full, what is done makes room.
    const isUnhurried = this.isLate && !this.paused && !this.positionDue.isOpen
    const gather = isUnhurried ? lateGatherMillis : gatherMillis
    const left = this.committedAt + gather - now
    return left <= 0 || this.busy.size < gatheredFrom ? 0 : left
  }

  /** Nothing is in flight. */
  get isDrained(): boolean {
    return this.subscribers.every((one) => !one.isOpen || one.queue.isDrained)
  }
}
