/** `./capi run --together` as a process on the real broker: an event goes through two processors, and SIGTERM ends both. */
import type { ChildProcess } from "node:child_process"
import { once } from "node:events"
import { writeFileSync } from "node:fs"
import path from "node:path"
import process from "node:process"
import { fileURLToPath } from "node:url"
import { assert, inject, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { temporaryFolder } from "../../tests/harness/temporary-folder.ts"
import { uniquePrefix } from "../../tests/harness/test-services.ts"
import { waitUntil } from "../../tests/harness/wait-until.ts"
import { spawnGuarded } from "../local/guarded-spawn.mjs"
import { jsonLines, runCommand } from "./testing.ts"

const main = path.join(path.dirname(fileURLToPath(import.meta.url)), "main.ts")

it("runs several processors in one process, and ends them together", { timeout: 240_000 }, async () => {
  const folder = temporaryFolder()
  const env = {
    KAFKA_BROKERS: inject("brokers"),
    SCHEMA_REGISTRY_URL: inject("registryUrl"),
    CAPI_TOPIC_PREFIX: uniquePrefix("together"),
    CAPI_CONNECTIONS: path.join(folder, "connections.yaml"),
    CAPI_MASTER_KEY: "cnVuLTAxMjM0NTY3ODlhYmNkZWZnaGlqa2xtbm9wcXI=",
    HOST: "127.0.0.1",
    LOG_FORMAT: "json"
  }
  writeFileSync(
    env.CAPI_CONNECTIONS,
    "version: 1\nconnections:\n  - { id: shop, platform: meta, account: { dataset_id: 1 }, credential: env:NONE }\n"
  )
  const events = path.join(folder, "events.jsonl")
  writeFileSync(
    events,
    JSON.stringify({
      event_id: "o-1",
      event_name: "purchase",
      user: { email: "a@example.com" },
      properties: { value: 1, currency: "USD" }
    })
  )
  const capi = (...args: ReadonlyArray<string>) => Effect.runPromise(runCommand(args, env))
  await capi("topics", "--create")
  const child = spawnGuarded(process.execPath, [main, "run", "normalizer", "mapper", "--together"], {
    env: { PATH: process.env["PATH"] ?? "", ...env },
    stdio: ["ignore", "pipe", "pipe"]
  })
  const text = { out: "", err: "" }
  child.stdout.on("data", (chunk) => {
    text.out += chunk
  })
  child.stderr.on("data", (chunk) => {
    text.err += chunk
  })
  const ended = once(child, "close")
  await capi("send", events, "--now")
  await waitUntil(
    "the event is mapped",
    async () => {
      if (hasEnded(child)) assert.fail(`It ended: ${text.out}${text.err}`)
      const { out } = await capi("tail", "mapped-events.meta", "--from", "beginning", "--json")
      return jsonLines(out).length === 1
    },
    180_000
  )
  const port = /"port":(\d+)/.exec(text.out)?.[1]
  const metrics = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text()
  assert.include(metrics, "normalizer_")
  assert.include(metrics, "mapper_")
  child.kill("SIGTERM")
  const [code] = await ended
  assert.strictEqual(code, 0, text.err)
  assert.strictEqual(text.err, "")
  const groups = (await capi("replay", "--stage", "mapper", "--from", "beginning", "--dry-run", "--json")).out
  const [group] = jsonLines(groups)[0]!["groups"] as ReadonlyArray<{
    readonly members: number
    readonly records: number
  }>
  assert.deepStrictEqual([group?.members, group?.records], [0, 1])
})

const hasEnded = (child: ChildProcess): boolean => child.exitCode !== null || child.signalCode !== null
