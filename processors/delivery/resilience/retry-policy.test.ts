import { assert, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import fc from "fast-check"
import { mayRetry, retryDefaults, retryDelay } from "./retry-policy.ts"

const seconds = (failures: number, retryAfter: Duration.Duration | null, random: number) =>
  Duration.toSeconds(retryDelay(retryDefaults, failures, retryAfter, random))

it("retries three times, after 1, 2 and 4 s", () => {
  assert.deepStrictEqual(
    [1, 2, 3].map((failures) => seconds(failures, null, 0.5)),
    [1, 2, 4]
  )
  assert.deepStrictEqual(
    [1, 2, 3, 4].map((failures) => mayRetry(retryDefaults, failures)),
    [true, true, true, false]
  )
})

it("jitters by at most a fifth", () =>
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 6 }), fc.double({ min: 0, max: 0.999, noNaN: true }), (failures, random) => {
      const base = [1, 2, 4][Math.min(failures, 3) - 1]!
      const actual = seconds(failures, null, random)
      assert.isAtLeast(actual, base * 0.8 - 1e-6)
      assert.isAtMost(actual, base * 1.2 + 1e-6)
    })
  ))

it("never undercuts the platform's Retry-After, up to an hour", () => {
  assert.strictEqual(seconds(1, Duration.seconds(30), 0), 30)
  assert.strictEqual(seconds(3, Duration.seconds(1), 0.5), 4)
  assert.strictEqual(seconds(1, Duration.days(9), 0.5), 3600)
})
