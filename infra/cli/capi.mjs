#!/usr/bin/env node
// Starts the command line on a Node that runs TypeScript: this one, or the one that npm brought. Signals and the exit
// code go through, so that scripts and terminals see one program. What it starts ends with it, on SIGKILL too.
import { existsSync } from "node:fs"
import module from "node:module"
import path from "node:path"
import process from "node:process"
import { fileURLToPath } from "node:url"
import { endWithLauncher } from "../../shared/program/end-with-launcher.mjs"
import { spawnGuarded } from "../../shared/program/guarded-spawn.mjs"

endWithLauncher()

const here = path.dirname(fileURLToPath(import.meta.url))
const main = path.join(here, "main.ts")
const oldestMajor = 24

if (Number(process.versions.node.split(".")[0]) >= oldestMajor) {
  // What was compiled once is loaded the next time, in half the CPU; a folder that can't be written to is no matter.
  module.enableCompileCache?.(path.resolve(here, "../../.capi/compile-cache"))
  await import(main)
} else {
  const node = path.resolve(here, "../../node_modules/.bin/node")
  if (!existsSync(node)) {
    process.stderr.write(
      `capi: Node ${oldestMajor} is needed; this is ${process.version}. Run \`npm ci\`, which brings one, or install it.\n`
    )
    process.exit(1)
  }
  const child = spawnGuarded(node, [main, ...process.argv.slice(2)], { stdio: "inherit" })
  // A terminal sends Ctrl-C to both; what only reaches this process is passed on.
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT"])
    process.on(signal, () => {
      if (signal !== "SIGINT" || !process.stdin.isTTY) child.kill(signal)
    })
  child.on("error", (error) => {
    process.stderr.write(`capi: ${error.message}\n`)
    process.exit(1)
  })
  child.on("exit", (code, signal) => {
    if (signal === null) process.exit(code ?? 1)
    process.removeAllListeners(signal)
    process.kill(process.pid, signal)
  })
}
