import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/testing/TestClock"
import { topicNames } from "../model/topics.ts"
import { settle } from "../testing/runtime-harness.ts"
import { sharedInputHarness, type Work } from "../testing/shared-input-harness.ts"

type Harness = ReturnType<typeof sharedInputHarness>

const pass = Effect.repeat(Effect.andThen(TestClock.adjust("2 seconds"), settle), { times: 10 })

/** Throws at such a value. */
const throwing: Work = (batch, copied) =>
  Effect.sync(() => {
    if (batch.records.some(({ value }) => String(value) === "throw")) throw new Error("for the test")
    return copied
  })

/** Starts it again after each end, as whoever runs it does; gives the number of ends. */
const runAgain = Effect.fnUntraced(function* ({ start }: Harness, endsMax = 14) {
  for (let ends = 0; ends <= endsMax; ends++) {
    const fiber = yield* start
    yield* pass
    if (fiber.pollUnsafe() === undefined) {
      yield* Fiber.interrupt(fiber)
      return ends
    }
  }
  return assert.fail("it ends again and again")
})

/** The process is gone: it commits nothing more. */
const kill = Effect.fnUntraced(function* ({ kafka }: Harness, fiber: Fiber.Fiber<unknown, unknown>) {
  kafka.failCommits = 1_000
  const ending = yield* Effect.forkChild(Fiber.interrupt(fiber))
  yield* settle
  yield* TestClock.adjust("1 minute")
  yield* Fiber.await(ending)
  kafka.failCommits = 0
})

const storedOf = ({ kafka }: Harness, name: string): string => {
  const records = kafka.log.records({ topic: topicNames.positions, partition: 0 })
  return String(records.findLast(({ key }) => String(key) === `copy.${name}/in/0`)?.value)
}

const poisoned = ({ events }: Harness) =>
  events.flatMap((event) => (event.type === "poison" ? [`${event.processor} ${event.offset}`] : []))

describe("a record that ends its process, of one of many processors", () => {
  it.effect("becomes a dead letter once it did so alone; all others are processed once", () =>
    Effect.gen(function* () {
      const harness = sharedInputHarness(["a", "b"])
      for (const name of ["a", "b"]) harness.works.set(name, throwing)
      yield* harness.write([
        ["a", "1"],
        ["a", "throw"],
        ["b", "2"],
        ["a", "3"],
        ["a", "4"],
        ["b", "5"],
        ["a", "throw"],
        ["a", "6"]
      ])
      const ends = yield* runAgain(harness)
      assert.deepStrictEqual(harness.out("a"), ["a:1", "a:throw is poison", "a:3", "a:4", "a:throw is poison", "a:6"])
      assert.deepStrictEqual(harness.out("b"), ["b:2", "b:5"])
      assert.deepStrictEqual(poisoned(harness), ["copy.a 1", "copy.a 6"])
      // Two ends of a batch, one of it alone in the process, and one of the record alone, for each; at times one more between.
      assert.isAtMost(ends, 10)
      assert.strictEqual(storedOf(harness, "a"), '{"next":8,"group_offset":null}')
    })
  )

  it.effect("is looked for in its batch, and then record by record", () =>
    Effect.gen(function* () {
      const harness = sharedInputHarness(["a"])
      const sizes: Array<number> = []
      harness.works.set("a", (batch, copied) => {
        sizes.push(batch.records.length)
        return throwing(batch, copied)
      })
      yield* harness.write([
        ["a", "1"],
        ["a", "throw"]
      ])
      yield* runAgain(harness)
      assert.deepStrictEqual(sizes, [2, 2, 2, 1, 1])
    })
  )

  it.effect("is not one that waits for its platform, however often its process is killed", () =>
    Effect.gen(function* () {
      const harness = sharedInputHarness(["a", "b"])
      const platform = yield* Deferred.make<void>()
      harness.works.set("a", (_, copied) => Effect.as(Deferred.await(platform), copied))
      yield* harness.write([
        ["a", "1"],
        ["b", "2"],
        ["a", "3"]
      ])
      for (let kills = 0; kills < 8; kills++) {
        const fiber = yield* harness.start
        yield* pass
        yield* kill(harness, fiber)
      }
      yield* Deferred.succeed(platform, undefined)
      assert.strictEqual(yield* runAgain(harness), 0)
      assert.deepStrictEqual(harness.out(), ["b:2", "a:1", "a:3"])
      assert.deepStrictEqual(poisoned(harness), [])
    })
  )

  it.effect("is not one that is in flight whenever another one ends the process", () =>
    Effect.gen(function* () {
      const harness = sharedInputHarness(["a", "b", "c"])
      const { kafka, works, out } = harness
      const platform = yield* Deferred.make<void>()
      let isKilled = false
      const waiting: Work = (_, copied) => Effect.as(Deferred.await(platform), copied)
      works.set("a", waiting)
      works.set("c", waiting)
      works.set("b", () =>
        Effect.suspend(() => {
          isKilled = true
          kafka.failCommits = 1_000
          return Effect.never
        })
      )
      yield* harness.write([
        ["a", "1"],
        ["b", "2"],
        ["c", "3"]
      ])
      for (let ends = 0; out("b").length === 0; ends++) {
        assert.isBelow(ends, 12)
        isKilled = false
        const fiber = yield* harness.start
        for (let second = 0; second < 30 && !isKilled && out("b").length === 0; second++)
          yield* Effect.andThen(settle, TestClock.adjust("1 second"))
        yield* kill(harness, fiber)
      }
      yield* Deferred.succeed(platform, undefined)
      assert.strictEqual(yield* runAgain(harness), 0)
      assert.deepStrictEqual([...out()].sort(), ["a:1", "b:2 is poison", "c:3"])
      assert.deepStrictEqual(poisoned(harness), ["copy.b 1"])
    })
  )

  it.effect("is not one that was in flight when its process was stopped, however often", () =>
    Effect.gen(function* () {
      const harness = sharedInputHarness(["a", "b"])
      harness.works.set("a", () => Effect.never)
      yield* harness.write([
        ["a", "1"],
        ["b", "2"]
      ])
      for (let stops = 0; stops < 6; stops++) {
        const fiber = yield* harness.start
        yield* settle
        assert.include(storedOf(harness, "a"), '"begun":{"times":1')
        const stopping = yield* Effect.forkChild(Fiber.interrupt(fiber))
        yield* settle
        yield* TestClock.adjust("1 minute")
        yield* Fiber.await(stopping)
        assert.strictEqual(storedOf(harness, "a"), '{"next":0,"group_offset":null}')
      }
      assert.deepStrictEqual(harness.out(), ["b:2"])
    })
  )

  it.effect("is not one that was in flight when its partition failed and was then lost while it was opened again", () =>
    Effect.gen(function* () {
      const harness = sharedInputHarness(["a", "b"])
      const { kafka, openings, start, works, write } = harness
      works.set("a", () => Effect.never)
      yield* write([["a", "1"]])
      const fiber = yield* start
      yield* pass
      kafka.failCommits = 1
      openings.set("a", Effect.never)
      yield* write([["b", "2"]])
      yield* pass
      assert.include(storedOf(harness, "a"), '"begun":{"times":1')
      yield* Fiber.interrupt(fiber)
      assert.strictEqual(storedOf(harness, "a"), '{"next":0,"group_offset":null}')
    })
  )

  it.effect("is known though it is begun while its processor's position is being stored", () =>
    Effect.gen(function* () {
      for (let delayMillis = 0; delayMillis < 3_000; delayMillis += 100) {
        const harness = sharedInputHarness(["a", "b"])
        const { kafka, start, works, write } = harness
        works.set("a", () => Effect.never)
        const fiber = yield* start
        yield* settle
        kafka.commitMillis = 1_000
        yield* write([["b", "1"]])
        yield* Effect.andThen(TestClock.adjust(delayMillis), settle)
        yield* write([["a", "2"]])
        yield* pass
        assert.include(storedOf(harness, "a"), '"begun":{"times":1', `after ${delayMillis} ms`)
        yield* kill(harness, fiber)
      }
    })
  )

  it.effect("is not one whose step fails and lets its process live, however often", () =>
    Effect.gen(function* () {
      const harness = sharedInputHarness(["a"])
      let failures = 20
      harness.works.set("a", (_, copied) =>
        failures-- > 0 ? Effect.fail({ message: "for the test" }) : Effect.succeed(copied)
      )
      yield* harness.write([["a", "1"]])
      const fiber = yield* harness.start
      for (let round = 0; round < 40; round++) yield* Effect.andThen(TestClock.adjust("30 seconds"), settle)
      assert.deepStrictEqual(harness.out(), ["a:1"])
      assert.deepStrictEqual(poisoned(harness), [])
      yield* Fiber.interrupt(fiber)
    })
  )

  it.effect("is looked for without shortening the delays after steps that fail", () =>
    Effect.gen(function* () {
      const harness = sharedInputHarness(["a"])
      harness.works.set("a", () => Effect.fail({ message: "for the test" }))
      yield* harness.write([["a", "1"]])
      const fiber = yield* harness.start
      for (let second = 0; second < 300; second++) yield* Effect.andThen(TestClock.adjust("1 second"), settle)
      const failures = harness.events.flatMap((event) => (event.type === "reopening" ? [event.failures] : []))
      assert.deepStrictEqual(
        failures,
        failures.map((_, index) => index + 1),
        "each counts as one more in a row"
      )
      assert.isAbove(failures.length, 5)
      yield* Fiber.interrupt(fiber)
    })
  )

  it.effect("is forgotten where a replay begins elsewhere", () =>
    Effect.gen(function* () {
      const harness = sharedInputHarness(["a"])
      harness.works.set("a", throwing)
      yield* harness.write([
        ["a", "1"],
        ["a", "2"],
        ["a", "throw"]
      ])
      for (let ends = 0; ends < 3; ends++) {
        yield* harness.start
        yield* pass
      }
      assert.include(storedOf(harness, "a"), '"begun"')
      yield* harness.kafka.client.commitOffsets("copy.a", [{ topic: "in", partition: 0, next: 0 }])
      harness.works.clear()
      yield* runAgain(harness)
      assert.deepStrictEqual(harness.out(), ["a:1", "a:2", "a:1", "a:2", "a:throw"])
    })
  )
})
