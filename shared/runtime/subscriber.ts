/**
 * One processor of a shared partition: a queue of its records, its steps, and how far it has come. The partition's other
 * processors neither wait for it nor fail with it.
 */
import * as Clock from "effect/Clock"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import type { FetchedRecord, KafkaError } from "../kafka/client.ts"
import { monotonicMillisUnsafe } from "../model/monotonic.ts"
import type { AdaptiveBatchLimits } from "./adaptive-limits.ts"
import type { BatchGroup } from "./batch-group.ts"
import type { Inbound, PartitionTask, Processor } from "./contract.ts"
import type { Taking } from "./distribute.ts"
import { Intake } from "./intake.ts"
import { AloneInProcess, type BegunRecords, Isolation, nothingBegun } from "./isolation.ts"
import { LazyQueue, type MadeQueue, runNow, runTicks, type Ticked } from "./lazy-queue.ts"
import type { CommitReport } from "./pipeline.ts"
import { StepQueue } from "./steps.ts"
import type { SubscriberContext } from "./subscriber-context.ts"

const nothing = (): void => undefined

/** What an opening's queue is made of. */
interface Opening<E, R> {
  readonly task: PartitionTask<E, R>
  /** Of an earlier process. */
  readonly begun: BegunRecords
  readonly services: Context.Context<R>
}

/** Without a commit for so long while a step runs, a subscriber counts as stalled. */
const stalledAfterMillis = 1_000

export class Subscriber<E, R> {
  readonly processor: Processor<E, R>
  readonly groupId: string
  readonly limits: AdaptiveBatchLimits
  /** Its queues in all partitions. */
  private readonly together: BatchGroup<E, R>
  /** As in `StoredPosition`. */
  groupOffset: number | null
  /** Its position is to be stored, though it has not moved. */
  positionDue = false
  /** The first offset that it needs and that is not queued, because it fell behind; null: it gets what the shared reading fetches. */
  behindFrom: number | null = null
  /** The reading that it is caught up by; another one, or a reading from before it was opened again, must not queue its records. */
  catchUpReading: object | null = null
  /** By the processor's name, for as long as this process has the partition. */
  private readonly isolations: Map<string, Isolation>
  readonly taking: Taking = { reading: null, from: 0, records: [] }
  isOpen = false
  failures = 0
  /** Of this opening; none before it has started. */
  queue!: LazyQueue<E, R>
  /** That it is opened for. */
  private openedAt = -1
  /** Outputs of its tick that are not committed yet. */
  ticked: Ticked | null = null
  /** The last commit, or when a step began where none was under way; in monotonic milliseconds. */
  private progressAt = Number.NEGATIVE_INFINITY
  private scope: Scope.Closeable | null = null
  private opening: Opening<E, R> | null = null
  readonly context: SubscriberContext<Subscriber<never, never>>

  constructor(
    processor: Processor<E, R>,
    context: SubscriberContext<Subscriber<never, never>>,
    options: {
      readonly limits: AdaptiveBatchLimits
      readonly groupOffset: number | null
      readonly together: BatchGroup<E, R>
      readonly isolations: Map<string, Isolation>
    }
  ) {
    this.processor = processor
    this.context = context
    this.limits = options.limits
    this.groupOffset = options.groupOffset
    this.together = options.together
    this.isolations = options.isolations
    this.groupId = context.runtime.prefix + processor.name
  }

  private get untyped(): Subscriber<never, never> {
    return this as unknown as Subscriber<never, never>
  }

  /** As events and logs have it. */
  get name() {
    const { topic, at } = this.context.input
    return { processor: this.processor.name, topic, partition: at.partition, isShared: true }
  }

  /** The next offset that is not committed yet, also where it has not started; -1 where it was not opened. */
  get committed(): number {
    return this.queue === undefined ? this.openedAt : this.queue.committed
  }

  get bytesInFlight(): number {
    return this.isOpen ? this.queue.bytesInFlight : 0
  }

  /** What is known of records that end their process; null where none was begun here. */
  get isolation(): Isolation | null {
    return this.isolations.get(this.processor.name) ?? null
  }

  /** From which of the shared reading's records on its own are for its queue: they are neither done, queued, nor left to the catch-up. */
  get sharedFrom(): number {
    return this.isOpen && this.behindFrom === null ? this.queue.endOffset : Number.POSITIVE_INFINITY
  }

  /** Whether steps are under way, or wait for their commit. */
  get isBusy(): boolean {
    return this.isOpen && this.queue.hasSteps
  }

  isStalled(now: number): boolean {
    return now - this.progressAt > stalledAfterMillis && this.isBusy
  }

  /** Queues records; `read` comes behind the last ones. Returns their bytes in flight. */
  add(records: ReadonlyArray<FetchedRecord>, isPacked: boolean): number {
    return this.queue.add(records, isPacked)
  }

  /** `endOffset` is the offset after everything that was read for it. */
  read(endOffset: number, highWatermark: number): void {
    this.queue.read(endOffset, highWatermark)
    this.context.shared.onProgress(this.untyped)
  }

  /** Discards what is queued; it is read again when there is room. */
  fallBehind(): void {
    this.behindFrom = this.queue.discardQueued()
  }

  observeProgress(): void {
    if (!this.isOpen) return
    const { highWatermark, bytesInFlight, committed, intake } = this.queue
    const upToDate = this.behindFrom === null && bytesInFlight === 0
    const lag = upToDate ? 0 : Math.max(0, highWatermark - committed)
    this.context.observe({
      type: "progress",
      ...this.name,
      lag,
      bytesInFlight,
      paused: intake?.paused === true || this.behindFrom !== null
    })
  }

  private onBusy(now: number): void {
    this.progressAt = now
    this.context.shared.busy.begun(this.untyped)
  }

  onCommitted({ now, ...commit }: CommitReport & { readonly now: number }): void {
    this.progressAt = now
    // A position alone says nothing of its steps.
    if (commit.next === null && commit.outputs === 0) return
    if (commit.steps > 0) {
      this.failures = 0
      this.limits.committed()
    }
    this.context.observe({ type: "committed", ...this.name, ...commit })
    this.context.shared.onProgress(this.untyped)
  }

  /** The group has an offset of the program's now: one that is set by hand from here on is news, even to the same number. */
  get onGroupCommitted(): (() => void) | undefined {
    if (this.groupOffset === null) return undefined
    return () => {
      if (this.groupOffset === null) return
      this.groupOffset = null
      this.storePosition()
    }
  }

  /** Its position is stored with the next commit, though it has not moved. */
  storePosition(): void {
    this.positionDue = true
    this.context.shared.onChange(this.untyped)
  }

  onPoison({ offset }: Inbound): void {
    this.context.observe({ type: "poison", ...this.name, offset })
  }

  /** The task, with its state as restored for `position`. Nothing is processed before `start`. */
  open(position: number): Effect.Effect<PartitionTask<E, R>, E | KafkaError, Exclude<R, Scope.Scope>> {
    return Effect.suspend(() => {
      this.openedAt = position
      const { input, append } = this.context
      const { at, topic, partitions } = input
      const assigned = { topic, partition: at.partition, partitions, position, append }
      this.scope = Scope.makeUnsafe()
      return Scope.provide(this.processor.open(assigned), this.scope)
    }) as Effect.Effect<PartitionTask<E, R>, E | KafkaError, Exclude<R, Scope.Scope>>
  }

  /** Processes records from `position` on. `sharedEnd` is how far the shared reading has come. */
  start(
    task: PartitionTask<E, R>,
    position: number,
    sharedEnd: number,
    begun = nothingBegun
  ): Effect.Effect<void, never, R> {
    return Effect.map(Effect.context<R>(), (services) => {
      this.opening = { task, begun, services }
      this.queue = new LazyQueue<E, R>(position, this)
      this.behindFrom = position < sharedEnd ? position : null
      this.catchUpReading = null
      this.isOpen = true
      this.context.observe({ type: "opened", ...this.name, position, millis: 0 })
      // What an earlier process left is looked at from the start.
      if (begun !== nothingBegun || this.isolation !== null || task.tick !== undefined) this.queue.ensure()
    })
  }

  /** Its queue and its steps, from where it stands. */
  makeQueue(from: { readonly committed: number; readonly endOffset: number }): MadeQueue<E, R> {
    const { task, begun, services } = this.opening!
    this.opening = null
    this.context.shared.beginning.add(this.untyped)
    return runNow(this.queueOf(task, begun, from), services)
  }

  private queueOf(
    task: PartitionTask<E, R>,
    begun: BegunRecords,
    { committed, endOffset }: { readonly committed: number; readonly endOffset: number }
  ): Effect.Effect<MadeQueue<E, R>, never, R> {
    return Effect.gen({ self: this }, function* () {
      const scope = this.scope!
      const { input, bytesInFlightMax, shared } = this.context
      const clock = yield* Clock.Clock
      const alone = yield* AloneInProcess
      const isolation = this.isolation ?? new Isolation()
      this.isolations.set(this.processor.name, isolation)
      const intake = new Intake({
        position: endOffset,
        topic: input.topic,
        limits: this.limits,
        accept: undefined,
        bytesInFlightMax: Math.min(bytesInFlightMax, this.processor.bytesInFlightMax ?? Number.POSITIVE_INFINITY),
        clock,
        together: this.together,
        waiting: shared.waiting,
        pause: nothing,
        resume: nothing,
        onReceived: nothing,
        isMoreComing: () => (this.behindFrom === null ? shared.isMoreComing() : this.catchUpReading !== null)
      })
      const changed = () => shared.onChange(this.untyped)
      const steps = new StepQueue({
        processor: this.processor,
        task: isolation.guard(task, committed, begun, { subscriber: this, alone, scope }),
        intake,
        committed,
        topic: input.topic,
        partition: input.at.partition,
        onBatch: (taken, isFirst) => {
          if (isFirst) this.onBusy(monotonicMillisUnsafe(clock))
          this.context.observe({
            type: "batch",
            ...this.name,
            records: taken.records.length,
            bytes: taken.bytes
          })
        },
        onChange: changed,
        requests: this.context.requests,
        group: this.together,
        isolation
      })
      yield* Effect.forkIn(steps.run(scope), scope)
      if (task.tick !== undefined) yield* Effect.forkIn(runTicks(task.tick, steps, changed, this), scope)
      return { intake, steps }
    })
  }

  close(): Effect.Effect<void> {
    return Effect.suspend(() => {
      this.isOpen = false
      this.ticked = null
      const { scope } = this
      this.scope = null
      const closed = scope === null ? Effect.void : Scope.close(scope, Exit.void)
      return this.isolation === null ? closed : Effect.andThen(closed, this.isolation.release())
    })
  }
}
