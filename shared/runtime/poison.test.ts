import { assert, describe, it } from "@effect/vitest"
import * as Data from "effect/Data"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/testing/TestClock"
import { copy, copyOf, runtimeHarness, settle } from "../testing/runtime-harness.ts"
import type { Batch, Inbound, Processor } from "./contract.ts"
import { begunOf } from "./poison.ts"

class Away extends Data.TaggedError("Away")<{ readonly message: string }> {}

/** Copies, and takes a record out with the value `poison`. */
const guarded = <E>(step: (batch: Batch) => Effect.Effect<ReturnType<typeof copyOf>, E>): Processor<E> =>
  copy<E>({
    batch: { recordsMax: 4, bytesMax: 100_000, linger: Duration.zero },
    open: () =>
      Effect.succeed({
        step,
        poison: ({ offset }: Inbound) =>
          Effect.succeed({
            outputs: [{ topic: "out", key: null, value: Buffer.from(`poison ${offset}`), partition: 0 }]
          })
      })
  })

const throwing = guarded((batch) =>
  Effect.sync(() => {
    if (batch.records.some(({ value }) => String(value) === "throw")) throw new Error("for the test")
    return copyOf(batch)
  })
)

/** Starts it again after each end, as whoever runs it does; gives the number of ends. */
const runAgain = Effect.fnUntraced(function* (harness: ReturnType<typeof runtimeHarness>, processor: Processor) {
  for (let ends = 0; ends < 12; ends++) {
    const fiber = yield* harness.start(processor)
    for (let round = 0; round < 6; round++) {
      yield* settle
      yield* TestClock.adjust("2 seconds")
    }
    if (fiber.pollUnsafe() === undefined) {
      yield* Fiber.interrupt(fiber)
      return ends
    }
  }
  return assert.fail("it ends again and again")
})

const metadataIn = ({ kafka }: ReturnType<typeof runtimeHarness>) =>
  Effect.map(kafka.client.committedOfGroups(["copy"], ["in"]), ([found]) => found!.metadata)

describe("a record that ends its process", () => {
  it.effect(
    "becomes a dead letter after it did so three times in a batch and once alone; the others are copied once",
    () =>
      Effect.gen(function* () {
        const harness = runtimeHarness()
        yield* harness.write(["a", "throw", "b", "c", "d", "throw", "e"])
        const ends = yield* runAgain(harness, throwing)
        assert.deepStrictEqual(harness.out(), ["a", "poison 1", "b", "c", "d", "poison 5", "e"])
        assert.deepStrictEqual(
          harness.events.flatMap((event) => (event.type === "poison" ? [event.offset] : [])),
          [1, 5]
        )
        // Four for the first; the second is four records later, where batches are whole again.
        assert.isAtMost(ends, 8)
        // The records of one batch are taken one by one, and there were not so many yet.
        assert.strictEqual(yield* metadataIn(harness), "begun 2")
        yield* harness.write(["f", "g", "h"])
        assert.strictEqual(yield* runAgain(harness, throwing), 0)
        assert.deepStrictEqual(harness.out().slice(7), ["f", "g", "h"])
      })
  )

  it.effect("is not one that fails and lets its process live, however often", () =>
    Effect.gen(function* () {
      const harness = runtimeHarness()
      let failures = 20
      const failing = guarded<Away>((batch) =>
        Effect.suspend(() =>
          failures-- > 0 ? Effect.fail(new Away({ message: "for the test" })) : Effect.succeed(copyOf(batch))
        )
      )
      yield* harness.write(["a", "b"])
      const fiber = yield* harness.start(failing)
      for (let round = 0; round < 40; round++) {
        yield* settle
        yield* TestClock.adjust("30 seconds")
      }
      assert.deepStrictEqual(harness.out(), ["a", "b"])
      yield* Fiber.interrupt(fiber)
    })
  )

  it.effect("is not one that was in flight when its process was stopped, however often", () =>
    Effect.gen(function* () {
      const harness = runtimeHarness()
      yield* harness.write(["a"])
      for (let stop = 0; stop < 6; stop++) {
        const fiber = yield* harness.start(guarded(() => Effect.never))
        yield* settle
        const stopping = yield* Effect.forkChild(Fiber.interrupt(fiber))
        yield* settle
        yield* TestClock.adjust("1 minute")
        assert.isTrue(Exit.isSuccess(yield* Fiber.await(stopping)))
        assert.strictEqual(yield* metadataIn(harness), "")
      }
      assert.strictEqual(yield* runAgain(harness, throwing), 0)
      assert.deepStrictEqual(harness.out(), ["a"])
    })
  )

  it("is known by the metadata of the committed offset", () => {
    assert.deepStrictEqual(begunOf("begun 2 alone"), { times: 2, alone: true })
    assert.deepStrictEqual(begunOf("begun 7"), { times: 7, alone: false })
    for (const other of ["", "by a program", "begun", "begun x", "begun 1 other"])
      assert.deepStrictEqual(begunOf(other), { times: 0, alone: false })
  })
})
