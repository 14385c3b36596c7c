import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Logger from "effect/Logger"
import * as Metric from "effect/Metric"
import * as TestClock from "effect/testing/TestClock"
import { topicNames } from "../model/topics.ts"
import { settle } from "../testing/runtime-harness.ts"
import { sharedInputHarness } from "../testing/shared-input-harness.ts"

describe("the committed offsets of the processors' groups", () => {
  it.effect("follow within seconds, marked as the program's, in one request for each group", () =>
    Effect.gen(function* () {
      const { write, start, groupCommits, kafka } = sharedInputHarness(["a", "b"])
      yield* write(threeRecords)
      const fiber = yield* start
      yield* seconds(3)
      const found = yield* kafka.client.committedOfGroups(["copy.a", "copy.b"], ["in"])
      assert.deepStrictEqual(
        found.map(({ offset, metadata }) => ({ offset, metadata })),
        [
          { offset: 3, metadata: "capi-relay" },
          { offset: 3, metadata: "capi-relay" }
        ]
      )
      assert.isAtMost(groupCommits(), 4)
      yield* seconds(60)
      assert.isAtMost(groupCommits(), 5, "an idle group costs nothing")
      yield* Fiber.interrupt(fiber)
    })
  )

  it.effect("are committed again once a day, since the broker forgets them", () =>
    Effect.gen(function* () {
      const { write, start, groupCommits } = sharedInputHarness(["a"], { idleCommitEvery: Duration.minutes(10) })
      yield* write([["a", "1"]])
      const fiber = yield* start
      yield* seconds(3_600)
      const before = groupCommits()
      for (let hour = 0; hour < 27; hour++) yield* seconds(3_600)
      assert.strictEqual(groupCommits(), before + 1)
      yield* Fiber.interrupt(fiber)
    })
  )

  it.effect("that cannot be committed are warned of once, with the next step, and counted", () =>
    Effect.gen(function* () {
      const harness = sharedInputHarness(["a"])
      const lines: Array<string> = []
      const logger = Logger.make(({ logLevel, message }) => void (logLevel === "Warn" && lines.push(String(message))))
      harness.kafka.failOffsetCommits = true
      yield* harness.write(threeRecords)
      yield* Effect.gen(function* () {
        const fiber = yield* harness.start
        yield* seconds(60)
        assert.lengthOf(lines, 1)
        assert.include(lines[0], "does not follow its position")
        const failures = (yield* Metric.snapshot).find(({ id }) => id === "capi_group_offset_failures_total")
        assert.isAbove((failures!.state as { readonly count: number }).count, 20)
        assert.deepStrictEqual(harness.out("a"), ["a:1", "a:3"], "what it sends does not wait for it")
        harness.kafka.failOffsetCommits = false
        yield* seconds(3)
        assert.strictEqual(yield* harness.committed("a"), 3)
        yield* Fiber.interrupt(fiber)
      }).pipe(Effect.provide(Logger.layer([logger])))
    })
  )

  it.effect("set by hand begin a replay, also where they are set to what was committed last", () =>
    Effect.gen(function* () {
      const { write, start, out, kafka } = sharedInputHarness(["a", "b"])
      yield* write(threeRecords)
      const first = yield* start
      yield* seconds(3)
      // The group's offset is behind the position, as after a crash.
      yield* kafka.client.commitOffsets("copy.a", [{ topic: "in", partition: 0, next: 1 }], "capi-relay")
      yield* Fiber.interrupt(first)
      const second = yield* start
      yield* seconds(3)
      assert.lengthOf(out("a"), 2, "an offset of the program's begins nothing")
      yield* Fiber.interrupt(second)
      yield* kafka.client.commitOffsets("copy.a", [{ topic: "in", partition: 0, next: 1 }], "capi-relay")
      yield* kafka.client.commitOffsets("copy.a", [{ topic: "in", partition: 0, next: 1 }])
      const third = yield* start
      yield* seconds(3)
      assert.deepStrictEqual(out("a"), ["a:1", "a:3", "a:3"])
      yield* Fiber.interrupt(third)
    })
  )

  it.effect("set by hand begin a replay once, also if the program ends before it has committed its own", () =>
    Effect.gen(function* () {
      const { write, start, out, kafka } = sharedInputHarness(["a"])
      yield* write(threeRecords)
      const first = yield* start
      yield* seconds(3)
      yield* Fiber.interrupt(first)
      yield* kafka.client.commitOffsets("copy.a", [{ topic: "in", partition: 0, next: 1 }])
      kafka.failOffsetCommits = true
      const second = yield* start
      yield* seconds(3)
      yield* Fiber.interrupt(second)
      assert.deepStrictEqual(out("a"), ["a:1", "a:3", "a:3"])
      const third = yield* start
      yield* seconds(3)
      assert.lengthOf(out("a"), 3)
      // Once the program has committed its own, the same offset set by hand is another replay.
      kafka.failOffsetCommits = false
      yield* seconds(5)
      yield* Fiber.interrupt(third)
      yield* kafka.client.commitOffsets("copy.a", [{ topic: "in", partition: 0, next: 1 }])
      const fourth = yield* start
      yield* seconds(3)
      assert.lengthOf(out("a"), 4)
      yield* Fiber.interrupt(fourth)
    })
  )

  it.effect("of an earlier version, which has stored no position, are taken over", () =>
    Effect.gen(function* () {
      const { write, start, out, kafka } = sharedInputHarness(["a"])
      yield* write(threeRecords)
      yield* kafka.client.commitOffsets("copy.a", [{ topic: "in", partition: 0, next: 1 }])
      const fiber = yield* start
      yield* seconds(3)
      assert.deepStrictEqual(out("a"), ["a:3"])
      assert.isAbove(kafka.log.records({ topic: topicNames.positions, partition: 0 }).length, 0)
      yield* Fiber.interrupt(fiber)
    })
  )
})

const threeRecords = [
  ["a", "1"],
  ["b", "2"],
  ["a", "3"]
] as const

const seconds = (count: number) => Effect.andThen(TestClock.adjust(`${count} seconds`), settle)
