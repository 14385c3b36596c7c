import { assert, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import fc from "fast-check"
import { makeDeadlineSemaphore } from "./deadline-semaphore.ts"

it.effect("gives the permit to the earliest deadline, and among equals to the first", () =>
  Effect.gen(function* () {
    const semaphore = makeDeadlineSemaphore(1)
    const order: Array<string> = []
    const released = yield* Deferred.make<void>()
    const holder = yield* Effect.forkChild(semaphore.withPermit(0, Deferred.await(released)))
    yield* Effect.yieldNow
    const names = [
      ["late", 30],
      ["early", 10],
      ["middle", 20],
      ["early too", 10]
    ] as const
    const waiters = yield* Effect.forEach(names, ([name, deadline]) =>
      Effect.tap(
        Effect.forkChild(
          semaphore.withPermit(
            deadline,
            Effect.sync(() => void order.push(name))
          )
        ),
        () => Effect.yieldNow
      )
    )
    assert.deepStrictEqual(order, [])
    yield* Deferred.succeed(released, undefined)
    yield* Fiber.joinAll([holder, ...waiters])
    assert.deepStrictEqual(order, ["early", "early too", "middle", "late"])
  })
)

it("never lets more in than it has permits, and loses none to those who are interrupted or fail", () =>
  fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 3 }),
      fc.array(
        fc.record({ deadline: fc.nat(5), millis: fc.nat(3), cutAfter: fc.option(fc.nat(4)), fails: fc.boolean() })
      ),
      async (permits, tasks) => {
        const semaphore = makeDeadlineSemaphore(permits)
        let [inside, most] = [0, 0]
        const run = ({ deadline, millis, cutAfter, fails }: (typeof tasks)[number]) => {
          const work = Effect.acquireUseRelease(
            Effect.sync(() => {
              inside++
              most = Math.max(most, inside)
            }),
            () => Effect.andThen(Effect.sleep(millis), fails ? Effect.fail("failed") : Effect.void),
            () => Effect.sync(() => void inside--)
          )
          const taken = semaphore.withPermit(deadline, work)
          return Effect.exit(cutAfter === null ? taken : Effect.timeoutOption(taken, cutAfter))
        }
        await Effect.runPromise(Effect.forEach(tasks, run, { concurrency: "unbounded", discard: true }))
        assert.isAtMost(most, permits)
        // All permits are there again.
        let held = 0
        const hold = semaphore.withPermit(
          0,
          Effect.andThen(
            Effect.sync(() => void held++),
            Effect.never
          )
        )
        const holders = Array.from({ length: permits }, () => Effect.runFork(hold))
        await Effect.runPromise(Effect.yieldNow)
        assert.strictEqual(held, permits)
        await Effect.runPromise(Fiber.interruptAll(holders))
      }
    ),
    { numRuns: 50 }
  ))
