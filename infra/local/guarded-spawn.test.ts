/** What a parent that is killed leaves to its guard: who ends, in which order, and what stays. */
import { existsSync, readFileSync } from "node:fs"
import path from "node:path"
import process from "node:process"
import { assert, describe, it } from "@effect/vitest"
import { onTestFinished } from "vitest"
import { temporaryFolder } from "../../tests/harness/temporary-folder.ts"
import { waitUntil } from "../../tests/harness/wait-until.ts"
import { spawnGuarded } from "./guarded-spawn.mjs"

/** A parent that starts these children, each of which writes a line to `log` at its SIGTERM, and prints their pids. */
const startParent = async (folder: string, code: string) => {
  const script = `
    const { spawn } = await import("node:child_process")
    import { spawnGuarded, spawnNeeded } from ${JSON.stringify(new URL("guarded-spawn.mjs", import.meta.url).href)}
    const child = (start, name, drainSeconds) => start("sh", ["-c",
      "trap 'sleep " + drainSeconds + "; echo " + name + " >> log; exit' TERM; echo ready >> log; while :; do sleep 0.05; done"],
      { cwd: ${JSON.stringify(folder)}, stdio: "ignore", detached: true }).pid
    ${code}
    setInterval(() => {}, 1000)`
  const parent = spawnGuarded(process.execPath, ["--input-type=module", "-e", script], {
    stdio: ["ignore", "pipe", "inherit"]
  })
  onTestFinished(() => void parent.kill("SIGKILL"))
  let out = ""
  parent.stdout?.on("data", (chunk) => {
    out += chunk
  })
  const pids = await waitUntil("the children run", () => {
    const found = out.trim() === "" ? [] : (JSON.parse(out) as ReadonlyArray<number>)
    return found.length > 0 && linesOf(folder).filter((line) => line === "ready").length === found.length && found
  })
  onTestFinished(() => {
    for (const pid of pids.filter(isAlive)) process.kill(pid, "SIGKILL")
  })
  return { parent, pids }
}

const linesOf = (folder: string): ReadonlyArray<string> => {
  const file = path.join(folder, "log")
  return existsSync(file) ? readFileSync(file, "utf8").trim().split("\n") : []
}
const ends = (folder: string) => linesOf(folder).filter((line) => line !== "ready")

// A child that ended and that nothing has waited for yet counts as gone: it has no command line.
const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    return !existsSync("/proc/self") || readFileSync(`/proc/${pid}/cmdline`, "utf8") !== ""
  } catch {
    return false
  }
}

describe("a parent that is killed", () => {
  it("has its children ended in order: what the others need comes last", async () => {
    const folder = temporaryFolder()
    const { parent, pids } = await startParent(
      folder,
      `console.log(JSON.stringify([child(spawnNeeded, "broker", 0), child(spawnGuarded, "processor", 1), child(spawnGuarded, "another", 0)]))`
    )
    parent.kill("SIGKILL")
    await waitUntil("all have ended", () => !pids.some(isAlive), 30_000)
    assert.strictEqual(ends(folder).at(-1), "broker")
    assert.sameMembers([...ends(folder)], ["another", "processor", "broker"])
  })

  it("has a guard as well where the first one was killed", async () => {
    const folder = temporaryFolder()
    const { parent, pids } = await startParent(
      folder,
      `const pids = [child(spawnGuarded, "one", 0)]
       const { execFileSync } = await import("node:child_process")
       const guard = () => Number(execFileSync("ps", ["-o", "pid=,ppid=,args=", "-A"], { encoding: "utf8" })
         .split("\\n").find((line) => line.includes("child-guard") && Number(line.trim().split(/ +/)[1]) === process.pid)
         ?.trim().split(/ +/)[0] ?? 0)
       const first = guard()
       process.kill(first, "SIGKILL")
       const looking = setInterval(() => {
         if ([0, first].includes(guard())) return
         clearInterval(looking)
         console.log(JSON.stringify(pids))
       }, 50)`
    )
    parent.kill("SIGKILL")
    await waitUntil("all have ended", () => !pids.some(isAlive), 30_000)
  })

  it("leaves alone what has ended before, and what it did not give to the guard", async () => {
    const folder = temporaryFolder()
    const { parent, pids } = await startParent(
      folder,
      `const ended = child(spawnGuarded, "ended", 0)
       const free = child(spawn, "free", 0)
       console.log(JSON.stringify([ended, free]))`
    )
    process.kill(pids[0]!, "SIGTERM")
    await waitUntil("one has ended", () => ends(folder).includes("ended"))
    parent.kill("SIGKILL")
    await waitUntil("the parent has ended", () => !isAlive(parent.pid!))
    assert.isTrue(isAlive(pids[1]!))
  })
})
