/** Whatever fails while a transaction is open over several writes, each record of a partition is committed once and in order. */
import { assert, it } from "@effect/vitest"
import * as Data from "effect/Data"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/testing/TestClock"
import fc from "fast-check"
import { copy, copyOf, runtimeHarness, settle } from "../testing/runtime-harness.ts"
import type { Batch } from "./contract.ts"

class StepFailed extends Data.TaggedError("StepFailed")<{ readonly message: string }> {}

const partitions = 2
const acts = ["complete", "fail", "slow"] as const

/** Records for a partition; time; how steps end; the program is started again; the group throws its member out; commits fail, are written without an answer, or take long. */
const happening = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ partition: fc.nat(partitions - 1), count: fc.integer({ min: 1, max: 60 }) })
  },
  { weight: 4, arbitrary: fc.record({ millis: fc.integer({ min: 1, max: 700 }) }) },
  { weight: 3, arbitrary: fc.record({ act: fc.constantFrom(...acts) }) },
  { weight: 1, arbitrary: fc.constantFrom("restart" as const, "crash" as const, "member" as const) },
  { weight: 1, arbitrary: fc.record({ failCommits: fc.integer({ min: 1, max: 3 }) }) },
  { weight: 1, arbitrary: fc.record({ lostAnswers: fc.integer({ min: 1, max: 2 }) }) },
  { weight: 1, arbitrary: fc.record({ commitMillis: fc.constantFrom(0, 5, 400, 2_500) }) }
)

type Happening = typeof happening extends fc.Arbitrary<infer H> ? H : never

const pass = (millis: number) => Effect.andThen(TestClock.adjust(millis), settle)

const run = Effect.fnUntraced(function* (concurrency: number, some: ReadonlyArray<Happening>) {
  yield* TestClock.setTime(60_000)
  const { kafka, out, start, write } = runtimeHarness(partitions, { commitSoonBytes: 0 })
  kafka.fetchRecordsMax = 3
  let act: (typeof acts)[number] = "complete"
  const releasedTwice: Array<string> = []
  const step = (batch: Batch) =>
    Effect.suspend(() => {
      if (act === "fail") return new StepFailed({ message: "for the test" })
      let isReleased = false
      const release = () => {
        if (isReleased) releasedTwice.push(`${batch.partition}/${batch.records[0]!.offset}`)
        isReleased = true
      }
      const late = { ...copyOf(batch), writtenAt: 50_000, release }
      return act === "slow" ? Effect.delay(Effect.succeed(late), "300 millis") : Effect.succeed(late)
    })
  const processor = copy<StepFailed>({
    batch: { recordsMax: 2, bytesMax: 100_000, linger: Duration.millis(20) },
    concurrency,
    bytesInFlightMax: 1_500,
    open: () => Effect.succeed({ step })
  })
  const stop = Effect.fnUntraced(function* (fiber: Fiber.Fiber<unknown, unknown>) {
    const stopping = yield* Effect.forkChild(Fiber.interrupt(fiber))
    for (let second = 0; second < 40; second++) yield* pass(1_000)
    yield* Fiber.join(stopping)
  })
  const expected = Array.from({ length: partitions }, () => [] as Array<string>)
  let first = yield* start(processor)
  let other: Fiber.Fiber<unknown, unknown> | null = null
  yield* pass(1_000)
  for (const one of some) {
    if (one === "restart") {
      yield* stop(first)
      first = yield* start(processor)
    } else if (one === "crash") kafka.crash("copy")
    else if (one === "member") {
      if (other !== null) yield* stop(other)
      other = other === null ? yield* start(processor) : null
    } else if ("partition" in one) {
      const { partition, count } = one
      const values = Array.from({ length: count }, (_, index) => `${partition}/${expected[partition]!.length + index}`)
      expected[partition]!.push(...values)
      yield* Effect.andThen(write(values, partition), settle)
    } else if ("millis" in one) yield* pass(one.millis)
    else if ("act" in one) act = one.act
    else Object.assign(kafka, one)
  }
  Object.assign(kafka, { failCommits: 0, lostAnswers: 0, commitMillis: 0 })
  act = "complete"
  for (let second = 0; second < 100; second++) yield* pass(1_000)
  const asserted = Effect.sync(() => {
    for (const [partition, values] of expected.entries())
      assert.deepStrictEqual(
        out().filter((value) => value!.startsWith(`${partition}/`)),
        values
      )
    assert.deepStrictEqual(releasedTwice, [])
  })
  const exit = yield* Effect.exit(asserted)
  if (other !== null) yield* stop(other)
  yield* stop(first)
  yield* exit
  return kafka.writes
})

it("commits each record once, in the order of its partition", async () => {
  let writes = 0
  const runs = 30
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(1, 3),
      fc.array(happening, { minLength: 5, maxLength: 40 }),
      async (concurrency, some) => {
        writes += await Effect.runPromise(Effect.scoped(Effect.provide(run(concurrency, some), TestClock.layer())))
      }
    ),
    { numRuns: runs }
  )
  assert.isAbove(writes, runs)
})
