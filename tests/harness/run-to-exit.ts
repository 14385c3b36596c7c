/** The end of a run that is a command: exit code 0 only if everything held, a failure as one message with its next step. */
import process from "node:process"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Scope from "effect/Scope"
import { describeFailure, formatFailure } from "../../shared/runtime/exit.ts"

/** @param name of the command, such as `e2e-health`; `run` gives whether everything held */
export const runToExit = (name: string, run: Effect.Effect<boolean, unknown, Scope.Scope>): void =>
  NodeRuntime.runMain(Effect.scoped(run), {
    disableErrorReporting: true,
    teardown: (exit, onExit) => {
      if (Exit.isSuccess(exit)) return onExit(exit.value === true ? 0 : 1)
      const failure = describeFailure(exit.cause)
      if (failure !== null) process.stderr.write(`${formatFailure(name, failure)}\n`)
      return onExit(1)
    }
  })
