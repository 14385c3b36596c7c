import { assert, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/testing/TestClock"
import { settle } from "../testing/runtime-harness.ts"
import { sharedInputHarness, type Work } from "../testing/shared-input-harness.ts"

const run = Effect.andThen(TestClock.adjust("3 seconds"), settle)

it.effect("gives each processor its records, once, and commits an offset for each", () =>
  Effect.gen(function* () {
    const { write, out, start, committed, kafka } = sharedInputHarness(["a", "b", "c"])
    yield* write([
      ["a", "1"],
      ["b", "2"],
      ["a", "3"],
      ["unknown", "4"],
      ["b", "5"]
    ])
    const fiber = yield* start
    yield* run
    assert.deepStrictEqual(out("a"), ["a:1", "a:3"])
    assert.deepStrictEqual(out("b"), ["b:2", "b:5"])
    assert.lengthOf(out(), 4)
    yield* run
    for (const name of ["a", "b", "c"]) assert.strictEqual(yield* committed(name), 5)
    assert.deepStrictEqual(
      [...new Set(kafka.commits.map(({ transactionalId }) => transactionalId))],
      ["copy.in.0"],
      "one transactional producer for all"
    )
    yield* Fiber.interrupt(fiber)
  })
)

it.effect("goes on where each processor was, also with offsets that the groups have not got yet", () =>
  Effect.gen(function* () {
    const { write, out, start, works } = sharedInputHarness(["a", "b"])
    const held = yield* Deferred.make<void>()
    works.set("b", (_, copied) => Effect.as(Deferred.await(held), copied))
    yield* write([
      ["a", "1"],
      ["b", "2"],
      ["a", "3"]
    ])
    const first = yield* start
    yield* settle
    yield* Fiber.interrupt(first).pipe(Effect.forkChild)
    yield* TestClock.adjust("30 seconds")
    yield* settle
    assert.deepStrictEqual(out(), ["a:1", "a:3"])
    works.clear()
    const second = yield* start
    yield* run
    assert.deepStrictEqual(out(), ["a:1", "a:3", "b:2"])
    yield* Fiber.interrupt(second)
  })
)

it.effect("reports that each has stopped, after all else, when it is interrupted", () =>
  Effect.gen(function* () {
    const { start, events } = sharedInputHarness(["a", "b"])
    const fiber = yield* start
    yield* run
    yield* Fiber.interrupt(fiber).pipe(Effect.forkChild)
    yield* run
    assert.deepStrictEqual(events.slice(-2), [
      { type: "stopped", processor: "copy.a" },
      { type: "stopped", processor: "copy.b" }
    ])
  })
)

it.effect("moves the positions of processors without records on, also where the clock was set back", () =>
  Effect.gen(function* () {
    const { write, start, committed } = sharedInputHarness(["a", "b"])
    yield* TestClock.setTime(3_600_000)
    const fiber = yield* start
    yield* write([["a", "1"]])
    yield* run
    yield* run
    assert.strictEqual(yield* committed("b"), 1)
    yield* TestClock.setTime(0)
    yield* write([["a", "2"]])
    yield* run
    yield* run
    assert.strictEqual(yield* committed("b"), 2)
    yield* Fiber.interrupt(fiber)
  })
)

it.effect("lets one that is stuck fall behind alone, and catch up in order, without gap or repeat", () =>
  Effect.gen(function* () {
    const { write, out, start, works, events } = sharedInputHarness(["a", "b", "c"], { bytesInFlightMax: 3_000 })
    const held = yield* Deferred.make<void>()
    works.set("b", (_, copied) => Effect.as(Deferred.await(held), copied))
    const fiber = yield* start
    yield* settle
    const expected: Array<string> = []
    for (let round = 0; round < 40; round++) {
      yield* write([
        ["a", `${round}`],
        ["b", `${round}`],
        ["c", `${round}`],
        ["b", `${round}'`]
      ])
      expected.push(`b:${round}`, `b:${round}'`)
      yield* TestClock.adjust("500 millis")
      yield* settle
    }
    assert.lengthOf(out("a"), 40)
    assert.lengthOf(out("c"), 40)
    assert.lengthOf(out("b"), 0)
    works.clear()
    yield* Deferred.succeed(held, undefined)
    for (let round = 0; round < 20; round++) yield* run
    assert.deepStrictEqual(out("b"), expected)
    yield* write([
      ["b", "last"],
      ["a", "last"]
    ])
    yield* run
    assert.deepStrictEqual(out("b"), [...expected, "b:last"])
    assert.lengthOf(out("a"), 41)
    assert.isFalse(events.some(({ type }) => type === "reopening"))
    yield* Fiber.interrupt(fiber)
  })
)

it.effect("loses nothing of one that fails while it catches up together with another", () =>
  Effect.gen(function* () {
    const { write, out, start, works } = sharedInputHarness(["a", "b", "c"], { bytesInFlightMax: 3_000 })
    const held = yield* Deferred.make<void>()
    const stuck: Work = (_, copied) => Effect.as(Deferred.await(held), copied)
    works.set("b", stuck)
    works.set("c", stuck)
    const fiber = yield* start
    yield* settle
    const rounds = Array.from({ length: 40 }, (_, round) => `${round}`)
    for (const round of rounds) {
      yield* write([
        ["a", round],
        ["b", round],
        ["c", round]
      ])
      yield* TestClock.adjust("500 millis")
      yield* settle
    }
    // The reading for both waits for room that `c` takes, while `b` fails and is opened again.
    const heldAgain = yield* Deferred.make<void>()
    let failed = false
    works.set("c", (_, copied) => Effect.as(Deferred.await(heldAgain), copied))
    works.set("b", (batch, copied) => {
      if (failed || String(batch.records[0]!.value) === "0") return Effect.succeed(copied)
      failed = true
      return Effect.fail({ message: "no" })
    })
    yield* Deferred.succeed(held, undefined)
    for (let round = 0; round < 10; round++) yield* Effect.andThen(TestClock.adjust("100 millis"), settle)
    assert.isTrue(failed)
    yield* Deferred.succeed(heldAgain, undefined)
    for (let round = 0; round < 20; round++) yield* run
    for (const name of ["a", "b", "c"])
      assert.deepStrictEqual(
        out(name),
        rounds.map((round) => `${name}:${round}`)
      )
    yield* Fiber.interrupt(fiber)
  })
)

it.effect("opens one again whose step failed while the one before it waited for its commit", () =>
  Effect.gen(function* () {
    const { write, out, start, works, kafka } = sharedInputHarness(["a", "b"])
    let failures = 1
    works.set("a", (batch, copied) =>
      String(batch.records[0]!.value) === "4" && failures-- > 0
        ? Effect.fail({ message: "for the test" })
        : Effect.succeed(copied)
    )
    const fiber = yield* start
    yield* write([["a", "1"]])
    yield* run
    kafka.commitMillis = 1_000
    yield* write([["b", "1"]])
    yield* settle
    yield* write([
      ["a", "2"],
      ["a", "3"],
      ["a", "4"]
    ])
    for (let round = 0; round < 5; round++) yield* run
    assert.strictEqual(failures, -1)
    assert.deepStrictEqual(out("a"), ["a:1", "a:2", "a:3", "a:4"])
    yield* Fiber.interrupt(fiber).pipe(Effect.forkChild)
    yield* TestClock.adjust("30 seconds")
  })
)

it.effect("opens one whose step fails again, alone, from its last commit", () =>
  Effect.gen(function* () {
    const { write, out, start, works, events } = sharedInputHarness(["a", "b"])
    let failures = 2
    works.set("b", (_, copied) => (failures-- > 0 ? Effect.fail({ message: "no" }) : Effect.succeed(copied)))
    yield* write([
      ["b", "1"],
      ["a", "2"],
      ["b", "3"],
      ["b", "4"]
    ])
    const fiber = yield* start
    yield* settle
    assert.deepStrictEqual(out(), ["a:2"])
    for (let round = 0; round < 5; round++) yield* run
    assert.deepStrictEqual(out(), ["a:2", "b:1", "b:3", "b:4"])
    const reopened = events.flatMap((event) => (event.type === "reopening" ? [event.processor] : []))
    assert.deepStrictEqual(reopened, ["copy.b", "copy.b"])
    yield* Fiber.interrupt(fiber)
  })
)

it.effect("replays one processor alone when its group's offset was set back", () =>
  Effect.gen(function* () {
    const { write, out, start, kafka } = sharedInputHarness(["a", "b"])
    yield* write([
      ["a", "1"],
      ["b", "2"],
      ["a", "3"]
    ])
    const first = yield* start
    yield* run
    yield* run
    yield* Fiber.interrupt(first)
    yield* kafka.client.commitOffsets("copy.a", [{ topic: "in", partition: 0, next: 1 }])
    const second = yield* start
    yield* run
    assert.deepStrictEqual([...out()].sort(), ["a:1", "a:3", "a:3", "b:2"])
    yield* Fiber.interrupt(second)
  })
)

it.effect("opens all again after a commit that failed, and repeats nothing", () =>
  Effect.gen(function* () {
    const { write, out, start, kafka } = sharedInputHarness(["a", "b"])
    const fiber = yield* start
    yield* settle
    kafka.failCommits = 2
    yield* write([
      ["a", "1"],
      ["b", "2"],
      ["a", "3"]
    ])
    for (let round = 0; round < 5; round++) yield* run
    assert.deepStrictEqual([...out()].sort(), ["a:1", "a:3", "b:2"])
    yield* Fiber.interrupt(fiber)
  })
)

it.effect("waits for members of the processors' own groups, which an earlier version joined", () =>
  Effect.gen(function* () {
    const { write, out, start, kafka, events } = sharedInputHarness(["a"])
    const handlers = {
      onRebalancing: async () => undefined,
      onAssigned: () => undefined,
      onRecords: () => undefined,
      onGap: () => undefined,
      onUnreadable: () => undefined,
      onCrashed: () => undefined
    }
    const earlier = yield* Effect.forkChild(
      Effect.scoped(
        Effect.andThen(
          kafka.client.join({
            ...{ groupId: "copy.a", topics: ["in"], assignment: "balanced", processors: [] },
            rebalanceWaitMillis: 0,
            handlers
          }),
          Effect.never
        )
      )
    )
    yield* settle
    yield* write([["a", "1"]])
    const fiber = yield* start
    yield* run
    assert.deepStrictEqual(out(), [])
    assert.isTrue(
      events.some(({ type }) => type === "assigned"),
      "counts as ready"
    )
    yield* Fiber.interrupt(earlier)
    yield* run
    assert.deepStrictEqual(out(), ["a:1"])
    yield* Fiber.interrupt(fiber)
  })
)
