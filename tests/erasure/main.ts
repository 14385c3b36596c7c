/** `make e2e-erasure`: exit code 0 only if every promise of docs/erasure.md held. */
import process from "node:process"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { endWithLauncher } from "../../shared/runtime/end-with-launcher.mjs"
import { describeFailure, formatFailure } from "../../shared/runtime/exit.ts"
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

NodeRuntime.runMain(Effect.scoped(main), {
  disableErrorReporting: true,
  teardown: (exit, onExit) => {
    if (Exit.isSuccess(exit)) return onExit(exit.value ? 0 : 1)
    const failure = describeFailure(exit.cause)
    if (failure !== null) process.stderr.write(`${formatFailure("e2e-erasure", failure)}\n`)
    return onExit(1)
  }
})
