import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Redacted from "effect/Redacted"
import * as TestClock from "effect/testing/TestClock"
import { credentialExpiry } from "../../../shared/connectors/meta/exchange.ts"
import { connectorFor } from "../../../shared/connectors/registry.ts"
import { type CredentialTimes, expiresAtOf, watchCredentialExpiry } from "./connection-credential.ts"

const json = (data: object) => ({ status: 200, headers: {}, body: JSON.stringify({ data }) })
const at = Date.UTC(2027, 0, 1)

describe("the end of a credential", () => {
  const fields: ReadonlyArray<[string, number | null]> = [
    ["2027-01-01T00:00:00Z", at],
    [String(at), at],
    [String(at / 1000), at],
    ["0", null],
    ["soon", null]
  ]
  it.each(fields)("is what its secret has in expires_at: %s", (text, expected) => {
    assert.strictEqual(expiresAtOf({ expires_at: Redacted.make(text) }), expected)
  })

  it("is what Meta's debug_token says, the earlier of token and access to data; 0 is never", () => {
    assert.strictEqual(credentialExpiry.read(json({ expires_at: at / 1000, data_access_expires_at: 0 })), at)
    assert.strictEqual(
      credentialExpiry.read(json({ expires_at: at / 1000 + 60, data_access_expires_at: at / 1000 })),
      at
    )
    assert.strictEqual(credentialExpiry.read(json({ expires_at: 0, data_access_expires_at: 0 })), null)
    assert.strictEqual(credentialExpiry.read({ status: 400, headers: {}, body: '{"error":{"code":100}}' }), null)
  })

  it.effect("is reported once with when it was set, and again when a new credential has others", () =>
    Effect.gen(function* () {
      const seen: Array<CredentialTimes> = []
      let end = at
      let storedAt: number | null = null
      const services = {
        execute: () => Effect.succeed(json({})),
        secretStoredAt: Effect.sync(() => storedAt)
      }
      const secret = { access_token: Redacted.make("t") }
      const connector = { ...connectorFor("meta"), credentialExpiry: { request: () => request, read: () => end } }
      const credential = {
        context: Effect.succeed({ secret } as never),
        invalidate: Effect.void
      }
      const fiber = yield* Effect.forkChild(
        watchCredentialExpiry(connector, credential, services, (times) => Effect.sync(() => void seen.push(times)))
      )
      yield* TestClock.adjust("1 hour")
      assert.deepStrictEqual(seen, [{ expiresAt: at, storedAt: null }])
      end = at + 1
      yield* TestClock.adjust("15 minutes")
      storedAt = 5
      yield* TestClock.adjust("1 hour")
      assert.deepStrictEqual(seen.slice(1), [
        { expiresAt: at + 1, storedAt: null },
        { expiresAt: at + 1, storedAt: 5 }
      ])
      yield* Fiber.interrupt(fiber)
    })
  )
})

const request = {
  method: "GET",
  url: "http://meta",
  headers: {},
  secretHeaders: {},
  secretParams: {},
  body: null
} as const
