import { assert, it } from "@effect/vitest"
import { healthCells } from "./health-cells.ts"

const health = { status: "healthy", success_rate_1h: 100, avg_latency_ms: 0, outcomes_1h: {} }

it("gives no success rate to a connection without events, whatever was skipped", () => {
  const idle = { status: "no events", success: "–", latency: "–" }
  assert.deepStrictEqual(healthCells(health), idle)
  assert.deepStrictEqual(healthCells({ ...health, outcomes_1h: { skipped: 12 } }), idle)
})

it("keeps the status of a connection that is paused before its first event", () => {
  assert.strictEqual(healthCells({ ...health, status: "unhealthy" }).status, "unhealthy")
})

it("shows the figures of the events that went to the platform", () => {
  const busy = { ...health, success_rate_1h: 97.84, avg_latency_ms: 47.2, outcomes_1h: { delivered: 45, rejected: 1 } }
  assert.deepStrictEqual(healthCells(busy), { status: "healthy", success: "97.8 %", latency: "47 ms" })
})
