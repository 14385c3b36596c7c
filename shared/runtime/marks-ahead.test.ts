import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/testing/TestClock"
import { topicNames } from "../model/topics.ts"
import { settle } from "../testing/runtime-harness.ts"
import { sharedInputHarness } from "../testing/shared-input-harness.ts"

const storedOf = ({ kafka }: ReturnType<typeof sharedInputHarness>, name: string): string => {
  const records = kafka.log.records({ topic: topicNames.positions, partition: 0 })
  return String(records.findLast(({ key }) => String(key) === `copy.${name}/in/0`)?.value)
}

/** The step of "a" has begun; that of "b" is a second off. */
const firstHasBegun = Effect.gen(function* () {
  const harness = sharedInputHarness(["a", "b"], {}, { linger: Duration.seconds(2) })
  const fiber = yield* harness.start
  yield* settle
  yield* harness.write([["a", "1"]])
  yield* Effect.andThen(TestClock.adjust("1 second"), settle)
  yield* harness.write([["b", "2"]])
  yield* Effect.andThen(TestClock.adjust("1 second"), settle)
  return { harness, fiber }
})

describe("the mark of records that are begun", () => {
  it.effect("is stored with the one that another processor's step waits for, where its first step comes soon", () =>
    Effect.gen(function* () {
      const { harness, fiber } = yield* firstHasBegun
      assert.deepStrictEqual(harness.out(), ["a:1"])
      assert.include(storedOf(harness, "b"), '"begun":{"times":1')
      const before = harness.kafka.commits.length
      yield* Effect.andThen(TestClock.adjust("1 second"), settle)
      assert.deepStrictEqual(harness.out(), ["a:1", "b:2"])
      assert.strictEqual(harness.kafka.commits.length, before + 1, "one transaction, with the step's end")
      assert.strictEqual(storedOf(harness, "b"), '{"next":2,"group_offset":null}')
      yield* Fiber.interrupt(fiber)
    })
  )

  it.effect("is removed where the process is stopped before that step", () =>
    Effect.gen(function* () {
      const { harness, fiber } = yield* firstHasBegun
      assert.include(storedOf(harness, "b"), '"begun":{"times":1')
      const stopping = yield* Effect.forkChild(Fiber.interrupt(fiber))
      yield* settle
      yield* TestClock.adjust("1 minute")
      yield* Fiber.await(stopping)
      assert.deepStrictEqual(harness.out(), ["a:1"])
      assert.strictEqual(storedOf(harness, "b"), '{"next":1,"group_offset":null}')
    })
  )
})
