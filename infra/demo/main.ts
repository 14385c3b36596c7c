/** `make run`: the demonstration until Ctrl-C; with ONCE=1 until every event is accounted for, which its exit code says. */
import process from "node:process"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { endWithLauncher } from "../../shared/runtime/end-with-launcher.mjs"
import { describeFailure, exitAtSecondInterrupt, exitCodes, formatFailure } from "../../shared/runtime/exit.ts"
import { demo } from "./demo.ts"

endWithLauncher()
exitAtSecondInterrupt()

const once = /^(1|true|yes)$/i.test(process.env["ONCE"] ?? "")

const exitCodeOf = (exit: Exit.Exit<unknown, unknown>): number => {
  if (Exit.isSuccess(exit)) return exit.value === true ? exitCodes.ok : exitCodes.failure
  const failure = describeFailure(exit.cause)
  if (failure === null) return exitCodes.ok
  process.stderr.write(`${formatFailure("capi-relay", failure)}\n`)
  return failure.exitCode
}

NodeRuntime.runMain(Effect.scoped(demo({ once })), {
  disableErrorReporting: true,
  // A connection that a hanging Docker engine keeps open is no reason to stay.
  teardown: (exit) => process.exit(exitCodeOf(exit))
})
