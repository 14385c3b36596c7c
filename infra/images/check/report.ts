/** What was checked, as it goes and in the end. */
import process from "node:process"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Scope from "effect/Scope"
import { monotonicMillis } from "../../../shared/model/monotonic.ts"
import { describeFailure, exitCodes, formatFailure } from "../../../shared/runtime/exit.ts"

export interface Report {
  /** Runs a check and prints how it went; what it fails with is written down, and the next check follows. */
  readonly check: <E extends { readonly message: string }, R>(
    name: string,
    work: Effect.Effect<unknown, E, R>
  ) => Effect.Effect<boolean, never, R>
  /** Prints what cannot be checked here, and why; it is no failure. */
  readonly skip: (name: string, why: string) => void
  /** Prints a figure of the check that runs. */
  readonly note: (text: string) => void
  /** Prints the counts; true if nothing failed and something was checked. */
  readonly end: () => boolean
}

export const makeReport = (): Report => {
  let [passed, failed, skipped] = [0, 0, 0]
  return {
    check: (name, work) =>
      Effect.gen(function* () {
        const from = yield* monotonicMillis
        const result = yield* Effect.result(work)
        const seconds = (((yield* monotonicMillis) - from) / 1000).toFixed(1)
        const well = result._tag === "Success"
        if (well) passed++
        else failed++
        print(`${well ? "pass" : "FAIL"}  ${name} (${seconds} s)`)
        if (!well) print(result.failure.message.replaceAll(/^/gm, "      "))
        return well
      }),
    skip: (name, why) => {
      skipped++
      print(`skip  ${name}: ${why}`)
    },
    note: (text) => print(`      ${text}`),
    end: () => {
      print(`\n${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`)
      return failed === 0 && passed > 0
    }
  }
}

const print = (line: string): void => void process.stdout.write(`${line}\n`)

/** Runs checks as a program: exit code 0 if they give true, 2 where nothing can be checked here, else 1. */
export const runChecks = (name: string, checks: Effect.Effect<boolean, unknown, Scope.Scope>): void =>
  NodeRuntime.runMain(Effect.scoped(checks), {
    disableErrorReporting: true,
    teardown: (exit) => process.exit(exitCodeOf(name, exit))
  })

const exitCodeOf = (name: string, exit: Exit.Exit<unknown, unknown>): number => {
  if (Exit.isSuccess(exit)) return exit.value === true ? exitCodes.ok : exitCodes.failure
  const failure = describeFailure(exit.cause)
  if (failure === null) return exitCodes.interrupted
  process.stderr.write(`${formatFailure(name, failure)}\n`)
  return failure.code === "cannot_check" ? exitCodes.usage : exitCodes.failure
}
