// `make clean`: ends what still runs on the state folder, by its pid files, and removes the folder. Needs no packages.
import { execFileSync } from "node:child_process"
import { createHash } from "node:crypto"
import { existsSync, readdirSync, readFileSync, rmSync } from "node:fs"
import path from "node:path"
import { fileURLToPath } from "node:url"

const repository = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../..")
const state = path.join(repository, ".capi")

const pidFiles = existsSync(state) ? readdirSync(state).filter((file) => file.endsWith(".pid")) : []
for (const file of pidFiles) endIfOurs(path.join(state, file))
for (const folder of [".capi", ".bench", "coverage"]) {
  rmSync(path.join(repository, folder), { recursive: true, force: true, maxRetries: 20, retryDelay: 250 })
}
removeVolumes()

// What a run on Docker keeps is in volumes, named as infra/local/docker.ts names them.
function removeVolumes() {
  const key = createHash("sha256").update(state).digest("hex").slice(0, 12)
  for (const service of ["broker", "registry"]) {
    try {
      execFileSync("docker", ["volume", "rm", "-f", `capi-${key}-${service}`], { stdio: "ignore", timeout: 10_000 })
    } catch {
      // No Docker here, so no volume either.
    }
  }
}

// The pid may have been given to a stranger since: only a process that works on the state folder is ended.
function endIfOurs(file) {
  try {
    const { pid } = JSON.parse(readFileSync(file, "utf8"))
    const command = execFileSync("ps", ["-ww", "-o", "command=", "-p", String(pid)], { encoding: "utf8" })
    if (!command.includes(state)) return
    process.kill(pid, "SIGTERM")
    for (let waited = 0; waited < 20_000; waited += 100) {
      process.kill(pid, 0)
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 100)
    }
  } catch {
    // It has ended, or never was: there is nothing to wait for.
  }
}
