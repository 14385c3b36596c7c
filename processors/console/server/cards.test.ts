import { assert, it } from "@effect/vitest"
import { connectionOf, healthStatus } from "../../../shared/testing/event-fixture.ts"
import { ConsoleState } from "../state/console-state.ts"
import { connectionCard } from "./cards.ts"

const now = 1_795_424_000_000

it("a connection is as its health was checked lately; what a program that stopped wrote last is not how it is", () => {
  const connection = connectionOf("meta", {}, { id: "shop" })
  const state = new ConsoleState([{ id: "shop", platform: connection.platform, enabled: true }])
  const checked = (secondsAgo: number) => {
    const outcomes_1h = { delivered: 3 }
    state.statuses.set(
      "shop",
      healthStatus({ connection_id: "shop", status: "healthy", outcomes_1h, last_check: now - secondsAgo * 1_000 })
    )
    const { status } = connectionCard(state, connection, new Map(), now)
    return [status, state.alerts.ledger(state.hasHealth(now)).state]
  }
  assert.deepStrictEqual(checked(45), ["healthy", "balanced"])
  assert.deepStrictEqual(checked(600), ["unknown", "unknown"])
  // The clock was set back.
  assert.deepStrictEqual(checked(-3_600), ["unknown", "unknown"])
})
