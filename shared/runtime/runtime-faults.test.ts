import { assert, it } from "@effect/vitest"
import * as Data from "effect/Data"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/testing/TestClock"
import { copy, copyOf, runtimeHarness, settle } from "../testing/runtime-harness.ts"
import type { Batch } from "./contract.ts"

class StepFailed extends Data.TaggedError("StepFailed")<{ readonly message: string }> {}

it.effect("opens a partition again after a failed step, with growing delays, and loses and doubles nothing", () =>
  Effect.gen(function* () {
    const { write, out, start, events } = runtimeHarness()
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
    const { kafka, write, out, start } = runtimeHarness()
    kafka.failCommits = 2
    yield* write(["a", "b", "c"])
    yield* start(copy())
    yield* settle
    yield* TestClock.adjust("5 seconds")
    yield* settle
    assert.deepStrictEqual(out(), ["a", "b", "c"])
  })
)

it.effect("halves what took longer than its transaction until it goes through, and grows again", () =>
  Effect.gen(function* () {
    const { kafka, write, out, start } = runtimeHarness()
    const ids = Array.from({ length: 400 }, (_, index) => `r${index}`)
    yield* write(ids)
    kafka.commitRecordsMax = 3
    yield* start(copy({ batch: { recordsMax: 100, bytesMax: 1_000_000, linger: Duration.millis(5) } }))
    yield* settle
    assert.deepStrictEqual(out(), [])
    for (let minute = 0; minute < 10 && out().length < ids.length; minute++) {
      yield* TestClock.adjust("1 minute")
      yield* settle
    }
    assert.deepStrictEqual(out(), ids)
    kafka.commitRecordsMax = Number.POSITIVE_INFINITY
    const before = kafka.commits.length
    yield* write(Array.from({ length: 4_000 }, (_, index) => `s${index}`))
    for (let minute = 0; minute < 20 && out().length < 4_400; minute++) {
      yield* TestClock.adjust("1 minute")
      yield* settle
    }
    assert.lengthOf(out(), 4_400)
    assert.isAbove(Math.max(...kafka.commits.slice(before).map(({ records }) => records)), 3)
  })
)

it.effect("releases a step's outputs when they are committed, and none that the broker refused", () =>
  Effect.gen(function* () {
    const { kafka, write, out, start } = runtimeHarness()
    kafka.failCommits = 1
    yield* write(["a", "b", "c"])
    const released: Array<ReadonlyArray<string | undefined>> = []
    const step = (batch: Batch) => Effect.succeed({ ...copyOf(batch), release: () => void released.push(out()) })
    yield* start(copy({ open: () => Effect.succeed({ step }) }))
    yield* settle
    assert.deepStrictEqual(released, [])
    yield* TestClock.adjust("5 seconds")
    yield* settle
    assert.deepStrictEqual(out(), ["a", "b", "c"])
    assert.lengthOf(released, 2)
    assert.deepStrictEqual(released[0]?.slice(0, 2), ["a", "b"])
    assert.deepStrictEqual(released[1], ["a", "b", "c"])
  })
)

it.effect(
  "releases the buffers of records that were skipped or whose step is complete, where the processor allows it",
  () =>
    Effect.gen(function* () {
      const released = (releasesInputBuffers: boolean, isAccepted: boolean, isFailing: boolean) =>
        Effect.gen(function* () {
          const { kafka, write, start } = runtimeHarness()
          const got: Array<string> = []
          yield* write(["a"])
          for (const record of kafka.log.records({ topic: "in", partition: 0 })) {
            Object.assign(record, { bufferRef: { release: () => got.push(String(record.value)) } })
          }
          const step = (batch: Batch) =>
            isFailing ? Effect.fail(new StepFailed({ message: "no" })) : Effect.succeed(copyOf(batch))
          const open = () => Effect.succeed({ step })
          const fiber = yield* start(copy({ open, releasesInputBuffers, accept: () => isAccepted }))
          yield* settle
          yield* Fiber.interrupt(fiber)
          return got
        })
      assert.deepStrictEqual(yield* released(true, true, false), ["a"])
      assert.deepStrictEqual(yield* released(true, false, false), ["a"])
      assert.deepStrictEqual(yield* released(true, true, true), [])
      assert.deepStrictEqual(yield* released(false, true, false), [])
    })
)

const correctable = ["too_large", "unsupported_compression"] as const

it.effect.each(correctable)(
  "tries slowly while an output is refused as %s, and goes on when that is corrected",
  (code) =>
    Effect.gen(function* () {
      const { kafka, write, out, start, events } = runtimeHarness()
      kafka.failCommits = 3
      kafka.failCode = code
      yield* write(["a"])
      yield* start(copy())
      yield* settle
      yield* TestClock.adjust("2 minutes")
      yield* settle
      assert.deepStrictEqual(out(), ["a"])
      const delays = events.filter((event) => event.type === "reopening").map((event) => event.delayMillis)
      assert.deepStrictEqual(delays, [30_000, 30_000, 30_000])
    })
)

it.effect("commits what came before an input that is damaged, and then tries slowly", () =>
  Effect.gen(function* () {
    const { kafka, write, out, start, events } = runtimeHarness()
    yield* write(["a", "b", "c"])
    const step = (batch: Batch) => Effect.delay(Effect.succeed(copyOf(batch)), "3 seconds")
    yield* start(copy({ open: () => Effect.succeed({ step }) }))
    yield* settle
    kafka.damage("copy", "in")
    for (let second = 0; second < 7; second++) yield* Effect.andThen(TestClock.adjust("1 second"), settle)
    assert.deepStrictEqual(out(), ["a", "b", "c"])
    const delays = () => events.filter((event) => event.type === "reopening").map((event) => event.delayMillis)
    assert.deepStrictEqual(delays(), [30_000])
    yield* write(["d"])
    for (let second = 0; second < 40; second++) yield* Effect.andThen(TestClock.adjust("1 second"), settle)
    assert.deepStrictEqual(out(), ["a", "b", "c", "d"])
    assert.deepStrictEqual(delays(), [30_000])
  })
)

it.effect("lets steps in flight finish when it is stopped, and takes nothing new", () =>
  Effect.gen(function* () {
    const { kafka, write, out, start } = runtimeHarness()
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
    assert.deepStrictEqual(yield* kafka.client.groups, [{ groupId: "copy", members: 0, processors: [] }])
  })
)

it.effect("gives up on steps that don't finish within the drain timeout", () =>
  Effect.gen(function* () {
    const { write, out, start } = runtimeHarness()
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

it.effect("ends with the defect of a step: a bug isn't retried", () =>
  Effect.gen(function* () {
    const { write, start } = runtimeHarness()
    yield* write(["a"])
    const fiber = yield* start(copy({ open: () => Effect.succeed({ step: () => Effect.die("a bug") }) }))
    const exit = yield* Fiber.await(fiber)
    assert.include(String(exit), "a bug")
  })
)

it.effect("joins again when no records are received though the log has some", () =>
  Effect.gen(function* () {
    const { kafka, write, out, start, events } = runtimeHarness()
    yield* start(copy())
    yield* settle
    kafka.silent = true
    yield* write(["a"])
    yield* TestClock.adjust("89 seconds")
    kafka.silent = false
    assert.deepStrictEqual(out(), [])
    yield* TestClock.adjust("5 seconds")
    yield* settle
    assert.deepStrictEqual(out(), ["a"])
    assert.isTrue(events.some((event) => event.type === "left" && event.reason.includes("No records")))
  })
)

it.effect("does so also where the clock was set back since the log's end was asked for", () =>
  Effect.gen(function* () {
    yield* TestClock.setTime(3_600_000)
    const { kafka, write, start, events } = runtimeHarness()
    const fiber = yield* start(copy())
    yield* TestClock.adjust("2 minutes")
    yield* Fiber.interrupt(fiber)
    yield* TestClock.setTime(0)
    yield* start(copy())
    yield* settle
    kafka.silent = true
    yield* write(["a"])
    yield* TestClock.adjust("3 minutes")
    assert.isTrue(events.some((event) => event.type === "left" && event.reason.includes("No records")))
  })
)

it.effect("logs an error when the committed offset is not in the log, and goes on at the log's beginning", () =>
  Effect.gen(function* () {
    const { kafka, write, out, start, events } = runtimeHarness()
    yield* write(["a", "b"])
    yield* kafka.client.commitOffsets("copy", [{ topic: "in", partition: 0, next: 10 }])
    yield* start(copy())
    yield* settle
    assert.deepStrictEqual(out(), ["a", "b"])
    assert.deepStrictEqual(
      events.filter((event) => event.type === "lost").map(({ from, to }) => [from, to]),
      [[10, 0]]
    )
  })
)
