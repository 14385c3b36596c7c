/** Nothing that `capi run` started is left when it, or the tool in front of it, is ended or killed: by the real processes. */
import type { ChildProcess } from "node:child_process"
import { writeFileSync } from "node:fs"
import path from "node:path"
import process from "node:process"
import { describe, it } from "@effect/vitest"
import { onTestFinished } from "vitest"
import { temporaryFolder } from "../../tests/harness/temporary-folder.ts"
import { waitUntil } from "../../tests/harness/wait-until.ts"
import { spawnGuarded } from "../local/guarded-spawn.mjs"
import { isAlive, signal } from "../local/processes.ts"
import { repository } from "../local/state.ts"

const programs = ["normalizer", "mapper", "health"]
/** How soon after a signal the last of them must be gone, on a machine at work on other things. */
const goneWithinMillis = 30_000

interface Started {
  readonly child: ChildProcess
  /** Of the processors. */
  readonly pids: ReadonlyArray<number>
}

/** Starts `capi run`, by a command and what comes before `run`, and waits until every processor is there. */
const startRun = async (command: string, ...before: ReadonlyArray<string>): Promise<Started> => {
  const folder = temporaryFolder()
  const connections = path.join(folder, "connections.yaml")
  writeFileSync(
    connections,
    "version: 1\nconnections:\n  - { id: shop, platform: meta, account: { dataset_id: 1 }, credential: env:NONE }\n"
  )
  const child = spawnGuarded(command, [...before, "run", ...programs], {
    cwd: repository,
    detached: true,
    stdio: ["ignore", "ignore", "pipe"],
    env: {
      ...process.env,
      // Nothing answers there: the processors wait for it, and are there to be ended.
      KAFKA_BROKERS: "127.0.0.1:1",
      SCHEMA_REGISTRY_URL: "http://127.0.0.1:1",
      STARTUP_TIMEOUT: "10 minutes",
      CAPI_CONNECTIONS: connections,
      CAPI_MASTER_KEY: "c3Vydml2b3JzLTAxMjM0NTY3ODlhYmNkZWZnaGlqa2w=",
      HOST: "127.0.0.1",
      LOG_LEVEL: "None",
      // npx keeps a link to a checkout's command, which may be one of another day.
      npm_config_cache: path.join(folder, "npm"),
      PORT: "0"
    }
  })
  let text = ""
  child.stderr?.on("data", (chunk) => {
    text += chunk
  })
  const pids = await waitUntil(
    `the processors run: ${text}`,
    () => {
      const found = [...text.matchAll(/: process (\d+)$/gm)].map((match) => Number(match[1]))
      return found.length === programs.length && found
    },
    60_000
  )
  onTestFinished(() => {
    for (const pid of [child.pid!, ...pids]) signal(pid, "SIGKILL")
  })
  return { child, pids }
}

const allGone = (pids: ReadonlyArray<number>) =>
  waitUntil("no processor is left", () => !pids.some(isAlive), goneWithinMillis)

const capi = path.join(repository, "capi")
const launchers: ReadonlyArray<readonly [string, string, ...ReadonlyArray<string>]> = [
  ["./capi", capi],
  ["npx in front", "npx", "capi-relay"],
  ["npm exec in front", "npm", "exec", "--no", "--", "capi-relay"]
]

describe("what capi run started", { timeout: 120_000 }, () => {
  for (const [name, command, ...before] of launchers)
    it.each(["SIGTERM", "SIGKILL"] as const)(`ends on %s to it (${name})`, async (signal) => {
      const { child, pids } = await startRun(command, ...before)
      process.kill(child.pid!, signal)
      await allGone(pids)
    })

  it("ends where its whole process group is killed", async () => {
    const { child, pids } = await startRun(capi)
    process.kill(-child.pid!, "SIGKILL")
    await allGone(pids)
  })

  it("ends where a processor is stopped (SIGSTOP) as well", async () => {
    const { child, pids } = await startRun(capi)
    process.kill(pids[0]!, "SIGSTOP")
    process.kill(child.pid!, "SIGKILL")
    await allGone(pids)
  })

  it("ends where make is in front and is killed", async () => {
    const makefile = path.join(temporaryFolder(), "Makefile")
    writeFileSync(makefile, `run:\n\t${capi} run ${programs.join(" ")}\n.PHONY: run\n`)
    const { child, pids } = await startRun("make", "-f", makefile, "-s")
    process.kill(child.pid!, "SIGKILL")
    await allGone(pids)
  })
})
