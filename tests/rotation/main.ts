/**
 * `make e2e-rotation`: credentials and the master key change under load, on a real broker and the platforms' sandboxes, without a
 * restart and without a loss. SECONDS=40 is how long events are published.
 */
import process from "node:process"
import * as Effect from "effect/Effect"
import { endWithLauncher } from "../../shared/runtime/end-with-launcher.mjs"
import { runToExit } from "../harness/run-to-exit.ts"
import { rotationRun } from "./rotation-run.ts"

endWithLauncher()
const print = (line: string) => void process.stdout.write(`${line}\n`)
const seconds = Math.max(10, Number(process.env["SECONDS"] ?? 40) || 40)

const main = Effect.gen(function* () {
  const found = yield* rotationRun(seconds, `rotation-${process.pid}.`, print)
  for (const one of found) print(`BROKEN  ${one}`)
  print(found.length === 0 ? "Everything rotated, and nothing was lost." : `${found.length} findings.`)
  return found.length === 0
})

runToExit("e2e-rotation", main)
