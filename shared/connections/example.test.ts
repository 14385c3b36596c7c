import path from "node:path"
import { fileURLToPath } from "node:url"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { loadConnections } from "../connectors/load-connections.ts"
import { connectorKinds } from "../model/platform.ts"

const file = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../../examples/connections.yaml")

describe("the example file of connections", () => {
  it.effect("is right as it stands and covers every kind", () =>
    Effect.gen(function* () {
      const { connections, warnings } = yield* loadConnections(file, {})
      assert.deepStrictEqual(warnings, [])
      assert.sameMembers([...new Set(connections.map((connection) => connection.kind))], [...connectorKinds])
      assert.strictEqual(connections.length, connectorKinds.length + 1)
    })
  )

  it.effect("goes to the sandboxes where the environment says so", () =>
    Effect.gen(function* () {
      const names = [...connectorKinds, "google-oauth"].map((name) => name.replace("-", "_").toUpperCase())
      const variables = Object.fromEntries(
        names.map((name, index) => [`${name}_HOST`, `http://127.0.0.1:${4001 + index}`])
      )
      const { connections, warnings } = yield* loadConnections(file, variables)
      assert.deepStrictEqual(warnings, [])
      for (const { endpoint, account } of connections) {
        assert.match(endpoint.host, /^http:\/\/127\.0\.0\.1:400\d$/)
        if (account["oauth_host"] !== undefined)
          assert.strictEqual(account["oauth_host"], variables["GOOGLE_OAUTH_HOST"])
      }
    })
  )
})
