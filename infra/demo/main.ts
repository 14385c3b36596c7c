/** `make run`: the demonstration until Ctrl-C; with ONCE=1 until every event is accounted for, as its exit code tells. */
import process from "node:process"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { endWithLauncher } from "../../shared/program/end-with-launcher.mjs"
import { describeFailure, exitCodes, formatFailure } from "../../shared/program/failure.ts"
import { demo } from "./demo.ts"

endWithLauncher()

const once = /^(1|true|yes)$/i.test(process.env["ONCE"] ?? "")

NodeRuntime.runMain(Effect.scoped(demo({ once })), {
  disableErrorReporting: true,
  teardown: (exit, onExit) => {
    if (Exit.isSuccess(exit)) return onExit(exit.value === true ? exitCodes.ok : exitCodes.failure)
    const failure = describeFailure(exit.cause)
    if (failure === null) return onExit(exitCodes.ok)
    process.stderr.write(`${formatFailure("capi-relay", failure)}\n`)
    return onExit(failure.exitCode)
  }
})
