import { assert, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import { settle } from "../../../shared/testing/runtime-harness.ts"
import { handledInOrder } from "./handled-in-order.ts"

it.effect("handles one value after the other, however fast they come, and none once the scope is closed", () =>
  Effect.gen(function* () {
    const log: Array<string> = []
    const scope = yield* Scope.make()
    const goOn = yield* Deferred.make<void>()
    const handle = (value: string) =>
      Effect.gen(function* () {
        log.push(`${value} begins`)
        if (value === "a") yield* Deferred.await(goOn)
        yield* Effect.yieldNow
        log.push(`${value} ends`)
      })
    const take = yield* Scope.provide(handledInOrder(handle), scope)
    for (const value of ["a", "b", "c"]) take(value)
    yield* settle
    assert.deepStrictEqual(log, ["a begins"])
    yield* Deferred.succeed(goOn, undefined)
    yield* settle
    assert.deepStrictEqual(log.slice(1), ["a ends", "b begins", "b ends", "c begins", "c ends"])
    take("d")
    yield* settle
    assert.deepStrictEqual(log.slice(6), ["d begins", "d ends"])
    yield* Scope.close(scope, Exit.void)
    take("e")
    yield* settle
    assert.strictEqual(log.length, 8)
  })
)
