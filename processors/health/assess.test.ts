import { assert, describe, it } from "@effect/vitest"
import type { ConnectorState } from "../../schemas/types.gen.ts"
import { connectorState } from "../../shared/testing/event-fixture.ts"
import { assess, type Subject } from "./assess.ts"
import type { Backlog } from "./backlog.ts"
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
  ]),
  reasons: new Map(failed === 0 ? [] : [["missing_value", failed]])
})

const now = Date.UTC(2026, 10, 23, 12, 0)

const assessed = (hour: Totals, of?: ConnectorState, more: Partial<Subject> = {}) =>
  assess(
    {
      connectionId: "meta-eu",
      platform: "meta",
      credential: "store:meta-eu",
      isTest: false,
      totals: hour,
      lastSuccessAt: null,
      lastDeliveryAt: null,
      state: of,
      unread: undefined,
      backlog: null,
      before: null,
      ...more
    },
    now
  )

const since = Date.UTC(2026, 10, 23, 10, 42)
const hour = 3_600_000

/** The first of them has used 16 of its 164 hours, and has waited since it was mapped. */
const waiting: Backlog = {
  events: 3_120,
  isMinimum: false,
  since,
  newSince: since,
  urgent: { eventTime: now - 16 * hour, expiresAt: now + 148 * hour }
}

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
      connectorState({ paused: true, cause: "auth", message: "token expired", timestamp: since }),
      { backlog: waiting }
    )
    assert.deepStrictEqual([health.status, decisive?.cause], ["unhealthy", "auth"])
    assert.deepStrictEqual(health.issues, [
      "access token refused since 10:42 UTC (token expired); 3,120 events wait, the oldest expires in 6 d 4 h; set a new one with `./capi credentials set meta-eu`"
    ])
  })

  it("says that events are sent as tests while a test_event_code is set", () => {
    const { health, alerting } = assessed(totals(10, 0), undefined, { isTest: true })
    assert.deepStrictEqual([health.status, alerting?.cause], ["degraded", "test_mode"])
    assert.include(health.issues[0], "remove it from the connection meta-eu")
    assert.strictEqual(assessed(totals(10, 0)).health.status, "healthy")
  })

  it("says a week before a credential expires what to do, and not sooner", () => {
    const day = 24 * hour
    const soon = assessed(totals(10, 0), connectorState({ credential_expires_at: now + 6 * day + hour }))
    assert.deepStrictEqual([soon.health.status, soon.alerting?.cause], ["degraded", "credential_expiry"])
    assert.deepStrictEqual(soon.health.issues, [
      "credential expires on 2026-11-29, in 6 days; set a new one with `./capi credentials set meta-eu`"
    ])
    const gone = assessed(totals(10, 0), connectorState({ credential_expires_at: now - hour }))
    assert.include(gone.health.issues[0], "credential has expired on 2026-11-23")
    for (const expiresAt of [null, now + 8 * day])
      assert.strictEqual(assessed(totals(10, 0), connectorState({ credential_expires_at: expiresAt })).decisive, null)
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
      [75, 250, 1, 4, now]
    )
  })

  it("keeps the beginning of a cause although its state is written again, and forgets it with another cause", () => {
    const open = connectorState({ circuit_state: "OPEN", timestamp: since + hour })
    const goesOn = assessed(totals(0, 0), open, { before: { cause: "circuit", since } })
    assert.deepStrictEqual([goesOn.health.cause, goesOn.health.since], ["circuit", since])
    const begins = assessed(totals(0, 0), open, { before: { cause: "latency", since } })
    assert.strictEqual(begins.health.since, since + hour)
  })

  it.each([
    ["vault:capi/meta", "put a new one where vault:capi/meta points, which is read again"],
    ["env:META_TOKEN", "set the environment variable META_TOKEN to a new one and restart delivery-meta"],
    [null, "set a new one; `./capi connect test meta-eu` tries it"]
  ])("says how to replace the credential %s", (credential, step) => {
    const refused = connectorState({ paused: true, cause: "auth", timestamp: since })
    assert.match(assessed(totals(0, 0), refused, { credential }).health.issues[0]!, new RegExp(`; ${step}$`))
  })

  it.each([
    [49.9, 30_000, "healthy"],
    [50, 30_000, "degraded"],
    [89.9, 30_000, "degraded"],
    [90, 30_000, "unhealthy"],
    [120, 30_000, "unhealthy"],
    // It came late and has hardly waited.
    [95, 29_999, "healthy"]
  ])("%d %% of the age limit used by an event that waits for %i ms: %s", (percent, waitedMillis, expected) => {
    const eventTime = now - percent * hour
    const backlog = { ...waiting, since: now - waitedMillis, urgent: { eventTime, expiresAt: eventTime + 100 * hour } }
    const { health, alerting } = assessed(totals(10, 0), undefined, { backlog, lastDeliveryAt: now })
    assert.strictEqual(health.status, expected)
    assert.strictEqual(health.age_percent, percent)
    assert.isNull(alerting)
  })

  it("finds a delivery that decides nothing although events wait, unless the connection is held", () => {
    const stalled = { backlog: waiting, lastDeliveryAt: now - 300_000 }
    assert.deepStrictEqual(
      [
        assessed(totals(10, 0), undefined, stalled).health.status,
        assessed(totals(10, 0), undefined, stalled).health.cause
      ],
      ["unhealthy", "stalled"]
    )
    assert.strictEqual(
      assessed(totals(10, 0), undefined, { ...stalled, lastDeliveryAt: now - 299_999 }).health.status,
      "healthy"
    )
    const open = connectorState({ circuit_state: "OPEN" })
    assert.strictEqual(assessed(totals(10, 0), open, stalled).health.cause, "circuit")
    const retriesAlone = { ...stalled, backlog: { ...waiting, newSince: null } }
    assert.strictEqual(assessed(totals(10, 0), undefined, retriesAlone).health.status, "healthy")
  })
})
