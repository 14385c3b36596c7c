import { assert, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/testing/TestClock"
import { committedOffsets } from "../testing/kafka-probe.ts"
import { copy, copyOf, runtimeHarness, settle } from "../testing/runtime-harness.ts"
import type { Batch, Inbound } from "./contract.ts"
import { makePartitionHealth } from "./health.ts"

it.effect("copies in order and commits up to the end", () =>
  Effect.gen(function* () {
    const { kafka, write, out, start } = runtimeHarness()
    yield* write(["a", "b", "c"])
    yield* start(copy())
    yield* settle
    yield* write(["d"])
    yield* settle
    assert.deepStrictEqual(out(), ["a", "b", "c", "d"])
    assert.strictEqual((yield* committedOffsets(kafka.client, "copy", "in"))[0]?.offset, 4)
  })
)

it.effect("commits steps in order though the later ones are ready first, several in one transaction", () =>
  Effect.gen(function* () {
    const { kafka, write, out, start } = runtimeHarness()
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

it.effect("restores state up to the committed offset, each time it opens", () =>
  Effect.gen(function* () {
    const { kafka, write, start } = runtimeHarness()
    const restored: Array<string> = []
    yield* write(["a", "b", "c"])
    yield* kafka.client.commitOffsets("copy", [{ topic: "in", partition: 0, next: 2 }])
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

it.effect("skips records that aren't accepted and commits past them once a second", () =>
  Effect.gen(function* () {
    const { kafka, write, out, start } = runtimeHarness()
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
    const { kafka, write, out, start } = runtimeHarness()
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

it.effect.each([
  { of: "the runtime", runtime: { bytesInFlightMax: 1_000 }, processor: {} },
  { of: "the processor", runtime: {}, processor: { bytesInFlightMax: 1_000 } }
])("bounds what is in flight by pausing the partition, and goes on when it is committed: by $of", (bound) =>
  Effect.gen(function* () {
    const { kafka, write, out, start, events } = runtimeHarness(1, bound.runtime)
    kafka.fetchRecordsMax = 1
    const open = () =>
      Effect.succeed({ step: (batch: Batch) => Effect.delay(Effect.succeed(copyOf(batch)), "1 second") })
    yield* start(copy({ open, ...bound.processor }))
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
    const { write, out, start, events } = runtimeHarness(4)
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
    const { start, events } = runtimeHarness(2)
    const { observe, dependencies } = makePartitionHealth(() => 0)
    assert.deepStrictEqual(dependencies(), {})
    yield* start(copy())
    yield* settle
    for (const event of events) observe(event)
    assert.isTrue(dependencies()["partitions:copy"]?.healthy)
    observe({ type: "left", processor: "copy", reason: "test" })
    assert.isFalse(dependencies()["partitions:copy"]?.healthy)
  })
)

it.effect("opens partitions again when their topic has got more, after the steps in flight", () =>
  Effect.gen(function* () {
    const { kafka, events, write, out, start } = runtimeHarness(2)
    const counts: Array<number | undefined> = []
    yield* write(["a", "b"])
    yield* start(
      copy({
        open: ({ partitions }) => {
          counts.push(partitions)
          return Effect.succeed({ step: (batch) => Effect.delay(Effect.succeed(copyOf(batch)), "1 second") })
        }
      })
    )
    yield* settle
    yield* kafka.client.addPartitions(["in"], 3)
    yield* settle
    assert.deepStrictEqual(counts, [2, 2, 3, 3])
    yield* TestClock.adjust("1 second")
    yield* settle
    assert.deepStrictEqual(out(), ["a", "b"])
    assert.deepStrictEqual(counts, [2, 2, 3, 3, 3])
    yield* write(["c"])
    yield* settle
    yield* TestClock.adjust("1 second")
    yield* settle
    assert.deepStrictEqual(out(), ["a", "b", "c"])
    assert.deepStrictEqual(
      events.filter(({ type }) => type === "reopening"),
      []
    )
  })
)
