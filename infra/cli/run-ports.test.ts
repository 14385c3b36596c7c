/** PORT with several programs of one `./capi run`: each answers on a port of the range, in the order of the names. */
import { writeFileSync } from "node:fs"
import path from "node:path"
import process from "node:process"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { onTestFinished } from "vitest"
import { temporaryFolder } from "../../tests/harness/temporary-folder.ts"
import { waitUntil } from "../../tests/harness/wait-until.ts"
import { spawnGuarded } from "../local/guarded-spawn.mjs"
import { freePort } from "../local/ports.ts"
import { repository } from "../local/state.ts"

const run = (port: string, ...args: ReadonlyArray<string>) => {
  const connections = path.join(temporaryFolder(), "connections.yaml")
  writeFileSync(
    connections,
    "version: 1\nconnections:\n  - { id: shop, platform: meta, account: { dataset_id: 1 }, credential: env:NONE }\n"
  )
  const child = spawnGuarded(path.join(repository, "capi"), ["run", ...args], {
    stdio: ["ignore", "ignore", "pipe"],
    env: {
      PATH: process.env["PATH"],
      // Nothing answers there: the programs wait for it, with their ports open.
      KAFKA_BROKERS: "127.0.0.1:1",
      SCHEMA_REGISTRY_URL: "http://127.0.0.1:1",
      STARTUP_TIMEOUT: "10 minutes",
      CAPI_CONNECTIONS: connections,
      CAPI_MASTER_KEY: "cG9ydHMtMDEyMzQ1Njc4OWFiY2RlZmdoaWprbG1ub3A=",
      HOST: "127.0.0.1",
      LOG_LEVEL: "None",
      PORT: port
    }
  })
  onTestFinished(() => void child.kill("SIGKILL"))
  const ran = { child, err: "" }
  child.stderr?.on("data", (chunk) => {
    ran.err += chunk
  })
  return ran
}

const isAlive = (port: number) => fetch(`http://127.0.0.1:${port}/healthz`).then(({ ok }) => ok)

/** The first of three free ports in a row that no other test takes. */
const freeRange = async (): Promise<number> => {
  for (;;) {
    const [first = 0, second, third] = await Effect.runPromise(Effect.replicateEffect(freePort, 3))
    if (second === first + 1 && third === first + 2) return first
  }
}

describe("PORT", { timeout: 120_000 }, () => {
  it("counts up over the programs that are named", async () => {
    const first = await freeRange()
    const ran = run(String(first), "mapper", "normalizer", "health")
    await waitUntil(
      "all answer",
      () => Promise.all([first, first + 1, first + 2].map(isAlive)).then((answers) => answers.every(Boolean)),
      60_000
    )
    assert.match(ran.err, new RegExp(`^mapper: process \\d+, port ${first}$`, "m"))
    assert.match(ran.err, new RegExp(`^normalizer: process \\d+, port ${first + 1}$`, "m"))
    assert.match(ran.err, new RegExp(`^health: process \\d+, port ${first + 2}$`, "m"))
  })

  it("is one port for programs in one process", async () => {
    const first = await freeRange()
    run(String(first), "normalizer", "mapper", "--together")
    await waitUntil("it answers", () => isAlive(first))
  })

  it("that leaves no room, or is not a port, is wrong use", async () => {
    for (const [port, expected] of [
      ["65534", "PORT=65534 leaves no room for 3 programs"],
      ["http", "PORT"]
    ] as const) {
      const ran = run(port, "normalizer", "mapper", "health")
      const code = await new Promise((resolve) => ran.child.once("close", resolve))
      assert.strictEqual(code, 2, ran.err)
      assert.include(ran.err, expected)
      assert.strictEqual(ran.err.trim().split("\n").length, 1)
    }
  })
})
