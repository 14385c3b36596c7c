import { assert, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/testing/TestClock"
import { BatchGroup } from "./batch-group.ts"
import type { CutTogether } from "./cut-together.ts"
import { Intake, type TakenBatch } from "./intake.ts"

const record = { topic: "in", partition: 0, offset: 0, timestamp: 0, key: null, value: Buffer.from("a"), headers: {} }

/** Queues of so many partitions, each waited for; and what was cut of each. */
const queuesOf = Effect.fnUntraced(function* (partitions: number) {
  const together = new BatchGroup()
  const clock = yield* Clock.Clock
  const taken: Array<TakenBatch> = []
  const intakes = Array.from(
    { length: partitions },
    () =>
      new Intake({
        position: 0,
        topic: "in",
        limits: { recordsMax: 10, bytesMax: 100_000, linger: Duration.millis(500) },
        accept: undefined,
        bytesInFlightMax: 100_000,
        clock,
        pause: () => undefined,
        resume: () => undefined,
        onReceived: () => undefined,
        together
      })
  )
  const fibers = yield* Effect.forEach(intakes, (intake) =>
    Effect.forkChild(
      Effect.map(intake.take, (batch) => void (batch === null || taken.push(batch))),
      { startImmediately: true }
    )
  )
  return { intakes, taken, allTaken: Effect.forEach(fibers, Fiber.join, { discard: true }) }
})

/** The places of the batches of so many partitions that were cut together. */
const placesOf = Effect.fnUntraced(function* (partitions: number) {
  const { intakes, taken, allTaken } = yield* queuesOf(partitions)
  for (const intake of intakes) intake.push([record], 1, 1)
  yield* TestClock.adjust("500 millis")
  yield* allTaken
  return taken.map(({ together }) => together!)
})

const isDone = (fiber: Fiber.Fiber<unknown>) => fiber.pollUnsafe() !== undefined

it.effect("lets the steps of batches that were cut together wait until all have arrived", () =>
  Effect.gen(function* () {
    const [first, second, third] = (yield* placesOf(3)) as [CutTogether, CutTogether, CutTogether]
    const waiting = yield* Effect.forkChild(first.others, { startImmediately: true })
    // Of the same step again, as for its second chunk.
    const again = yield* Effect.forkChild(first.others, { startImmediately: true })
    second.arrive()
    second.arrive()
    yield* TestClock.adjust("100 millis")
    assert.deepStrictEqual([waiting, again].map(isDone), [false, false])
    yield* third.others
    yield* Fiber.join(waiting)
    yield* Fiber.join(again)
  })
)

it.effect("lets none wait long for one that does not arrive", () =>
  Effect.gen(function* () {
    const [first] = (yield* placesOf(2)) as [CutTogether]
    const waiting = yield* Effect.forkChild(first.others, { startImmediately: true })
    yield* TestClock.adjust("199 millis")
    assert.isFalse(isDone(waiting))
    yield* TestClock.adjust("1 millis")
    yield* Fiber.join(waiting)
  })
)

it.effect("gives a batch that is cut alone no place", () =>
  Effect.gen(function* () {
    const { intakes, taken, allTaken } = yield* queuesOf(1)
    intakes[0]!.push([record], 1, 1)
    yield* TestClock.adjust("500 millis")
    yield* allTaken
    assert.deepStrictEqual(
      taken.map(({ together }) => together),
      [null]
    )
  })
)
