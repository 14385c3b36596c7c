/** `make clean` by its real program, on a copy of the tree: what it removes, what it keeps, and when it refuses. */
import { spawnSync } from "node:child_process"
import { cpSync, existsSync, mkdirSync, readdirSync, realpathSync, writeFileSync } from "node:fs"
import path from "node:path"
import process from "node:process"
import { assert, describe, it } from "@effect/vitest"
import { onTestFinished } from "vitest"
import { temporaryFolder } from "../../tests/harness/temporary-folder.ts"
import { waitUntil } from "../../tests/harness/wait-until.ts"
import { commandLine } from "./command-line.mjs"
import { spawnGuarded } from "./guarded-spawn.mjs"
import { isAlive } from "./processes.ts"
import { repository } from "./state.ts"

const made = [
  "ports.json",
  "cluster.json",
  "schema-ids.json",
  "schema-ids-docker.json",
  "environment.json",
  "mapper.pid",
  "addresses.json"
]
const madeFolders = ["jars", "logs", "broker-1", "broker-12", "registry", "compile-cache"]
const ofTheUser = ["connections.yaml", "credentials.json", "credentials.json.lock", "master-key"]

const makeTree = () => {
  const root = realpathSync(temporaryFolder())
  const state = path.join(root, ".capi")
  for (const name of ["clean.mjs", "command-line.mjs"])
    cpSync(path.join(repository, "infra/local", name), path.join(root, "infra/local", name))
  for (const name of madeFolders) mkdirSync(path.join(state, name), { recursive: true })
  for (const name of [...made, ...ofTheUser]) writeFileSync(path.join(state, name), "{}")
  const clean = (variables: Readonly<Record<string, string>> = {}) =>
    spawnSync(process.execPath, [path.join(root, "infra/local/clean.mjs")], {
      encoding: "utf8",
      env: { PATH: process.env["PATH"], ...variables }
    })
  return { root, state, clean }
}

/** A process that does nothing, by a command line that ends with `args`. */
const idle = async (root: string, ...args: ReadonlyArray<string>) => {
  const script = path.join(root, "idle.mjs")
  writeFileSync(script, "setInterval(() => {}, 1000)")
  const child = spawnGuarded(process.execPath, [script, ...args], { stdio: "ignore" })
  onTestFinished(() => void child.kill("SIGKILL"))
  await waitUntil("it runs", () => commandLine(child.pid!).includes(script))
  return child.pid!
}

describe("make clean", () => {
  it("removes what runs have made, keeps what is the user's, and says so", () => {
    const { state, clean } = makeTree()
    const { status, stdout, stderr } = clean()
    assert.deepStrictEqual([status, stderr], [0, ""])
    assert.deepStrictEqual(readdirSync(state).sort(), ofTheUser)
    for (const name of ofTheUser) assert.include(stdout, `.capi/${name}`)
    assert.include(stdout, "make clean CREDENTIALS=delete")
  })

  it("removes all of it where that is asked for, and names it", () => {
    const { state, clean } = makeTree()
    const { status, stdout } = clean({ CREDENTIALS: "delete" })
    assert.strictEqual(status, 0)
    assert.isFalse(existsSync(state))
    for (const name of ofTheUser) assert.include(stdout, `.capi/${name}`)
    assert.deepStrictEqual(clean().status, 0)
  })

  it("says nothing where nothing of the user's is there", () => {
    const { state, clean } = makeTree()
    clean({ CREDENTIALS: "delete" })
    mkdirSync(path.join(state, "logs"), { recursive: true })
    assert.strictEqual(clean().stdout, "")
    assert.isFalse(existsSync(state))
  })

  it("refuses while a program has the broker, or a demonstration runs", async () => {
    const { root, state, clean } = makeTree()
    const owner = await idle(root, "up")
    const addresses = { owner, command: commandLine(owner), startedBy: "./capi up", howToEnd: "End it." }
    writeFileSync(path.join(state, "addresses.json"), JSON.stringify(addresses))
    const refused = clean({ CREDENTIALS: "delete" })
    assert.strictEqual(refused.status, 1)
    assert.include(refused.stderr, `\`./capi up\` is running (pid ${owner}). End it. Nothing was removed.`)
    assert.includeMembers(readdirSync(state), [...made, ...madeFolders, ...ofTheUser])
    // A program that is still starting has pid files alone.
    const broker = await idle(root, path.join(state, "broker-1"))
    writeFileSync(path.join(state, "addresses.json"), "{}")
    writeFileSync(path.join(state, "broker-1.pid"), JSON.stringify({ pid: broker, owner }))
    assert.include(clean().stderr, `A program (pid ${owner}) is starting or ending here`)
    writeFileSync(path.join(state, "broker-1.pid"), JSON.stringify({ pid: broker, owner: 2 ** 30 }))
    // Another command line: the pid has been given to a stranger since.
    writeFileSync(path.join(state, "addresses.json"), JSON.stringify({ ...addresses, command: "node another" }))
    const demo = await idle(root, path.join("infra", "demo", "main.ts"))
    writeFileSync(path.join(state, "demo.pid"), JSON.stringify({ pid: demo, owner: demo }))
    assert.include(clean().stderr, `\`make run\` is running (pid ${demo})`)
    process.kill(demo, "SIGKILL")
    await waitUntil("the demonstration has ended", () => !isAlive(demo))
    assert.strictEqual(clean().status, 0)
    assert.deepStrictEqual([isAlive(owner), isAlive(broker)], [true, false])
    assert.deepStrictEqual(readdirSync(state).sort(), ofTheUser)
  })
})
