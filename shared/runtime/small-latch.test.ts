import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { settle } from "../testing/runtime-harness.ts"
import { SmallLatch } from "./small-latch.ts"

const waiter = (latch: SmallLatch, log: Array<string>, name: string) =>
  Effect.forkChild(
    Effect.map(latch.await, () => {
      log.push(name)
    })
  )

it.effect("all who wait go on when it is opened, who comes later at once, but for those that were ended", () =>
  Effect.gen(function* () {
    const latch = new SmallLatch(false)
    const log: Array<string> = []
    yield* waiter(latch, log, "a")
    const ended = yield* waiter(latch, log, "ended")
    yield* waiter(latch, log, "b")
    yield* settle
    yield* Fiber.interrupt(ended)
    assert.deepStrictEqual([latch.isOpen(), log], [false, []])
    latch.openUnsafe()
    yield* waiter(latch, log, "late")
    yield* settle
    assert.deepStrictEqual([latch.isOpen(), log], [true, ["a", "b", "late"]])
  })
)

it.effect("who finds it closed again waits again", () =>
  Effect.gen(function* () {
    const latch = new SmallLatch(true)
    const log: Array<string> = []
    latch.closeUnsafe()
    yield* waiter(latch, log, "a")
    yield* settle
    latch.openUnsafe()
    latch.closeUnsafe()
    yield* waiter(latch, log, "b")
    yield* settle
    assert.deepStrictEqual(log, ["a"])
    latch.openUnsafe()
    yield* settle
    assert.deepStrictEqual(log, ["a", "b"])
  })
)
