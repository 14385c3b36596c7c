import type { ChildProcess } from "node:child_process"
import { writeFileSync } from "node:fs"
import path from "node:path"
import { assert, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { onTestFinished } from "vitest"
import { temporaryFolder } from "../../tests/harness/temporary-folder.ts"
import { waitUntil } from "../../tests/harness/wait-until.ts"
import { spawnGuarded } from "./guarded-spawn.mjs"
import { endProcess, isAlive, launch, logTail, runningProcess, signal } from "./processes.ts"
import { readJson } from "./state.ts"

const launchSleeper = (directory: string) =>
  launch({
    command: "sleep",
    arguments: ["600"],
    logFile: path.join(directory, "log"),
    pidFile: path.join(directory, "pid")
  })

it.live("what was launched is found by its pid file and ended by its pid", () =>
  Effect.gen(function* () {
    const directory = temporaryFolder()
    const { pid, hasEnded } = launchSleeper(directory)
    assert.strictEqual(runningProcess(path.join(directory, "pid"), "sleep")?.pid, pid)
    yield* endProcess(pid, Duration.seconds(5))
    assert.isTrue(hasEnded())
    assert.isNull(runningProcess(path.join(directory, "pid"), "sleep"))
  })
)

it("a stale pid file that now names a stranger is no process of ours", () => {
  const directory = temporaryFolder()
  writeFileSync(path.join(directory, "pid"), JSON.stringify({ pid: process.pid, owner: 1 }))
  assert.isNull(runningProcess(path.join(directory, "pid"), "/no/such/state/folder"))
  writeFileSync(path.join(directory, "pid"), '{"pid": 12')
  assert.isNull(runningProcess(path.join(directory, "pid"), ""))
})

it.live("a process that ignores SIGTERM is killed after the grace", () =>
  Effect.gen(function* () {
    const directory = temporaryFolder()
    const { pid, hasEnded } = launch({
      command: "sh",
      arguments: ["-c", "trap '' TERM; echo ready; while :; do sleep 0.1; done"],
      logFile: path.join(directory, "log"),
      pidFile: path.join(directory, "pid")
    })
    yield* Effect.promise(() => waitUntil("the trap is set", () => readLog(directory).includes("ready")))
    yield* endProcess(pid, Duration.millis(300))
    assert.isTrue(hasEnded())
  })
)

it("what we launched ends when we are killed without a chance to end it", async () => {
  const directory = temporaryFolder()
  const script = `
    import { launch } from ${JSON.stringify(new URL("processes.ts", import.meta.url).href)}
    launch({ command: "sleep", arguments: ["600"], logFile: "${directory}/log", pidFile: "${directory}/pid" })
    setInterval(() => {}, 1000)`
  const owner: ChildProcess = spawnGuarded(process.execPath, ["--input-type=module", "-e", script], { stdio: "ignore" })
  onTestFinished(() => void owner.kill("SIGKILL"))
  const pid = await waitUntil("the child is launched", () => readJson<{ pid?: number }>(`${directory}/pid`, {}).pid)
  assert.isTrue(isAlive(pid))
  signal(owner.pid!, "SIGKILL")
  await waitUntil("the guard has ended the child", () => !isAlive(pid), 10_000)
})

const readLog = (directory: string): string => logTail(path.join(directory, "log"))
