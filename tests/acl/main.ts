/**
 * `make e2e-acl`: every program on a broker with TLS, logins and an authorizer. With its rights (`shared/model/rights.ts`) the whole
 * chain works and the broker denies nothing; with any one right less the program names it. ONLY=mapper checks that program alone.
 */
import process from "node:process"
import * as Effect from "effect/Effect"
import { endWithLauncher } from "../../shared/runtime/end-with-launcher.mjs"
import { runToExit } from "../harness/run-to-exit.ts"
import { aclRun } from "./acl-run.ts"

endWithLauncher()
const print = (line: string) => void process.stdout.write(`${line}\n`)

runToExit(
  "e2e-acl",
  Effect.map(aclRun(process.env["ONLY"] ?? null, print), (found) => found.length === 0)
)
