import { readFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import { httpTransportDefaults } from "../../../shared/connectors/http/http-client.ts"
import { loaded, minimal, withKeys } from "../../../shared/testing/connections-file.ts"
import { deliveryDefaults, poolOptionsOf, settingsOf } from "./settings.ts"

const connectionWith = (keys: string) => loaded(withKeys(keys)).connections[0]!

/** The block of docs/resilience.md that spells out every figure. */
const documented = (): string => {
  const page = readFileSync(new URL("../../../docs/resilience.md", import.meta.url), "utf8")
  return page.slice(page.indexOf("```yaml\n") + "```yaml\n".length, page.indexOf("\n```\n"))
}

/** Durations of equal length are equal, however they are spelt. */
const inMillis = (value: unknown): unknown => {
  if (Duration.isDuration(value)) return Duration.toMillis(value)
  if (Array.isArray(value)) return value.map(inMillis)
  if (typeof value !== "object" || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, inMillis(one)]))
}

describe("the engine's figures of a connection", () => {
  it("are the specification's where the connection says nothing", () => {
    const connection = loaded(minimal).connections[0]!
    assert.strictEqual(settingsOf(connection), deliveryDefaults)
    assert.deepStrictEqual(poolOptionsOf(connection, { idempotent: true }), {})
    assert.deepStrictEqual(poolOptionsOf(connection, { idempotent: false }), { idleMillis: 2_000 })
  })

  it("are documented with their defaults", () => {
    const connection = connectionWith(documented())
    assert.deepStrictEqual(inMillis(settingsOf(connection)), inMillis(deliveryDefaults))
    const pool = poolOptionsOf(connection, { idempotent: true })
    assert.strictEqual(Object.keys(pool).length, 4)
    assert.deepStrictEqual({ ...httpTransportDefaults, ...pool }, httpTransportDefaults)
  })

  it("are the connection's where it says them", () => {
    const settings = settingsOf(
      connectionWith(
        "resilience: { circuit_breaker: { failures: 2, recovery: 9 s, half_open_calls: 1, probe_events: 4 }, " +
          "retry: { delays: [5 ms], jitter_percent: 50, retry_after_max: 3 s }, catch_up: { from_percent: 10, over: 7 s } }"
      )
    )
    assert.deepStrictEqual(settings.breaker, { failures: 2, recovery: Duration.seconds(9), halfOpenCalls: 1 })
    assert.strictEqual(settings.probeEvents, 4)
    assert.deepStrictEqual(settings.retry.delays, [Duration.millis(5)])
    assert.strictEqual(settings.retry.jitter, 0.5)
    assert.strictEqual(settings.catchUpFrom, 0.1)
    assert.deepStrictEqual(settings.catchUpOver, Duration.seconds(7))
    assert.strictEqual(settings.recoveryFirst, deliveryDefaults.recoveryFirst)
  })
})
