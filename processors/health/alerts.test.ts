import { assert, describe, it } from "@effect/vitest"
import type { ConnectorHealthStatus, HealthAlert } from "../../schemas/types.gen.ts"
import { healthStatus } from "../../shared/testing/event-fixture.ts"
import { type Alerted, alertsOf, neverAlerted, nextAlerted } from "./alerts.ts"

const noon = Date.UTC(2026, 10, 23, 12, 0)
const minute = 60_000

/** What is alerted of a connection whose age limit is used up to so many percent, one check after the other. */
const alertsAt = (
  percents: ReadonlyArray<number | null>,
  start: Alerted = neverAlerted
): ReadonlyArray<HealthAlert> => {
  let said = start
  return percents.flatMap((percent, index) => {
    const now = noon + index * minute
    const health: ConnectorHealthStatus = healthStatus({
      last_check: now,
      waiting_events: percent === null ? 0 : 3,
      waiting_since: percent === null ? null : noon - minute,
      age_percent: percent
    })
    const assessment = { health, decisive: null, alerting: null, age: null }
    const next = nextAlerted(assessment, said, now)
    const alerts = alertsOf(assessment, said, next, null)
    said = next
    return alerts
  })
}

const summary = (alerts: ReadonlyArray<HealthAlert>) =>
  alerts.map(({ cause, previous_status, status, threshold_percent }) => [
    cause,
    threshold_percent,
    `${previous_status} → ${status}`
  ])

describe("the alerts of waiting events", () => {
  it("come at 50, 70, 90 and 100 % of the age limit, each once, and end once", () => {
    assert.deepStrictEqual(summary(alertsAt([10, 49.9, 50, 60, 69.9, 70, 90, 99, 100, 130, null, null])), [
      ["age_limit", 50, "healthy → degraded"],
      ["age_limit", 70, "degraded → degraded"],
      ["age_limit", 90, "degraded → unhealthy"],
      ["age_limit", 100, "unhealthy → unhealthy"],
      ["age_limit", null, "unhealthy → healthy"]
    ])
  })

  it("skip thresholds that were jumped over, and are not repeated while the age goes up and down above the first", () => {
    assert.deepStrictEqual(
      summary(alertsAt([95, 60, 92, 49, 55])).map(([, threshold]) => threshold),
      [90, null, 50]
    )
  })

  it("are not repeated after a restart, nor ended before it is known what waits", () => {
    const said = { ...neverAlerted, status: "healthy", agePercent: 90 }
    assert.deepStrictEqual(alertsAt([91], said), [])
    const unknown = healthStatus({ waiting_events: null, age_percent: null })
    const assessment = { health: unknown, decisive: null, alerting: null, age: null }
    assert.strictEqual(nextAlerted(assessment, said, noon).agePercent, 90)
  })
})

it("a recovery says after how long", () => {
  const health = healthStatus({ last_check: noon })
  const assessment = { health, decisive: null, alerting: null, age: null }
  const said = { ...neverAlerted, status: "unhealthy" }
  const [alert] = alertsOf(assessment, said, nextAlerted(assessment, said, noon), noon - 78 * minute)
  assert.strictEqual(alert?.message, "meta-main is healthy again after 1 h 18 min")
})
