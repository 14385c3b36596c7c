#!/usr/bin/env node
// Starts the command line from what was compiled once. `./capi` runs it on a Node that runs TypeScript.
import module from "node:module"
import path from "node:path"
import process from "node:process"
import { fileURLToPath } from "node:url"
import { endWithLauncher } from "../../shared/runtime/end-with-launcher.mjs"

if (Number(process.versions.node.split(".")[0]) < 24) {
  process.stderr.write(
    `capi: Node.js 24 or newer is needed, and this is ${process.version}. Type ./capi, which finds one.\n`
  )
  process.exit(1)
}

endWithLauncher()

const here = path.dirname(fileURLToPath(import.meta.url))
// Half of the CPU of a start; a folder that can't be written to is no matter.
module.enableCompileCache?.(path.resolve(here, "../../.capi/compile-cache"))
// Before the files of `main.ts` are read, for which much is compiled.
await import(path.join(here, "compile-in-this-thread.ts"))
await import(path.join(here, "main.ts"))
