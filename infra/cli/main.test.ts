/** How the process of a command ends. */
import { spawnSync } from "node:child_process"
import { closeSync, constants, mkdtempSync, openSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import path from "node:path"
import process from "node:process"
import { assert, describe, it } from "@effect/vitest"
import { onTestFinished } from "vitest"
import { runProcess } from "../../tests/harness/run-command.ts"
import { waitUntil } from "../../tests/harness/wait-until.ts"
import { spawnGuarded } from "../local/guarded-spawn.mjs"
import { repository } from "../local/state.ts"
import { endsByInterrupt } from "./ended-by-interrupt.ts"

describe("an interrupt", () => {
  it.each([
    ["top"],
    ["tail raw-events"],
    ["--json tail raw-events --last 5 -f"],
    ["tail raw-events --follow --from=beginning"]
  ])("is the normal end of %s", (line) => assert.isTrue(endsByInterrupt(line.split(" "))))

  it.each([["ledger"], ["tail raw-events --last 5"], ["tail raw-events --from=beginning"], ["--help"]])(
    "cuts %s off",
    (line) => assert.isFalse(endsByInterrupt(line.split(" ")))
  )
})

// Red while V8 compiles in other threads, for which an end waits that may wait for this one: then there are hundreds.
it("has no threads that compile what is warm", async () => {
  const file = path.join(repository, "infra/cli/capi.mjs")
  const { out } = await runProcess(process.execPath, ["--trace-opt", file, "lint", "--help"])
  assert.include(out, "USAGE")
  assert.isBelow(out.split("target MAGLEV").length, 50)
})

it("lints what a shell passes as a file that can be read once", async () => {
  const file = (name: string) => `"$capi" lint <(cat "$folder/examples/${name}")`
  const command = `${file("connections.yaml")} && ${file("alerting/notifications.yaml")}`
  const { exitCode, out } = await runProcess("bash", ["-c", command], {
    capi: path.join(repository, "capi"),
    folder: repository
  })
  assert.include(out, "is right: 8 connections")
  assert.include(out, "receivers")
  assert.strictEqual(exitCode, 0)
})

// Red while a thread reads the pipe: the end of a process waits for its threads.
it("is interrupted while it waits for what a named pipe brings", async () => {
  const folder = mkdtempSync(path.join(tmpdir(), "capi-pipe-"))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const pipe = path.join(folder, "connections.yaml")
  spawnSync("mkfifo", [pipe])
  const child = spawnGuarded(process.execPath, [path.join(repository, "infra/cli/capi.mjs"), "lint", pipe], {
    stdio: "ignore"
  })
  onTestFinished(() => void child.kill("SIGKILL"))
  // Fails until there is a reader.
  const writer = await waitUntil("it reads", () => openSync(pipe, constants.O_WRONLY | constants.O_NONBLOCK))
  onTestFinished(() => closeSync(writer))
  child.kill("SIGTERM")
  await waitUntil("it has ended", () => child.exitCode !== null)
  assert.strictEqual(child.exitCode, 130)
})

// Bash asks for what belongs to the name that is typed, without the folder.
it.each([
  ["", "capi"],
  ["capi-relay", "capi-relay"]
])("completes the command under the name it was started by (%j)", async (started, typed) => {
  const command = 'eval "$(node "$capi" --completions bash)" && complete -p'
  const { exitCode, out, errors } = await runProcess("bash", ["-c", command], {
    PATH: `${path.dirname(process.execPath)}:${process.env["PATH"]}`,
    CAPI_COMMAND_NAME: started,
    capi: path.join(repository, "infra/cli/capi.mjs")
  })
  assert.strictEqual(exitCode, 0, errors)
  assert.match(out, new RegExp(`^complete .*-F \\w+ ${typed}$`, "m"))
})
