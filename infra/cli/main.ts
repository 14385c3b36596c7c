/** `capi`: the command line. Exit codes: 0 done, 1 failed, 2 wrong use, 3 something does not answer, 130 interrupted. */
import "./compile-in-this-thread.ts"
import process from "node:process"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import type * as Runtime from "effect/Runtime"
import { endWithLauncher } from "../../shared/runtime/end-with-launcher.mjs"
import { describeFailure, exitAtSecondInterrupt, exitCodes, formatFailure } from "../../shared/runtime/exit.ts"
import { tuneHeap } from "../../shared/runtime/tune-heap.ts"
import { version } from "../../shared/runtime/version.ts"
import { loggerLayer } from "../../shared/telemetry/logger.ts"
import { printable } from "../../shared/telemetry/printable.ts"
import { applyLocalEnvironment } from "../local/environment.ts"
import { builtInFlags, CliError, Command, usagePresenter } from "./cli.ts"
import { withCommandName } from "./command-name.ts"
import { endsByInterrupt } from "./ended-by-interrupt.ts"
import { Output } from "./output.ts"
import { loadRoot } from "./root.ts"
import { processStatusLine } from "./status-line.ts"

const args = process.argv.slice(2)

const teardown: Runtime.Teardown = (exit, onExit) => {
  // What is done has ended, also where a connection to a broker that went away meanwhile is not closed yet.
  if (Exit.isSuccess(exit)) return void process.stdout.write("", () => process.exit(exitCodes.ok))
  const error = Cause.squash(exit.cause)
  // The help or what was wrong is on the screen already.
  if (CliError.isCliError(error) && error._tag === "ShowHelp")
    return onExit(error.errors.length === 0 ? exitCodes.ok : exitCodes.usage)
  const failure = describeFailure(exit.cause)
  if (failure === null) return onExit(endsByInterrupt(args) ? exitCodes.ok : exitCodes.interrupted)
  const { code, message, nextStep } = failure
  process.stderr.write(
    withCommandName(
      printable(
        args.includes("--json")
          ? `${JSON.stringify({ error: { code, message, next_step: nextStep } })}\n`
          : `${formatFailure("capi", failure)}\n`
      )
    )
  )
  onExit(failure.exitCode)
}

// A reader that goes away (`./capi tail … | head`) is not a failure.
process.stdout.on("error", (error: NodeJS.ErrnoException) => process.exit(error.code === "EPIPE" ? exitCodes.ok : 1))

endWithLauncher()
tuneHeap()
applyLocalEnvironment()

const presenter = usagePresenter(args.includes("--json"))
const logger = loggerLayer({
  program: "capi",
  level: "Warn",
  format: "auto",
  output: {
    write: (line) => process.stderr.write(processStatusLine.takeAway() + line),
    isTTY: process.stderr.isTTY === true
  }
})
const root = await loadRoot(args)
exitAtSecondInterrupt()
Command.runWith(root, { version })(args).pipe(
  Effect.provide(Layer.mergeAll(NodeServices.layer, Output.layer, builtInFlags, presenter, logger)),
  NodeRuntime.runMain({ disableErrorReporting: true, teardown })
)
