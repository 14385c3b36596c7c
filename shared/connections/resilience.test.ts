import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Result from "effect/Result"
import { loaded, minimal, parse, withKeys } from "../testing/connections-file.ts"
import { formatProblem } from "./yaml-tree.ts"

const problemsOf = (text: string): ReadonlyArray<string> => {
  const parsed = parse(text)
  const found = Result.isFailure(parsed) ? parsed.failure.problems : parsed.success.warnings
  return found.map((problem) => formatProblem("c.yaml", problem))
}

describe("resilience of a connection", () => {
  it("is absent where the file does not set it", () => {
    assert.isUndefined(loaded(minimal).connections[0]?.resilience)
  })

  it("reads each figure and leaves the others to the specification", () => {
    const { connections } = loaded(
      withKeys("resilience: { circuit_breaker: { failures: 9, recovery: 2 s }, retry: { delays: [10 ms, 1 min] } }")
    )
    const resilience = connections[0]?.resilience
    assert.strictEqual(resilience?.circuitBreaker.failures, 9)
    assert.deepStrictEqual(resilience?.circuitBreaker.recovery, Duration.seconds(2))
    assert.isNull(resilience?.circuitBreaker.halfOpenCalls)
    assert.deepStrictEqual(resilience?.retry.delays, [Duration.millis(10), Duration.minutes(1)])
    assert.isNull(resilience?.pool.connections)
  })

  it("takes from the defaults what the connection does not say", () => {
    const text = withKeys("resilience: { pool: { connections: 2 } }").replace(
      "version: 1\n",
      "version: 1\ndefaults: { resilience: { pool: { connections: 7, timeout: 3 s } } }\n"
    )
    assert.deepStrictEqual(loaded(text).connections[0]?.resilience?.pool, {
      connections: 2,
      timeout: Duration.seconds(3),
      connectTimeout: null,
      idle: null
    })
  })

  const wrong: ReadonlyArray<readonly [string, string, string]> = [
    ["an unknown figure", "resilience: { circuit_breaker: { failure: 5 } }", "Did you mean failures?"],
    ["an unknown part", "resilience: { circuit: { failures: 5 } }", 'Unknown key "circuit".'],
    ["a number out of range", "resilience: { circuit_breaker: { failures: 0 } }", "1 to 1000"],
    ["a delay without a unit", "resilience: { retry: { delays: [1, 2] } }", '"1" is not a duration.'],
    [
      "a longest wait below the first",
      "resilience: { pause: { first_probe: 5 s, probe_max: 1 s } }",
      "below first_probe"
    ]
  ]
  it.each(wrong)("names %s", (_name, keys, expected) => {
    assert.include(problemsOf(withKeys(keys)).join("\n"), expected)
  })
})
