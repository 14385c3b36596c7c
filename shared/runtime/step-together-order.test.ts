/**
 * Whatever happens to steps of several partitions, each partition has one step at a time, gets on, and commits each of its
 * records once and in its order.
 */
import { assert, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Latch from "effect/Latch"
import * as TestClock from "effect/testing/TestClock"
import fc from "fast-check"
import { settle } from "../testing/runtime-harness.ts"
import { sharedInputHarness } from "../testing/shared-input-harness.ts"
import type { Batch, Step } from "./contract.ts"

/** How many there are. */
interface Sizes {
  readonly names: ReadonlyArray<string>
  readonly partitions: number
}

const few: Sizes = { names: ["a", "b", "c"], partitions: 4 }
/** A fetch is for so many that its records are packed. */
const many: Sizes = { names: [..."abcdefghijkl"], partitions: 2 }

const failure = { message: "for the test" }

const acts = ["complete", "fail", "slow", "leave", "wait"] as const
type Act = (typeof acts)[number]

const happeningsOf = ({ names, partitions }: Sizes) => [
  {
    weight: 6,
    arbitrary: fc.record({
      records: fc.array(fc.nat(names.length * partitions - 1), { maxLength: 4 * names.length })
    })
  },
  { weight: 4, arbitrary: fc.record({ millis: fc.integer({ min: 1, max: 700 }) }) },
  { weight: 3, arbitrary: fc.record({ act: fc.constantFrom(...acts) }) }
]
/** A second member comes, or goes. */
const member = { weight: 1, arbitrary: fc.constant("member" as const) }
/** The program is started again; the group throws its member out; commits fail, are written without an answer, or take long. */
const troubles = [
  { weight: 1, arbitrary: fc.constantFrom("restart" as const, "crash" as const) },
  { weight: 1, arbitrary: fc.record({ failCommits: fc.integer({ min: 1, max: 3 }) }) },
  { weight: 1, arbitrary: fc.record({ lostAnswers: fc.integer({ min: 1, max: 2 }) }) },
  { weight: 1, arbitrary: fc.record({ commitMillis: fc.constantFrom(0, 5, 400, 2_500) }) }
]

type Happening =
  | "member"
  | "restart"
  | "crash"
  | { readonly failCommits: number }
  | { readonly lostAnswers: number }
  | { readonly commitMillis: number }
  | { readonly records: ReadonlyArray<number> }
  | { readonly millis: number }
  | { readonly act: Act }

const pass = (millis: number) => Effect.andThen(TestClock.adjust(millis), settle)

const textOf = (batches: ReadonlyArray<Batch>) =>
  batches.map(({ records }) => records.map(({ value }) => String(value)))

/**
 * Processors whose steps end as `act` says; `overlaps` are those of a partition that had one under way, `changed` records that were others
 * at the end of their step.
 */
const processors = ({ names, partitions }: Sizes) => {
  const steps = {
    act: "complete" as Act,
    answered: Latch.makeUnsafe(true),
    overlaps: [] as string[],
    changed: [] as Array<Array<string>>,
    together: 0
  }
  const underWay = new Set<string>()
  const oneAtATime = <A, E>(name: string, batches: ReadonlyArray<Batch>, step: Effect.Effect<A, E>) =>
    Effect.suspend(() => {
      const keys = batches.map(({ partition }) => `${name}/${partition}`)
      steps.overlaps.push(...keys.filter((key) => underWay.has(key)))
      for (const key of keys) underWay.add(key)
      const begunWith = textOf(batches)
      const ended = Effect.sync(() => {
        const endedWith = textOf(batches)
        if (endedWith.join() !== begunWith.join()) steps.changed.push(...endedWith)
        for (const key of keys) underWay.delete(key)
      })
      return Effect.ensuring(step, ended)
    })
  const late = (step: Step) => Effect.delay(Effect.succeed(step), "300 millis")
  const harness = sharedInputHarness(
    names,
    { bytesInFlightMax: 4_000 },
    {
      partitions,
      linger: Duration.millis(200),
      stepTogether: (batches, copied) => {
        const { act } = steps
        steps.together++
        const name = String(copied[0]!.outputs[0]!.key)
        const parts = copied.map((step, index) =>
          act === "leave" && index % 2 === 0 ? oneAtATime(name, [batches[index]!], late(step)) : step
        )
        const waited = act === "slow" ? Effect.sleep("300 millis") : act === "wait" ? steps.answered.await : Effect.void
        return oneAtATime(name, batches, act === "fail" ? Effect.fail(failure) : Effect.as(waited, parts))
      }
    }
  )
  for (const name of names)
    harness.works.set(name, (batch, copied) =>
      oneAtATime(name, [batch], steps.act === "fail" ? Effect.fail(failure) : Effect.succeed(copied))
    )
  return { ...harness, steps }
}

const run = Effect.fnUntraced(function* (sizes: Sizes, some: ReadonlyArray<Happening>) {
  const { names, partitions } = sizes
  const { kafka, out, start, steps, write } = processors(sizes)
  const expected: Array<string> = []
  const stop = Effect.fnUntraced(function* (fiber: Fiber.Fiber<unknown, unknown>) {
    const stopping = yield* Effect.forkChild(Fiber.interrupt(fiber))
    for (let second = 0; second < 40; second++) yield* pass(1_000)
    yield* Fiber.join(stopping)
  })
  let first = yield* start
  yield* pass(1_000)
  let other: Fiber.Fiber<unknown, unknown> | null = null
  for (const one of some) {
    if (one === "member") {
      if (other !== null) yield* stop(other)
      other = other === null ? yield* start : null
      yield* pass(3_000)
    } else if (one === "restart") {
      yield* stop(first)
      first = yield* start
    } else if (one === "crash") kafka.crash("copy")
    else if ("records" in one) {
      const records = one.records.map((number, index) => {
        const partition = number % partitions
        return [names[Math.floor(number / partitions)]!, `${partition}/${expected.length + index}`, partition] as const
      })
      expected.push(...records.map(([name, value]) => `${name}:${value}`))
      yield* Effect.andThen(write(records), settle)
    } else if ("millis" in one) yield* pass(one.millis)
    else if ("failCommits" in one) kafka.failCommits = one.failCommits
    else if ("lostAnswers" in one) kafka.lostAnswers = one.lostAnswers
    else if ("commitMillis" in one) kafka.commitMillis = one.commitMillis
    else {
      steps.act = one.act
      if (one.act === "wait") steps.answered.closeUnsafe()
      else steps.answered.openUnsafe()
    }
  }
  Object.assign(kafka, { failCommits: 0, lostAnswers: 0, commitMillis: 0 })
  steps.act = "complete"
  yield* steps.answered.open
  for (let second = 0; second < 60; second++) yield* pass(1_000)
  const asserted = Effect.sync(() => {
    assert.deepStrictEqual([...out()].sort(), [...expected].sort())
    for (const name of names)
      for (let partition = 0; partition < partitions; partition++) {
        const isOf = (value: string) => value.startsWith(`${name}:${partition}/`)
        assert.deepStrictEqual(out().filter(isOf), expected.filter(isOf))
      }
    assert.deepStrictEqual(steps.changed, [])
    // Where a partition moves, a step that made no request is ended while the new owner begins.
    if (!some.includes("member") && !some.includes("crash")) assert.deepStrictEqual(steps.overlaps, [])
  })
  // They end by the test's clock, which does not go on by itself after a failure.
  const exit = yield* Effect.exit(asserted)
  if (other !== null) yield* stop(other)
  yield* stop(first)
  yield* exit
  return steps.together
})

/** A partition is lost by the commit that its step with another partition waits for. */
const lostAsItBegins: Array<Happening> = [{ records: [11, 11] }, { records: [0, 8, 0] }, "member"]

/** A step fails while the one before it waits for its commit. */
const failsBehindAnother: Array<Happening> = [
  { act: "wait" },
  { records: [4] },
  { records: [5] },
  { millis: 200 },
  { commitMillis: 400 },
  { records: [4, 0] },
  { millis: 200 },
  { act: "fail" },
  { commitMillis: 0 },
  { lostAnswers: 1 },
  { act: "complete" }
]

/** A commit loses its answer while its partition is lost. */
const answerLostAsItMoves: Array<Happening> = [
  { act: "slow" },
  { records: [9, 8] },
  { millis: 200 },
  { commitMillis: 400 },
  "crash",
  { act: "complete" },
  { millis: 1 },
  { lostAnswers: 2 },
  { millis: 399 }
]

/** A record in every partition of every processor. */
const dueTogether = ({ names, partitions }: Sizes): Array<Happening> => [
  { records: Array.from({ length: names.length * partitions }, (_, number) => number) },
  { millis: 700 }
]

const check = async (
  sizes: Sizes,
  happening: fc.Arbitrary<Happening>,
  numRuns: number,
  ...examples: ReadonlyArray<Array<Happening>>
) => {
  const stepsTogether = (some: ReadonlyArray<Happening>) =>
    Effect.runPromise(Effect.scoped(Effect.provide(run(sizes, some), TestClock.layer())))
  assert.isAtLeast(await stepsTogether(dueTogether(sizes)), sizes.names.length)
  await fc.assert(
    fc.asyncProperty(fc.array(happening, { minLength: 5, maxLength: 40 }), async (some) => {
      await stepsTogether(some)
    }),
    { numRuns, examples: examples.map((example): [Array<Happening>] => [example]) }
  )
}

it("commits each record once, in the order of its partition, and one step after the other", () =>
  check(few, fc.oneof(...happeningsOf(few)), 40, lostAsItBegins))

it("commits each record once and in order while partitions move", () =>
  check(few, fc.oneof(...happeningsOf(few), member), 20, lostAsItBegins))

it("commits each record once and in order of many processors whose commits fail, some of them though they were written", () =>
  check(many, fc.oneof(...happeningsOf(many), member, ...troubles), 20, failsBehindAnother, answerLostAsItMoves))
