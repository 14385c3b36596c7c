import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/testing/TestClock"
import { copy, copyOf, runtimeHarness, settle } from "../testing/runtime-harness.ts"
import { sharedInputHarness } from "../testing/shared-input-harness.ts"
import type { Batch } from "./contract.ts"

/** Which of the batches that steps were given are still in memory, by their first offsets. */
const watched = () => {
  setFlagsFromString("--expose-gc")
  const collect = runInNewContext("gc") as () => void
  const seen = new Map<number, WeakRef<object>>()
  const watch = ({ records }: Batch) => seen.set(records[0]!.offset, new WeakRef(records))
  const left = Effect.gen(function* () {
    // What was looked at in a turn of the event loop is kept until its end.
    yield* Effect.promise(() => new Promise((resume) => setImmediate(resume)))
    collect()
    return [...seen].filter(([, ref]) => ref.deref() !== undefined).map(([offset]) => offset)
  })
  return { seen, watch, left }
}

it.effect("a partition that waits does not keep its last batch", () =>
  Effect.gen(function* () {
    const { start, write, out } = runtimeHarness()
    const { seen, watch, left } = watched()
    const step = (batch: Batch) =>
      Effect.as(
        Effect.sync(() => watch(batch)),
        copyOf(batch)
      )
    const fiber = yield* start(copy({ open: () => Effect.succeed({ step }) }))
    yield* write(["a", "b", "c"])
    yield* settle
    assert.deepStrictEqual(out(), ["a", "b", "c"])
    assert.strictEqual(seen.size, 2)
    assert.deepStrictEqual(yield* left, [])
    yield* Fiber.interrupt(fiber)
  })
)

it.effect("nor does one that processors share", () =>
  Effect.gen(function* () {
    const { start, write, out, works } = sharedInputHarness(["a", "b"])
    const { seen, watch, left } = watched()
    for (const name of ["a", "b"])
      works.set(name, (batch, copied) =>
        Effect.as(
          Effect.sync(() => watch(batch)),
          copied
        )
      )
    const fiber = yield* start
    yield* write([
      ["a", "1"],
      ["b", "2"],
      ["a", "3"]
    ])
    yield* Effect.andThen(TestClock.adjust("3 seconds"), settle)
    assert.lengthOf(out(), 3)
    assert.isAtLeast(seen.size, 2)
    assert.deepStrictEqual(yield* left, [])
    yield* Fiber.interrupt(fiber)
  })
)
