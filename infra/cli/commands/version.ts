/** `./capi version`: what runs here. */
import process from "node:process"
import { version as installed } from "../../../shared/runtime/version.ts"
import { Command } from "../cli.ts"
import { show } from "../output.ts"

export const version = Command.make("version", {}, () =>
  show(
    { version: installed, node: process.version },
    () => `capi-relay ${installed} on Node.js ${process.version.slice(1)}`
  )
).pipe(Command.withDescription("Print the version of capi-relay and of the Node.js that runs it"))
