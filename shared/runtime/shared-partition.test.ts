import { assert, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/testing/TestClock"
import type { FetchedRecord } from "../kafka/client.ts"
import { monotonicMillis } from "../model/monotonic.ts"
import { clocksSet, withWallClock } from "../testing/wall-clock.ts"
import { AdaptiveBatchLimits } from "./adaptive-limits.ts"
import { BatchGroup } from "./batch-group.ts"
import { Intake } from "./intake.ts"
import { LazyQueue } from "./lazy-queue.ts"
import { SharedPartition } from "./shared-partition.ts"
import { Subscriber } from "./subscriber.ts"

const at = { topic: "in", partition: 0 }
const batch = { recordsMax: 100, bytesMax: 1_000_000, linger: Duration.millis(500) }

/** A record of 1,000 bytes beside what its object takes. */
const record = (to: string, offset: number): FetchedRecord => ({
  ...at,
  offset,
  timestamp: 0,
  key: null,
  value: Buffer.alloc(1_000),
  headers: { to }
})

/** A partition with room for ten such records, whose subscribers take batches without ever working on them. */
const partitionOf = Effect.fnUntraced(function* (names: ReadonlyArray<string>) {
  const clock = yield* Clock.Clock
  const bytesInFlightMax = 12_000
  const paused: Array<boolean> = []
  const member = { pause: () => void paused.push(true), resume: () => void paused.push(false), seek: () => undefined }
  const subscribers = new Map<string, Subscriber<never, never>>()
  const partition = new SharedPartition<never, never>({
    at,
    topic: "in",
    prefix: "",
    member,
    producer: { commit: () => Effect.void, begin: Effect.die("Shared partitions leave no transaction open.") },
    groupOffsets: { moved: () => undefined },
    limits: new AdaptiveBatchLimits(batch, 1_000_000),
    bytesInFlightMax,
    clock,
    processorOf: ({ headers }) => String(headers["to"]),
    subscribers,
    position: 0
  })
  for (const name of names) {
    const limits = new AdaptiveBatchLimits(batch, 1_000_000)
    const one = new Subscriber<never, never>(
      { name } as never,
      { runtime: { prefix: "" }, shared: partition } as never,
      {
        limits,
        together: new BatchGroup(),
        isolations: new Map(),
        groupOffset: null
      }
    )
    const intake = new Intake({
      position: 0,
      topic: "in",
      limits,
      accept: undefined,
      bytesInFlightMax,
      clock,
      pause: () => undefined,
      resume: () => undefined,
      onReceived: () => undefined,
      waiting: partition.waiting,
      isMoreComing: partition.isMoreComing
    })
    one.queue = new LazyQueue<never, never>(0, { makeQueue: () => ({ intake, steps: { isEmpty: true } as never }) })
    one.queue.ensure()
    one.isOpen = true
    subscribers.set(name, one)
    partition.subscribers.push(one)
  }
  const taken: Array<readonly [name: string, records: number]> = []
  /** It takes batches from now on. */
  const work = (name: string) =>
    Effect.forkChild(
      Effect.forever(
        Effect.map(
          subscribers.get(name)!.queue.intake!.take,
          (found) => void taken.push([name, found?.records.length ?? 0])
        )
      ),
      { startImmediately: true }
    )
  const push = (to: ReadonlyArray<string>) =>
    Effect.suspend(() => {
      const first = partition.endOffset
      partition.push(
        to.map((name, index) => record(name, first + index)),
        first + to.length,
        1_000_000
      )
      return Effect.repeat(Effect.yieldNow, { times: 10 })
    })
  return { partition, paused, taken, work, push }
})

it.effect("sends the largest queues when the memory is full, and lets the others grow", () =>
  Effect.gen(function* () {
    const { paused, taken, work, push } = yield* partitionOf(["a", "b", "c"])
    for (const name of ["a", "b", "c"]) yield* work(name)
    yield* push(["a", "a", "a", "a", "a", "b", "b", "b"])
    assert.deepStrictEqual([taken, paused], [[], []])
    yield* push(["b", "c", "c"])
    assert.deepStrictEqual(paused, [true])
    // Half of the memory is left for what is queued: five records.
    assert.deepStrictEqual(taken, [
      ["a", 5],
      ["b", 4]
    ])
  })
)

it.effect("leaves a queue whose step is under way, and looks at it again when there is still no room", () =>
  Effect.gen(function* () {
    const { partition, taken, work, push } = yield* partitionOf(["a", "b", "c"])
    yield* work("b")
    yield* push(["a", "a", "a", "a", "a", "a", "a", "b", "b", "c", "c"])
    assert.deepStrictEqual(taken, [["b", 2]])
    yield* work("a")
    partition.resumeIfRoom()
    yield* Effect.repeat(Effect.yieldNow, { times: 10 })
    assert.deepStrictEqual(taken, [
      ["b", 2],
      ["a", 7]
    ])
  })
)

it.effect(
  "counts on no step under way once the memory has been full for a while, so that the others do not wait for it",
  () =>
    Effect.gen(function* () {
      const { partition, taken, work, push } = yield* partitionOf(["slow", "b"])
      const slow = yield* work("slow")
      yield* push(["slow", "slow", "slow", "slow", "slow", "slow", "slow", "b", "b", "b", "b"])
      assert.deepStrictEqual(taken, [["slow", 7]])
      yield* Fiber.interrupt(slow)
      yield* work("b")
      partition.resumeIfRoom()
      yield* Effect.repeat(Effect.yieldNow, { times: 10 })
      assert.deepStrictEqual(taken, [["slow", 7]])
      partition.cutLargest(true)
      yield* Effect.repeat(Effect.yieldNow, { times: 10 })
      assert.deepStrictEqual(taken, [
        ["slow", 7],
        ["b", 4]
      ])
    })
)

it.effect("takes one without a commit for stalled after a second", () =>
  Effect.gen(function* () {
    const { partition } = yield* partitionOf(["a"])
    const one = partition.subscribers[0]!
    const intake = one.queue.intake!
    one.queue = new LazyQueue<never, never>(0, { makeQueue: () => ({ intake, steps: { isEmpty: false } as never }) })
    one.queue.ensure()
    one.onCommitted({ next: null, steps: 0, outputs: 0, millis: 0, now: 3_600_000 })
    assert.isFalse(one.isStalled(3_601_000))
    assert.isTrue(one.isStalled(3_601_001))
  })
)

it.effect.each(clocksSet)(
  "keeps a stalled one from the memory of others though the wall clock is set %s",
  ([, millis]) =>
    withWallClock((wall) =>
      Effect.gen(function* () {
        const { partition, push, work } = yield* partitionOf(["a", "b"])
        const one = partition.subscribers[0]!
        const intake = one.queue.intake!
        one.queue = new LazyQueue<never, never>(0, {
          makeQueue: () => ({ intake, steps: { isEmpty: false } as never })
        })
        one.queue.ensure()
        yield* work("b")
        one.onCommitted({ next: null, steps: 0, outputs: 0, millis: 0, now: yield* monotonicMillis })
        partition.busy.begun(one)
        yield* push(["a", "a"])
        wall.aheadMillis = millis
        yield* TestClock.adjust("1 second")
        yield* push(["a"])
        assert.isNull(one.behindFrom)
        yield* TestClock.adjust("1 millis")
        yield* push(["a"])
        assert.strictEqual(one.behindFrom, 3)
      })
    )
)

it.effect("keeps a fetch's buffer for the queues of few, and copies what is for many", () =>
  Effect.gen(function* () {
    const releasedWith = Effect.fnUntraced(function* (names: ReadonlyArray<string>) {
      const { partition } = yield* partitionOf(names)
      let released = 0
      const bufferRef = { release: () => void released++ }
      partition.push(
        names.map((name, offset) => ({ ...record(name, offset), bufferRef })),
        names.length,
        1_000_000
      )
      assert.strictEqual(partition.bytesInFlight, names.length * 1_200)
      return released
    })
    const names = ["a", "b", "c", "d", "e", "f", "g", "h"]
    assert.strictEqual(yield* releasedWith(names.slice(1)), 0)
    assert.strictEqual(yield* releasedWith(names), 8)
  })
)

it.effect(
  "begins transactions further apart where the events that come were written seconds ago, but not while the memory is full",
  () =>
    Effect.gen(function* () {
      const { partition } = yield* partitionOf(["a", "b", "c", "d", "e", "f", "g", "h"])
      const now = 10_000_000
      yield* TestClock.setTime(now)
      for (const one of partition.subscribers) partition.busy.begun(one)
      partition.committedAt = now
      const waitAfter = (ageMillis: number, records: number) => {
        const read = Array.from({ length: records }, (_, index) => ({
          ...record("a", partition.endOffset + index),
          timestamp: now - ageMillis
        }))
        partition.push(read, partition.endOffset + records, 1_000_000)
        return partition.millisToCommit(now)
      }
      assert.deepStrictEqual([waitAfter(1_999, 1), waitAfter(2_000, 1), waitAfter(0, 1)], [25, 100, 25])
      partition.subscribers[0]!.storePosition()
      assert.strictEqual(waitAfter(2_000, 1), 25, "a step waits for it")
      partition.positionDue.close()
      assert.deepStrictEqual(
        [waitAfter(0, 1), waitAfter(60_000, 0), waitAfter(60_000, 1), waitAfter(60_000, 10)],
        [25, 25, 100, 25]
      )
      assert.isTrue(partition.paused)
    })
)
