import { assert, it } from "@effect/vitest"
import { Data, Duration, Effect, Fiber, Layer } from "effect"
import { TestClock } from "effect/testing"
import { MemoryKafka } from "../testing/memory-kafka.ts"
import type { Batch, Inbound, Processor, Step } from "./contract.ts"
import { type RuntimeEvent, RuntimeObserver } from "./observer.ts"
import { makeReadiness } from "./readiness.ts"
import { run } from "./runtime.ts"
import { layerRuntimeOptions, type RuntimeOptionsShape } from "./runtime-options.ts"

class StepFailed extends Data.TaggedError("StepFailed")<{ readonly message: string }> {}

const copyOf = (batch: Batch): Step => ({
  outputs: batch.records.map((record) => ({ topic: "out", key: null, value: record.value, partition: 0 }))
})

const copy = <E = never, R = never>(overrides: Partial<Processor<E, R>> = {}): Processor<E, R> => ({
  name: "copy",
  topics: ["in"],
  batch: { recordsMax: 2, bytesMax: 100_000, linger: Duration.zero },
  concurrency: 1,
  open: () => Effect.succeed({ step: (batch) => Effect.succeed(copyOf(batch)) }),
  ...overrides
})

/** A world of one or more partitions of `in`, and its runtime's events. */
const world = (partitions = 1, options: Partial<RuntimeOptionsShape> = {}) => {
  const kafka = new MemoryKafka()
  kafka.log.create("in", partitions)
  kafka.log.create("out", 1)
  const events: Array<RuntimeEvent> = []
  const layer = Layer.mergeAll(
    kafka.layer,
    layerRuntimeOptions(options),
    Layer.succeed(RuntimeObserver, (event) => void events.push(event))
  )
  const write = (values: ReadonlyArray<string>, partition = 0) =>
    kafka.client.produce(values.map((value) => ({ topic: "in", key: null, value: Buffer.from(value), partition })))
  const out = () => kafka.log.records({ topic: "out", partition: 0 }).map((record) => record.value?.toString())
  const start = <E, R>(processor: Processor<E, R>) => Effect.forkChild(run(processor).pipe(Effect.provide(layer)))
  return { kafka, events, write, out, start }
}

/** Gives every fiber its turns; time stands still. */
const settle = Effect.repeat(Effect.yieldNow, { times: 50 }).pipe(Effect.andThen(TestClock.adjust(0)))

it.effect("copies in order and commits up to the end", () =>
  Effect.gen(function* () {
    const { kafka, write, out, start } = world()
    yield* write(["a", "b", "c"])
    yield* start(copy())
    yield* settle
    yield* write(["d"])
    yield* settle
    assert.deepStrictEqual(out(), ["a", "b", "c", "d"])
    assert.strictEqual((yield* kafka.client.committed("copy", "in"))[0]?.offset, 4)
  })
)

it.effect("commits steps in order though the later ones are ready first, several in one transaction", () =>
  Effect.gen(function* () {
    const { kafka, write, out, start } = world()
    yield* write(["slow", "x", "y", "z", "v", "w"])
    const processor = copy({
      concurrency: 3,
      open: () =>
        Effect.succeed({
          step: (batch) =>
            Effect.succeed(copyOf(batch)).pipe(
              Effect.delay(batch.records[0]?.value?.toString() === "slow" ? "10 seconds" : "1 second")
            )
        })
    })
    yield* start(processor)
    yield* settle
    yield* TestClock.adjust("5 seconds")
    assert.deepStrictEqual(out(), [])
    yield* TestClock.adjust("5 seconds")
    yield* settle
    assert.deepStrictEqual(out(), ["slow", "x", "y", "z", "v", "w"])
    assert.deepStrictEqual(
      kafka.commits.map(({ next }) => next),
      [6]
    )
  })
)

it.effect("opens a partition again after a failed step, with growing delays, and loses and doubles nothing", () =>
  Effect.gen(function* () {
    const { write, out, start, events } = world()
    yield* write(["a", "b", "c"])
    let failures = 3
    const step = (batch: Batch) =>
      batch.records[0]?.value?.toString() === "c" && failures-- > 0
        ? Effect.fail(new StepFailed({ message: "not now" }))
        : Effect.succeed(copyOf(batch))
    yield* start(copy({ open: () => Effect.succeed({ step }) }))
    yield* settle
    assert.deepStrictEqual(out(), ["a", "b"])
    yield* TestClock.adjust("10 seconds")
    yield* settle
    assert.deepStrictEqual(out(), ["a", "b", "c"])
    const delays = events.filter((event) => event.type === "reopening").map((event) => event.delayMillis)
    assert.strictEqual(delays.length, 3)
    assert.isTrue(delays[0]! <= 250 && delays[2]! >= 500, String(delays))
  })
)

it.effect("recovers from a commit that the broker refused", () =>
  Effect.gen(function* () {
    const { kafka, write, out, start } = world()
    kafka.failCommits = 2
    yield* write(["a", "b", "c"])
    yield* start(copy())
    yield* settle
    yield* TestClock.adjust("5 seconds")
    yield* settle
    assert.deepStrictEqual(out(), ["a", "b", "c"])
  })
)

it.effect("restores state up to the committed offset, each time it opens", () =>
  Effect.gen(function* () {
    const { kafka, write, start } = world()
    const restored: Array<string> = []
    yield* write(["a", "b", "c"])
    yield* kafka.client.resetOffsets("copy", "in", [{ partition: 0, offset: 2 }])
    const restore = {
      topic: "in",
      since: "beginning" as const,
      until: "committed" as const,
      apply: (records: ReadonlyArray<Inbound>) =>
        Effect.sync(() => void restored.push(...records.map((record) => String(record.value))))
    }
    const open = () => Effect.succeed({ restore: [restore], step: (batch: Batch) => Effect.succeed(copyOf(batch)) })
    yield* start(copy({ open }))
    yield* settle
    assert.deepStrictEqual(restored, ["a", "b"])
    kafka.crash("copy")
    yield* TestClock.adjust("1 second")
    yield* settle
    assert.deepStrictEqual(restored, ["a", "b", "a", "b", "c"])
  })
)

it.effect("passes over records that aren't accepted and commits past them once a second", () =>
  Effect.gen(function* () {
    const { kafka, write, out, start } = world()
    yield* start(copy({ accept: (record) => record.value?.toString() !== "no" }))
    yield* settle
    yield* write(["no", "no"])
    yield* write(["no"])
    yield* settle
    assert.strictEqual(kafka.commits.length, 0)
    yield* TestClock.adjust("1 second")
    yield* settle
    assert.deepStrictEqual(
      kafka.commits.map(({ next, records }) => [next, records]),
      [[3, 0]]
    )
    assert.deepStrictEqual(out(), [])
  })
)

it.effect("commits a tick's output with the steps before it", () =>
  Effect.gen(function* () {
    const { kafka, write, out, start } = world()
    let seen = 0
    const open = () =>
      Effect.succeed({
        step: (batch: Batch) =>
          Effect.sync(() => {
            seen += batch.records.length
            return { outputs: [] }
          }),
        tick: {
          every: Duration.seconds(5),
          step: Effect.sync(() => ({
            outputs: [{ topic: "out", key: null, value: Buffer.from(`seen ${seen}`), partition: 0 }]
          }))
        }
      })
    yield* start(copy({ open }))
    yield* settle
    yield* write(["a", "b", "c"])
    yield* settle
    yield* TestClock.adjust("5 seconds")
    yield* settle
    assert.deepStrictEqual(out(), ["seen 3"])
    assert.strictEqual(kafka.commits.at(-1)?.next, null)
  })
)

it.effect("lets steps in flight finish when it is stopped, and takes nothing new", () =>
  Effect.gen(function* () {
    const { kafka, write, out, start } = world()
    yield* write(["a", "b", "c"])
    const open = () =>
      Effect.succeed({ step: (batch: Batch) => Effect.delay(Effect.succeed(copyOf(batch)), "3 seconds") })
    const fiber = yield* start(copy({ open }))
    yield* settle
    const stopping = yield* Effect.forkChild(Fiber.interrupt(fiber))
    yield* settle
    yield* TestClock.adjust("3 seconds")
    yield* settle
    yield* Fiber.join(stopping)
    assert.deepStrictEqual(out(), ["a", "b"])
    assert.deepStrictEqual(yield* kafka.client.groups, [{ groupId: "copy", members: 0 }])
  })
)

it.effect("gives up on steps that don't finish within the drain timeout", () =>
  Effect.gen(function* () {
    const { write, out, start } = world()
    yield* write(["a"])
    const fiber = yield* start(copy({ open: () => Effect.succeed({ step: () => Effect.never }) }))
    yield* settle
    const stopping = yield* Effect.forkChild(Fiber.interrupt(fiber))
    yield* settle
    yield* TestClock.adjust("20 seconds")
    yield* settle
    yield* Fiber.join(stopping)
    assert.deepStrictEqual(out(), [])
  })
)

it.effect("bounds what is in flight by pausing the partition, and goes on when it is committed", () =>
  Effect.gen(function* () {
    const { kafka, write, out, start, events } = world(1, { bytesInFlightMax: 1_000 })
    kafka.fetchRecordsMax = 1
    const open = () =>
      Effect.succeed({ step: (batch: Batch) => Effect.delay(Effect.succeed(copyOf(batch)), "1 second") })
    yield* start(copy({ open }))
    yield* settle
    for (let index = 0; index < 20; index++) yield* write([`${index}`.padEnd(200, "x")])
    yield* settle
    for (let second = 0; second < 30; second++) yield* TestClock.adjust("1 second").pipe(Effect.andThen(settle))
    assert.strictEqual(out().length, 20)
    const progress = events.filter((event) => event.type === "progress")
    assert.isTrue(progress.some(({ paused }) => paused))
    assert.isAtMost(Math.max(...progress.map(({ bytesInFlight }) => bytesInFlight)), 1_500)
  })
)

it.effect("moves partitions to a second member without loss or repeats, and keeps those that stay running", () =>
  Effect.gen(function* () {
    const { write, out, start, events } = world(4)
    for (let partition = 0; partition < 4; partition++) yield* write(["first"], partition)
    yield* start(copy())
    yield* settle
    const second = yield* start(copy())
    yield* settle
    for (let partition = 0; partition < 4; partition++) yield* write(["second"], partition)
    yield* settle
    yield* Fiber.interrupt(second)
    yield* settle
    for (let partition = 0; partition < 4; partition++) yield* write(["third"], partition)
    yield* settle
    assert.deepStrictEqual(
      out().sort(),
      ["first", "second", "third"].flatMap((text) => Array(4).fill(text))
    )
    const opened = events.filter((event) => event.type === "opened")
    assert.strictEqual(opened.length, 8)
  })
)

it.effect("is ready once every assigned partition is open", () =>
  Effect.gen(function* () {
    const { start, events } = world(2)
    const readiness = makeReadiness()
    assert.isFalse(readiness.isReady())
    yield* start(copy())
    yield* settle
    for (const event of events) readiness.observe(event)
    assert.isTrue(readiness.isReady("copy"))
    readiness.observe({ type: "left", processor: "copy", reason: "test" })
    assert.isFalse(readiness.isReady("copy"))
  })
)

it.effect("ends with the defect of a step: a bug isn't retried", () =>
  Effect.gen(function* () {
    const { write, start } = world()
    yield* write(["a"])
    const fiber = yield* start(copy({ open: () => Effect.succeed({ step: () => Effect.die("a bug") }) }))
    const exit = yield* Fiber.await(fiber)
    assert.include(String(exit), "a bug")
  })
)
