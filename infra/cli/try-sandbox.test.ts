/** What `./capi up --sandbox` makes of a file: nothing in it may reach a platform. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { parse } from "yaml"
import { checkConnections } from "../../shared/connectors/load-connections.ts"
import { connectorFor } from "../../shared/connectors/registry.ts"
import { connectorKinds } from "../../shared/model/platform.ts"
import { platformSandboxes } from "../sandbox/registry.ts"
import { startSandbox } from "../sandbox/sandbox.ts"
import { checkHosts, sandboxed } from "./try-sandbox.ts"

/** A connection of every kind, with the hosts of the platforms and credentials of every source. */
const file = `version: 1
defaults: { mapping: { default_country: US } }
connections:
${connectorKinds
  .map((kind) => {
    const { endpoint, exampleAccount } = connectorFor(kind)
    const hosts = kind.startsWith("google") ? ', oauth_host: "https://oauth2.googleapis.com"' : ""
    const account = JSON.stringify(exampleAccount).slice(1, -1)
    const messages =
      kind === "whatsapp"
        ? '\n    mapping: { templates: { purchase: { name: n, language: en_US, body: ["{event_id}"] } } }'
        : ""
    return `  - id: my-${kind}
    platform: ${kind}
    account: { ${account}${hosts} }
    credential: store:real-${kind}
    limits: { linger: 100 millis }
    endpoint: { host: "${endpoint.host}" }${messages}`
  })
  .join("\n")}
`

describe("a file of connections on the sandboxes", () => {
  it.effect("has the sandboxes' hosts and credentials in every connection, and keeps everything else", () =>
    Effect.gen(function* () {
      const sandbox = yield* startSandbox()
      const text = sandboxed(file, sandbox)
      assert.notMatch(text, /https:|store:/)
      const { connections } = yield* Effect.fromResult(checkConnections("x.yaml", text, sandbox.environment))
      assert.deepStrictEqual(
        connections.map(({ kind }) => kind),
        [...connectorKinds]
      )
      assert.isAbove(platformSandboxes.length, 5)
      yield* checkHosts(connections)
      for (const { credential } of connections) assert.isString(sandbox.environment[credential.replace("env:", "")])
      const [before, after] = [parse(file), parse(text)]
      assert.deepStrictEqual(after.defaults, before.defaults)
      assert.deepStrictEqual(after.connections[0].limits, before.connections[0].limits)
    })
  )

  it.effect("is refused where a host is not this machine", () =>
    Effect.gen(function* () {
      const { connections } = yield* Effect.fromResult(checkConnections("x.yaml", file, {}))
      const { code, message } = yield* Effect.flip(checkHosts(connections))
      assert.strictEqual(code, "not_sandboxed")
      assert.include(message, "my-google: https://oauth2.googleapis.com")
    })
  )
})
