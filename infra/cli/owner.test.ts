/** `./capi down` ends what `./capi up` started, and nothing else: by the real program, on a copy of the tree. */
import { spawnSync } from "node:child_process"
import { cpSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import path from "node:path"
import process from "node:process"
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { onTestFinished } from "vitest"
import { waitUntil } from "../../tests/harness/wait-until.ts"
import { commandLine } from "../local/command-line.mjs"
import { spawnGuarded } from "../local/guarded-spawn.mjs"
import { isAlive } from "../local/processes.ts"
import { repository } from "../local/state.ts"

let root = ""
beforeAll(() => {
  root = realpathSync(mkdtempSync(path.join(tmpdir(), "capi-owner-")))
  for (const name of ["infra", "shared", "processors", "schemas", "package.json"])
    cpSync(path.join(repository, name), path.join(root, name), { recursive: true })
  symlinkSync(path.join(repository, "node_modules"), path.join(root, "node_modules"))
  mkdirSync(path.join(root, ".capi"))
})
afterAll(() => rmSync(root, { recursive: true, force: true }))

/** A process that does nothing, by a command line that ends with `args`. */
const idle = async (...args: ReadonlyArray<string>): Promise<number> => {
  const script = path.join(root, "idle.mjs")
  writeFileSync(script, "setInterval(() => {}, 1000)")
  const child = spawnGuarded(process.execPath, [script, ...args], { stdio: "ignore" })
  onTestFinished(() => void child.kill("SIGKILL"))
  await waitUntil("it runs", () => commandLine(child.pid!).includes(script))
  return child.pid!
}

const state = (name: string, value: unknown) => writeFileSync(path.join(root, ".capi", name), JSON.stringify(value))
const owned = (owner: number, startedBy: string, command = commandLine(owner)) =>
  state("addresses.json", {
    brokers: "127.0.0.1:1",
    registryUrl: "http://127.0.0.1:1",
    owner,
    command,
    startedBy,
    howToEnd: "End it with Ctrl-C in its terminal."
  })

const capi = (...args: ReadonlyArray<string>) =>
  spawnSync(process.execPath, [path.join(root, "infra/cli/main.ts"), ...args, "--json"], {
    cwd: root,
    encoding: "utf8",
    env: { PATH: process.env["PATH"] }
  })
const errorOf = (text: string) => JSON.parse(text).error

describe("./capi down", () => {
  it("refuses to end what make run started, and says what runs", async () => {
    const owner = await idle("demo")
    owned(owner, "make run")
    const { status, stderr } = capi("down")
    assert.strictEqual(status, 1)
    assert.deepInclude(errorOf(stderr), { code: "in_use", next_step: "End it with Ctrl-C in its terminal." })
    assert.include(errorOf(stderr).message, `\`make run\` (pid ${owner})`)
    assert.isTrue(isAlive(owner))
    assert.strictEqual(JSON.parse(capi("up").stdout).started_by, "make run")
  })

  it("refuses to end its own broker under a make run that uses it, and ends it after", async () => {
    const owner = await idle("up")
    const demo = await idle(path.join("infra", "demo", "main.ts"))
    owned(owner, "./capi up")
    state("demo.pid", { pid: demo, owner: demo })
    const { status, stderr } = capi("down")
    assert.strictEqual(status, 1)
    assert.include(errorOf(stderr).message, `\`make run\` (pid ${demo}) runs on this broker`)
    assert.deepStrictEqual([isAlive(owner), isAlive(demo)], [true, true])
    rmSync(path.join(root, ".capi/demo.pid"))
    assert.deepStrictEqual(JSON.parse(capi("down").stdout), { stopped: true })
    assert.isFalse(isAlive(owner))
  })

  it("lets a stranger alone who has the pid of a program that was killed", async () => {
    const stranger = await idle("stranger")
    owned(stranger, "./capi up", "node ./capi up")
    assert.deepStrictEqual(JSON.parse(capi("down").stdout), { stopped: false })
    assert.isTrue(isAlive(stranger))
  })
})
