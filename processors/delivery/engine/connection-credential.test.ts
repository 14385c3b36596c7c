import { assert, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as TestClock from "effect/testing/TestClock"
import { uniformVerdict, verdictMeta } from "../../../shared/connectors/verdicts.ts"
import { withWallClock } from "../../../shared/testing/wall-clock.ts"
import { makeConnectionCredential } from "./connection-credential.ts"
import { deliveryDefaults } from "./settings.ts"
import { connection, connectorWith, fakePlatform, requestTo, respond, verdict } from "./testing.ts"

const tokenLife = Duration.toMillis(Duration.hours(1)) - Duration.toMillis(deliveryDefaults.tokenMargin)
const day = 86_400_000

/** The access token that a request gets at this time, as `t1`, `t2` … */
const makeToken = () => {
  let issued = 0
  const connector = connectorWith({
    refresh: {
      request: () => requestTo("refresh", undefined, []),
      read: () => ({ _tag: "Token", accessToken: Redacted.make(`t${++issued}`), expiresIn: Duration.hours(1) })
    }
  })
  const platform = fakePlatform(() => Effect.succeed(respond(uniformVerdict(verdictMeta, verdict("delivered")))))
  const credential = makeConnectionCredential(connector, connection, platform, deliveryDefaults)
  return Effect.map(credential.context, ({ secret }) => Redacted.value(secret["access_token"]!))
}

it.effect("uses an access token no longer than it lives where the wall clock was set back", () =>
  withWallClock((wall) =>
    Effect.gen(function* () {
      const token = makeToken()
      assert.strictEqual(yield* token, "t1")
      wall.aheadMillis = -day
      yield* TestClock.adjust(tokenLife - 1)
      assert.strictEqual(yield* token, "t1")
      yield* TestClock.adjust(1)
      assert.strictEqual(yield* token, "t2")
    })
  )
)

it.effect("exchanges it again where the wall clock alone went on: the machine may have been suspended", () =>
  withWallClock((wall) =>
    Effect.gen(function* () {
      const token = makeToken()
      assert.strictEqual(yield* token, "t1")
      wall.aheadMillis = tokenLife - 1
      assert.strictEqual(yield* token, "t1")
      wall.aheadMillis = tokenLife
      assert.deepStrictEqual([yield* token, yield* token], ["t2", "t2"])
    })
  )
)
