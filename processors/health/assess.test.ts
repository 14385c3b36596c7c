import { assert, describe, it } from "@effect/vitest"
import type { ConnectorState } from "../../schemas/types.gen.ts"
import { connectorState } from "../../shared/testing/event-fixture.ts"
import { assess } from "./assess.ts"
import type { Totals } from "./window.ts"

const totals = (succeeded: number, failed: number, meanLatencyMillis = 100): Totals => ({
  succeeded,
  failed,
  latencyMillis: meanLatencyMillis * (succeeded + failed),
  timed: succeeded + failed,
  outcomes: new Map([
    ["delivered", succeeded],
    ["rejected", failed],
    ["retry_scheduled", 3]
  ])
})

const assessed = (hour: Totals, of?: ConnectorState) =>
  assess({ connectionId: "c", platform: "meta", totals: hour, state: of, unread: undefined }, 42)

describe("a connection's health", () => {
  it.each([
    [100, 0, "healthy"],
    [90, 10, "healthy"],
    [89, 11, "degraded"],
    [70, 30, "degraded"],
    [69, 31, "unhealthy"],
    [0, 0, "healthy"]
  ])("%i succeeded, %i failed: %s", (succeeded, failed, expected) => {
    assert.strictEqual(assessed(totals(succeeded, failed)).health.status, expected)
  })

  it.each([
    [4_999, "healthy"],
    [5_000, "degraded"],
    [10_000, "degraded"],
    [10_001, "unhealthy"]
  ])("a mean latency of %i ms: %s", (millis, expected) => {
    assert.strictEqual(assessed(totals(10, 0, millis)).health.status, expected)
  })

  it.each([
    ["CLOSED", "healthy"],
    ["HALF_OPEN", "degraded"],
    ["OPEN", "unhealthy"]
  ])("a circuit that is %s: %s", (circuit_state, expected) => {
    assert.strictEqual(assessed(totals(10, 0), connectorState({ circuit_state })).health.status, expected)
  })

  it("takes the worst of the three, names its cause and lists every issue", () => {
    const { health, decisive } = assessed(totals(60, 40, 6_000), connectorState({ circuit_state: "HALF_OPEN" }))
    assert.strictEqual(health.status, "unhealthy")
    assert.strictEqual(decisive?.cause, "success_rate")
    assert.strictEqual(health.issues.length, 3)
  })

  it("is unhealthy while paused for its credential, though the circuit is closed", () => {
    const { health, decisive } = assessed(
      totals(10, 0),
      connectorState({ paused: true, cause: "auth", message: "token expired" })
    )
    assert.deepStrictEqual([health.status, decisive?.cause], ["unhealthy", "auth"])
    assert.deepStrictEqual(health.issues, ["paused (auth): token expired"])
  })

  it("reports the specification's figures", () => {
    const { health } = assessed(totals(3, 1, 250))
    assert.deepStrictEqual(
      [
        health.success_rate_1h,
        health.avg_latency_ms,
        health.error_count_1h,
        health.events_processed_1h,
        health.last_check
      ],
      [75, 250, 1, 4, 42]
    )
  })
})
