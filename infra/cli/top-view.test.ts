import { assert, it } from "@effect/vitest"
import { healthStatus, recordTime } from "../../shared/testing/event-fixture.ts"
import { painter } from "./output.ts"
import { noCounts, topView } from "./top-view.ts"

const plain = painter(false)

it("shows rates over the time since the last picture, lag, and what the health topic says", () => {
  const health = healthStatus({
    connection_id: "meta-eu",
    status: "unhealthy",
    waiting_events: 3_120,
    last_success_at: recordTime - 90_000,
    issues: ["circuit is OPEN"]
  })
  const text = topView(
    {
      at: recordTime,
      seconds: 2,
      stages: [{ name: "mapper", topic: "normalized-events", per_second: 12.34, lag: 250_000 }],
      connections: [
        {
          id: "meta-eu",
          platform: "meta",
          lag: 12,
          counts: { succeeded: 5, failed: 1, skipped: 0, timed: 6, latencyMillis: 600 },
          health
        },
        { id: "new", platform: "meta", lag: 0, counts: noCounts, health: null }
      ]
    },
    plain
  )
  const cells = (start: string) =>
    text
      .split("\n")
      .find((line) => line.startsWith(start))!
      .split(/\s{2,}/)
  assert.deepStrictEqual(cells("mapper"), ["mapper", "normalized-events", "12.3/s", "250,000"])
  assert.deepStrictEqual(cells("meta-eu  "), [
    ...["meta-eu", "meta", "unhealthy", "2.5/s", "0.5/s", "0.0/s", "100 ms", "12", "3120", "90 s ago"]
  ])
  assert.deepStrictEqual(cells("new").slice(2, 4), ["unknown", "0.0/s"])
  assert.include(text, "meta-eu: circuit is OPEN")
})
