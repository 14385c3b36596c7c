/**
 * `make e2e-acl`: every program on a broker with TLS, logins and an authorizer. With its rights (`shared/model/rights.ts`) the whole
 * chain works and the broker denies nothing; with any one right less the program names it. ONLY=mapper checks that program alone.
 */
import process from "node:process"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { endWithLauncher } from "../../shared/runtime/end-with-launcher.mjs"
import { describeFailure, formatFailure } from "../../shared/runtime/exit.ts"
import { aclRun } from "./acl-run.ts"

endWithLauncher()
const print = (line: string) => void process.stdout.write(`${line}\n`)

NodeRuntime.runMain(
  Effect.scoped(Effect.map(aclRun(process.env["ONLY"] ?? null, print), (found) => found.length === 0)),
  {
    disableErrorReporting: true,
    teardown: (exit, onExit) => {
      if (Exit.isSuccess(exit)) return onExit(exit.value === true ? 0 : 1)
      const failure = describeFailure(exit.cause)
      if (failure !== null) process.stderr.write(`${formatFailure("e2e-acl", failure)}\n`)
      return onExit(1)
    }
  }
)
