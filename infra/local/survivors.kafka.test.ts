/** A broker and a registry end with the program that started them, also where it is killed and can end nothing. */
import { readFileSync } from "node:fs"
import path from "node:path"
import process from "node:process"
import { assert, it } from "@effect/vitest"
import { onTestFinished } from "vitest"
import { temporaryFolder } from "../../tests/harness/temporary-folder.ts"
import { waitUntil } from "../../tests/harness/wait-until.ts"
import { spawnGuarded } from "./guarded-spawn.mjs"
import { isAlive, type PidFile, signal } from "./processes.ts"
import { readJson } from "./state.ts"

const startDeadlineMillis = 150_000

it("no JVM is left when the program that started it is killed", { timeout: 240_000 }, async () => {
  const folder = temporaryFolder()
  const script = `
    import * as Effect from "effect/Effect"
    import { startLocal } from ${JSON.stringify(new URL("start-local.ts", import.meta.url).href)}
    const options = { stateDirectory: ${JSON.stringify(folder)}, fastStart: true, ending: "kill" }
    await Effect.runPromise(Effect.scoped(Effect.andThen(startLocal(options), Effect.never)))`
  const { KAFKA_BROKERS: _brokers, SCHEMA_REGISTRY_URL: _registry, ...environment } = process.env
  const owner = spawnGuarded(process.execPath, ["--input-type=module", "-e", script], {
    stdio: ["ignore", "ignore", "inherit"],
    env: { ...environment, CAPI_DOCKER: "never" }
  })
  onTestFinished(() => signal(owner.pid!, "SIGKILL"))
  const pidOf = (name: string) => readJson<Partial<PidFile>>(path.join(folder, `${name}.pid`), {}).pid
  await waitUntil("broker and registry are up", () => pidOf("broker-1") && readAddresses(folder), startDeadlineMillis)
  const pids = [pidOf("broker-1")!, pidOf("registry")!]
  assert.deepStrictEqual(pids.map(isAlive), [true, true])
  signal(owner.pid!, "SIGKILL")
  await waitUntil("no JVM is left", () => !pids.some(isAlive), 40_000)
})

const readAddresses = (folder: string): string => readFileSync(path.join(folder, "addresses.json"), "utf8")
