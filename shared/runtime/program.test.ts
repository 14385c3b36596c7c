/** A program as an orchestrator sees it: exit codes, its one line, its port and its end. */
import type { ChildProcess } from "node:child_process"
import { once } from "node:events"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { createServer } from "node:net"
import os from "node:os"
import path from "node:path"
import process from "node:process"
import { fileURLToPath } from "node:url"
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { spawnGuarded } from "../../infra/local/guarded-spawn.mjs"
import { EndProgram } from "./contract.ts"
import { endable } from "./program.ts"

const main = fileURLToPath(new URL("../../processors/health/main.ts", import.meta.url))

let folder = ""
let env: Record<string, string> = {}
beforeAll(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), "capi-program-"))
  const connections = path.join(folder, "connections.yaml")
  writeFileSync(
    connections,
    "version: 1\nconnections:\n  - { id: shop, platform: meta, account: { dataset_id: 1 }, credential: env:NONE }\n"
  )
  env = {
    PATH: process.env["PATH"] ?? "",
    KAFKA_BROKERS: "127.0.0.1:1",
    SCHEMA_REGISTRY_URL: "http://127.0.0.1:1",
    CAPI_CONNECTIONS: connections,
    HOST: "127.0.0.1",
    PORT: "0",
    LOG_FORMAT: "json"
  }
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const start = (variables: Record<string, string>) => {
  const child = spawnGuarded(process.execPath, [main], { cwd: folder, env: { ...env, ...variables } })
  const text = { out: "", err: "" }
  child.stdout.on("data", (chunk) => {
    text.out += chunk
  })
  child.stderr.on("data", (chunk) => {
    text.err += chunk
  })
  return { child, text }
}

const ended = async ({ child, text }: { child: ChildProcess; text: { out: string; err: string } }) => {
  const [code] = await once(child, "close")
  return { code, ...text }
}

/** The port that the program logs, as soon as it does. */
const portOf = async ({ child, text }: ReturnType<typeof start>): Promise<number> => {
  for (;;) {
    const port = /"port":(\d+)/.exec(text.out)?.[1]
    if (port !== undefined) return Number(port)
    await Promise.race([once(child.stdout, "data"), once(child, "close")])
    if (child.exitCode !== null) assert.fail(`The program ended: ${text.err}`)
  }
}

describe("work that follows something in the background", () => {
  it.effect("ends cleanly with the failure that it is given", () =>
    Effect.gen(function* () {
      let isStopped = false
      const follower = Effect.flatMap(EndProgram, (end) => Effect.andThen(Effect.yieldNow, end("full")))
      const work = Effect.andThen(Effect.forkScoped(follower), Effect.never).pipe(
        Effect.onInterrupt(() => Effect.sync(() => (isStopped = true))),
        Effect.scoped
      )
      assert.strictEqual(yield* Effect.flip(endable(work)), "full")
      assert.isTrue(isStopped)
    })
  )
})

describe("a program", () => {
  it("says in one line which setting is missing", async () => {
    const { code, err } = await ended(start({ KAFKA_BROKERS: "" }))
    assert.strictEqual(code, 2)
    assert.match(err, /^health: The setting KAFKA_BROKERS is missing:.* such as KAFKA_BROKERS=localhost:9092\b.*\.\n$/)
  })

  it("says in one line what is wrong with the file of connections", async () => {
    const wrong = path.join(folder, "wrong.yaml")
    writeFileSync(wrong, "version: 1\nconnections:\n  - { id: shop, platform: meeta }\n")
    const { code, err } = await ended(start({ CAPI_CONNECTIONS: wrong }))
    assert.strictEqual(code, 2)
    assert.strictEqual(err.trim().split("\n").length, 1)
    assert.include(err, "wrong.yaml:3:")
  })

  it("says in one line that its port is in use", async () => {
    const holder = createServer().listen(0, "127.0.0.1")
    await once(holder, "listening")
    const address = holder.address()
    const port = typeof address === "object" && address !== null ? address.port : 0
    const { code, err } = await ended(start({ PORT: String(port) }))
    holder.close()
    assert.strictEqual(code, 1)
    assert.match(err, new RegExp(`^health: Port ${port} is in use on 127\\.0\\.0\\.1\\. Set PORT .*\n$`))
  })

  it("is alive but not ready while it waits for the registry, and ends cleanly on SIGTERM", async () => {
    const program = start({})
    const port = await portOf(program)
    assert.strictEqual((await fetch(`http://127.0.0.1:${port}/healthz`)).status, 200)
    const ready = await fetch(`http://127.0.0.1:${port}/readyz`)
    assert.strictEqual(ready.status, 503)
    assert.include(await ready.text(), "Waiting for the schema registry.")
    const metrics = (await (await fetch(`http://127.0.0.1:${port}/metrics`)).text()).split("\n")
    const names = metrics.filter((line) => line !== "" && !line.startsWith("#"))
    assert.isNotEmpty(names)
    assert.deepStrictEqual(
      names.filter((line) => !line.startsWith("capi_")),
      []
    )
    program.child.kill("SIGTERM")
    const { code, err } = await ended(program)
    assert.strictEqual(code, 0, err)
    assert.strictEqual(err, "")
  })

  it("logs after five seconds what it waits for, without the password in its address", async () => {
    const program = start({
      SCHEMA_REGISTRY_URL: "http://shop:secret-word@127.0.0.1:1",
      SCHEMA_REGISTRY_ALLOW_PLAINTEXT: "true"
    })
    while (!program.text.out.includes("Still waiting")) await once(program.child.stdout, "data")
    assert.match(program.text.out, /"WARN".*Still waiting for the schema registry at http:.*@127\.0\.0\.1:1\./)
    program.child.kill("SIGTERM")
    const { out } = await ended(program)
    assert.notInclude(out, "secret-word")
  })
})
