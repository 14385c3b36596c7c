/** `make e2e-erasure`: exit code 0 only if every promise of docs/erasure.md held. */
import process from "node:process"
import * as Effect from "effect/Effect"
import { endWithLauncher } from "../../shared/runtime/end-with-launcher.mjs"
import { runToExit } from "../harness/run-to-exit.ts"
import { erasureRun } from "./erasure.ts"
import { findings } from "./findings.ts"

endWithLauncher()

const print = (line: string) => void process.stdout.write(`${line}\n`)

const main = Effect.gen(function* () {
  const found = findings(yield* erasureRun(print))
  for (const one of found) print(`BROKEN  ${one}`)
  print(found.length === 0 ? "Every promise held: nothing of the person is left." : `${found.length} findings.`)
  return found.length === 0
})

runToExit("e2e-erasure", main)
