import { assert, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { writeTogether } from "./pipeline.ts"

const recordOf = (key: string) => [{ topic: "state", key, value: null }]

it.effect("writes what waits for a write together in the next one, also after the one that wrote was interrupted", () =>
  Effect.gen(function* () {
    const writes: Array<ReadonlyArray<unknown>> = []
    const held = yield* Deferred.make<void>()
    const write = writeTogether((records) =>
      Effect.suspend(() => {
        writes.push(records.map(({ key }) => key))
        return Deferred.await(held)
      })
    )
    const start = (key: string) => Effect.forkChild(write(recordOf(key)), { startImmediately: true })
    const first = yield* start("a")
    const others = [yield* start("b"), yield* start("c")]
    assert.deepStrictEqual(writes, [["a"]])
    yield* Fiber.interrupt(first)
    yield* Effect.yieldNow
    assert.deepStrictEqual(writes, [["a"], ["b", "c"]])
    yield* Fiber.interrupt(others[0]!)
    yield* Effect.yieldNow
    assert.deepStrictEqual(writes, [["a"], ["b", "c"], ["c"]])
    yield* Deferred.succeed(held, undefined)
    yield* Fiber.join(others[1]!)
    yield* write(recordOf("d"))
    assert.deepStrictEqual(writes.slice(3), [["d"]])
  })
)

it.effect("does not write what a call brought that was interrupted while it waited", () =>
  Effect.gen(function* () {
    const written: Array<ReadonlyArray<string | null>> = []
    const open = yield* Deferred.make<void>()
    const write = writeTogether((records) =>
      Effect.andThen(
        Effect.sync(() => void written.push(records.map(({ key }) => key))),
        Deferred.await(open)
      )
    )
    const record = (key: string) => [{ topic: "out", key, value: null }]
    const first = yield* Effect.forkChild(write(record("first")), { startImmediately: true })
    const second = yield* Effect.forkChild(write(record("interrupted")), { startImmediately: true })
    yield* Fiber.interrupt(second)
    const third = yield* Effect.forkChild(write(record("third")), { startImmediately: true })
    yield* Deferred.succeed(open, undefined)
    yield* Fiber.join(first)
    yield* Fiber.join(third)
    assert.deepStrictEqual(written, [["first"], ["third"]])
  })
)
