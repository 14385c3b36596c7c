/** Batches of several partitions that are due together are one step, which each partition commits, repeats or loses alone. */
import { assert, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Latch from "effect/Latch"
import * as TestClock from "effect/testing/TestClock"
import { settle } from "../testing/runtime-harness.ts"
import { sharedInputHarness, type Work } from "../testing/shared-input-harness.ts"
import type { Batch, PartOfStep, Step } from "./contract.ts"
import { type SharedPart, StepTogether } from "./step-together.ts"

const valuesOf = (batches: ReadonlyArray<Batch>) =>
  batches.flatMap(({ records }) => records.map(({ value }) => String(value)))

type Together = (
  batches: ReadonlyArray<Batch>,
  copied: ReadonlyArray<Step>
) => Effect.Effect<ReadonlyArray<PartOfStep<{ readonly message: string }, never>>, { readonly message: string }>

/** Three partitions of one processor; what its steps read, of one partition or together. */
const harness = (together: Together = (_, copied) => Effect.succeed(copied)) => {
  const steps: Array<ReadonlyArray<string>> = []
  const alone: Array<ReadonlyArray<string>> = []
  const made = sharedInputHarness(
    ["a"],
    {},
    {
      partitions: 3,
      linger: Duration.millis(500),
      stepTogether: (batches, copied) => {
        steps.push(valuesOf(batches))
        return together(batches, copied)
      }
    }
  )
  const work = (act: Work = (_, copied) => Effect.succeed(copied)) =>
    made.works.set("a", (batch, copied) => {
      alone.push(valuesOf([batch]))
      return act(batch, copied)
    })
  work()
  const write = (...values: ReadonlyArray<string>) =>
    Effect.andThen(made.write(values.map((value) => ["a", value, Number(value[0])])), settle)
  const pass = Effect.andThen(TestClock.adjust("600 millis"), settle)
  return { ...made, steps, alone, work, write, pass, out: () => [...made.out()].sort() }
}

const begun = Effect.fnUntraced(function* ({ start }: ReturnType<typeof harness>) {
  const fiber = yield* start
  yield* settle
  yield* TestClock.adjust("1 second")
  yield* settle
  return fiber
})

it.effect("takes one step, which each partition commits in its order", () =>
  Effect.gen(function* () {
    const held = harness()
    const fiber = yield* begun(held)
    for (const round of ["x", "y", "z"]) {
      yield* held.write(`0${round}`, `1${round}`, `2${round}`, `1${round}'`)
      yield* held.pass
    }
    assert.deepStrictEqual(
      held.steps.map((values) => [...values].sort()),
      ["x", "y", "z"].map((round) => [`0${round}`, `1${round}`, `1${round}'`, `2${round}`])
    )
    assert.deepStrictEqual(held.alone, [])
    yield* TestClock.adjust("2 seconds")
    yield* settle
    assert.deepStrictEqual(
      held.kafka.commits
        .map(({ transactionalId }) => transactionalId)
        .filter((id, index, all) => all.indexOf(id) === index)
        .sort(),
      ["copy.in.0", "copy.in.1", "copy.in.2"]
    )
    assert.deepStrictEqual(
      ["0", "1", "2"].map((partition) => held.out().filter((value) => value.startsWith(`a:${partition}`)).length),
      [3, 6, 3]
    )
    yield* Fiber.interrupt(fiber)
    // Each partition goes on behind what it committed.
    const again = yield* begun(held)
    yield* held.write("0last", "1last")
    yield* held.pass
    assert.lengthOf(held.out(), 14)
    yield* Fiber.interrupt(again)
  })
)

it.effect("cuts nothing more of a partition while its part is under way", () =>
  Effect.gen(function* () {
    const answered = yield* Deferred.make<void>()
    const held = harness((_, copied) => Effect.as(Deferred.await(answered), copied))
    const fiber = yield* begun(held)
    yield* held.write("0x", "1x")
    yield* held.pass
    yield* held.write("0y", "2y")
    yield* held.pass
    assert.lengthOf(held.steps, 1)
    assert.deepStrictEqual(held.alone, [["2y"]])
    yield* Deferred.succeed(answered, undefined)
    yield* settle
    yield* held.pass
    assert.deepStrictEqual(held.alone, [["2y"], ["0y"]])
    assert.deepStrictEqual(held.out(), ["a:0x", "a:0y", "a:1x", "a:2y"])
    yield* Fiber.interrupt(fiber)
  })
)

it.effect("lets a partition finish alone what is left to it, while the others are committed", () =>
  Effect.gen(function* () {
    const answered = yield* Deferred.make<void>()
    const held = harness((batches, copied) =>
      Effect.succeed(
        copied.map((step, index) =>
          batches[index]!.partition === 1 ? Effect.as(Deferred.await(answered), step) : step
        )
      )
    )
    const fiber = yield* begun(held)
    yield* held.write("0x", "1x", "2x")
    yield* held.pass
    assert.deepStrictEqual(held.out(), ["a:0x", "a:2x"])
    yield* Deferred.succeed(answered, undefined)
    yield* settle
    yield* held.pass
    assert.deepStrictEqual(held.out(), ["a:0x", "a:1x", "a:2x"])
    assert.deepStrictEqual(held.alone, [])
    yield* Fiber.interrupt(fiber)
  })
)

it.effect(
  "lets each partition take its step alone where it fails, so that one that fails again holds no other up",
  () =>
    Effect.gen(function* () {
      const held = harness(() => Effect.fail({ message: "no" }))
      let isBad = true
      held.work(({ partition }, copied) =>
        partition === 1 && isBad ? Effect.fail({ message: "bad" }) : Effect.succeed(copied)
      )
      const fiber = yield* begun(held)
      yield* held.write("0x", "1bad", "2x")
      yield* held.pass
      assert.deepStrictEqual(held.out(), ["a:0x", "a:2x"])
      assert.deepStrictEqual(
        held.events.flatMap((event) => (event.type === "reopening" ? [event.partition] : [])),
        [1]
      )
      yield* held.write("0y", "2y")
      yield* held.pass
      assert.deepStrictEqual(held.out(), ["a:0x", "a:0y", "a:2x", "a:2y"])
      isBad = false
      yield* TestClock.adjust("1 minute")
      yield* settle
      assert.include(held.out(), "a:1bad")
      yield* Fiber.interrupt(fiber)
    })
)

it.effect("ends with a partition that is lost; the others take their steps alone", () =>
  Effect.gen(function* () {
    let interrupted = 0
    const held = harness(() => Effect.onInterrupt(Effect.never, () => Effect.sync(() => void interrupted++)))
    const fiber = yield* begun(held)
    yield* held.write("0x", "1x", "2x")
    yield* held.pass
    assert.lengthOf(held.steps, 1)
    // Another member takes partitions over.
    const other = yield* held.start
    for (let second = 0; second < 30; second++) yield* Effect.andThen(TestClock.adjust("1 second"), settle)
    assert.isAtLeast(interrupted, 1)
    assert.deepStrictEqual(held.out(), ["a:0x", "a:1x", "a:2x"])
    yield* Fiber.interrupt(fiber)
    yield* Fiber.interrupt(other)
  })
)

it.effect(
  "does not begin where a partition is lost by the mark that it stores; the others store theirs, and go on alone",
  () =>
    Effect.gen(function* () {
      const happened: Array<string> = []
      const partOf = (topic: string, prepare: () => void): SharedPart<never, never> => ({
        batch: { topic, partition: 0, records: [] },
        ready: Latch.makeUnsafe(false),
        joined: () => undefined,
        prepare,
        complete: () => assert.fail("It did not begin."),
        goOn: (rest) => void happened.push(rest === null ? `${topic} goes on` : "rest")
      })
      const lost = partOf("lost", () => void Effect.runFork(together.leave(lost)))
      const kept = partOf("kept", () => void happened.push("kept is prepared"))
      const together: StepTogether<never, never> = new StepTogether([lost, kept])
      together.start(() => assert.fail("It began."), yield* Effect.context<never>())
      assert.deepStrictEqual(happened, ["kept goes on", "kept is prepared"])
    })
)

it.effect("finds a record that ends its process, whichever partition has it; all others are processed once", () =>
  Effect.gen(function* () {
    let isEnded = false
    const held = harness((batches, copied) => (valuesOf(batches).includes("1end") ? end : Effect.succeed(copied)))
    // The process is gone in the middle of the step: it commits nothing more.
    const end = Effect.suspend(() => {
      isEnded = true
      held.kafka.failCommits = 1_000
      return Effect.never
    })
    held.work((batch, copied) => (valuesOf([batch]).includes("1end") ? end : Effect.succeed(copied)))
    yield* held.write("0x", "1x", "1end", "2x")
    for (let ends = 0; held.out().length < 4; ends++) {
      assert.isBelow(ends, 8)
      isEnded = false
      const fiber = yield* held.start
      for (let second = 0; second < 30 && !isEnded && held.out().length < 4; second++)
        yield* Effect.andThen(settle, TestClock.adjust("1 second"))
      held.kafka.failCommits = 1_000
      const ending = yield* Effect.forkChild(Fiber.interrupt(fiber))
      yield* settle
      yield* TestClock.adjust("1 minute")
      yield* Fiber.await(ending)
      held.kafka.failCommits = 0
    }
    assert.deepStrictEqual(held.out(), ["a:0x", "a:1end is poison", "a:1x", "a:2x"])
    // Only before anything was known of the record.
    assert.deepStrictEqual(
      held.steps.map((values) => [...values].sort()),
      [["0x", "1end", "1x", "2x"]]
    )
  })
)
