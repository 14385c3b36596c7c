/** What a member finishes before its partitions may move to another one, and what it does not wait for. */
import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/testing/TestClock"
import { copy, copyOf, runtimeHarness, settle } from "../testing/runtime-harness.ts"
import type { Batch } from "./contract.ts"

/** Instances of a processor that sends each record by a request; a record's request ends when the test answers it. */
const sendingInstances = (partitions: number) => {
  const harness = runtimeHarness(partitions)
  harness.kafka.rebalancesWait = true
  /** In order, by `<instance>:<record>`. */
  const sent: Array<string> = []
  const answers = new Map<string, Deferred.Deferred<boolean>>()
  const answerTo = (value: string) => {
    const known = answers.get(value) ?? Deferred.makeUnsafe<boolean>()
    answers.set(value, known)
    return known
  }
  /** Ends a record's request. @param hasEffect whether the other system took it */
  const answer = (value: string, hasEffect = true) => Effect.andThen(Deferred.succeed(answerTo(value), hasEffect), run)
  const instance = (name: string, before: (value: string) => Effect.Effect<void> = () => Effect.void) => {
    const step = (batch: Batch) =>
      Effect.gen(function* () {
        for (const value of batch.records.map((record) => String(record.value))) {
          yield* before(value)
          yield* batch.requests!.begin
          sent.push(`${name}:${value}`)
          batch.requests!.end(yield* Deferred.await(answerTo(value)))
        }
        return copyOf(batch)
      })
    return harness.start(copy({ open: () => Effect.succeed({ step }) }))
  }
  return { ...harness, sent, answer, instance }
}

/** Promises of the group's side run between the fibers' work. */
const run = Effect.repeat(
  Effect.andThen(
    settle,
    Effect.promise(() => Promise.resolve())
  ),
  { times: 5 }
)

describe("partitions that move to another instance", () => {
  it.effect("wait for the request in flight and its commit, which the other instance then does not repeat", () =>
    Effect.gen(function* () {
      const { write, out, sent, answer, instance, kafka } = sendingInstances(2)
      yield* instance("first")
      yield* run
      yield* write(["a"], 0)
      yield* write(["b"], 1)
      yield* run
      assert.deepStrictEqual(sent, ["first:a", "first:b"])
      yield* instance("second")
      yield* run
      yield* answer("a")
      assert.deepStrictEqual(out(), ["a"])
      yield* write(["c"], 0)
      yield* write(["d"], 1)
      yield* run
      assert.lengthOf(sent, 2, "no request begins while the group waits")
      yield* answer("b")
      assert.deepStrictEqual(sent.toSorted(), ["first:a", "first:b", "first:c", "second:d"])
      yield* answer("c")
      yield* answer("d")
      assert.deepStrictEqual(out().toSorted(), ["a", "b", "c", "d"])
      const committed = yield* kafka.client.committedOfGroups(["copy"], ["in"])
      assert.deepStrictEqual(
        committed.map(({ offset }) => offset),
        [2, 2]
      )
    })
  )

  it.effect("wait for all requests of a step that has made one", () =>
    Effect.gen(function* () {
      const { write, out, sent, answer, instance } = sendingInstances(2)
      yield* instance("first")
      yield* run
      yield* write(["a", "b"], 1)
      yield* run
      yield* instance("second")
      yield* answer("a")
      assert.deepStrictEqual(sent, ["first:a", "first:b"])
      yield* answer("b")
      assert.deepStrictEqual(out(), ["a", "b"])
      assert.lengthOf(sent, 2)
    })
  )

  it.effect("do not wait for a step that has made no request, or none that had an effect", () =>
    Effect.gen(function* () {
      const { write, sent, answer, instance, events } = sendingInstances(2)
      const waits = (value: string) => (value === "later" || value === "again" ? Effect.sleep("1 hour") : Effect.void)
      const first = yield* instance("first", waits)
      yield* run
      yield* write(["later"], 0)
      yield* write(["refused", "again"], 1)
      yield* run
      yield* answer("refused", false)
      const assignments = () => events.filter(({ type }) => type === "assigned").length
      const before = assignments()
      const second = yield* instance("second", waits)
      yield* run
      assert.strictEqual(assignments(), before + 2)
      assert.deepStrictEqual(sent.toSorted(), ["first:refused", "second:refused"])
      for (const fiber of [first, second]) yield* Effect.forkChild(Fiber.interrupt(fiber))
      yield* TestClock.adjust("1 minute")
    })
  )

  it.effect("are given up at once by an instance that is stopped meanwhile, except for what is in flight", () =>
    Effect.gen(function* () {
      const { write, out, sent, answer, instance } = sendingInstances(2)
      const first = yield* instance("first")
      yield* run
      yield* write(["a"], 0)
      yield* run
      yield* instance("second")
      yield* run
      // Waits until the group has decided whose it is.
      yield* write(["b"], 1)
      yield* run
      const stopped = yield* Effect.forkChild(Fiber.interrupt(first))
      yield* run
      assert.isUndefined(stopped.pollUnsafe())
      yield* answer("a")
      yield* TestClock.adjust("1 second")
      yield* run
      assert.isDefined(stopped.pollUnsafe())
      yield* answer("b")
      assert.deepStrictEqual(sent, ["first:a", "second:b"])
      assert.deepStrictEqual(out(), ["a", "b"])
    })
  )
})
