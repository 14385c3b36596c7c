/** Where broker, registry and platform accept connections and never answer, `./capi doctor` ends all the same, and names each. */
import { writeFileSync } from "node:fs"
import { type AddressInfo, createServer, type Server, type Socket } from "node:net"
import path from "node:path"
import process from "node:process"
import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { temporaryFolder } from "../../../tests/harness/temporary-folder.ts"
import { jsonLines, runCommand } from "../testing.ts"
import type { Finding } from "./check.ts"

/** Accepts connections and never answers, until the scope closes. @returns the port */
const silentServer = Effect.map(
  Effect.acquireRelease(
    Effect.callback<{ readonly server: Server; readonly sockets: ReadonlyArray<Socket> }>((resume) => {
      const sockets: Array<Socket> = []
      const server = createServer((socket) => {
        sockets.push(socket.on("error", () => undefined).resume())
      })
      server.listen(0, "127.0.0.1", () => resume(Effect.succeed({ server, sockets })))
    }),
    ({ server, sockets }) =>
      Effect.sync(() => {
        for (const socket of sockets) socket.destroy()
        server.close()
      })
  ),
  ({ server }) => (server.address() as AddressInfo).port
)

it.live(
  "ends where nothing answers",
  () =>
    Effect.gen(function* () {
      const port = yield* silentServer
      const connections = path.join(temporaryFolder(), "connections.yaml")
      writeFileSync(
        connections,
        `version: 1\nconnections:\n  - { id: shop, platform: meta, account: { dataset_id: 1 }, credential: env:SILENT_TOKEN, endpoint: { host: "http://127.0.0.1:${port}" } }\n`
      )
      process.env["SILENT_TOKEN"] = "token-of-the-silent-test"
      const { exit, out } = yield* runCommand(["doctor", "--json"], {
        KAFKA_BROKERS: `127.0.0.1:${port}`,
        SCHEMA_REGISTRY_URL: `http://127.0.0.1:${port}`,
        CAPI_CONNECTIONS: connections
      })
      assert.isTrue(Exit.isFailure(exit))
      const findings = jsonLines(out)[0]!["findings"] as ReadonlyArray<Finding>
      assert.deepStrictEqual(
        findings.filter(({ status }) => status === "failed").map(({ group, check }) => `${group}/${check}`),
        ["kafka/answers", "registry/answers", "platforms/shop"]
      )
      assert.include(findings.find(({ group }) => group === "registry")!.message, "nothing within 5 s")
      assert.notInclude(out, "token-of-the-silent-test")
    }).pipe(Effect.scoped),
  180_000
)
