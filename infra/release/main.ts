/** `make release VERSION=1.2.3`; DRY_RUN=1 shows what it would do, CHECK is the command that must succeed before. */
import process from "node:process"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Exit from "effect/Exit"
import { describeFailure, formatFailure } from "../../shared/runtime/exit.ts"
import { repository } from "../local/state.ts"
import { release } from "./release.ts"

const options = {
  root: repository,
  version: process.env["VERSION"] ?? "",
  check: process.env["CHECK"] || "make check test",
  dryRun: process.env["DRY_RUN"] === "1",
  print: (line: string) => void process.stdout.write(`${line}\n`)
}

NodeRuntime.runMain(release(options), {
  disableErrorReporting: true,
  teardown: (exit, onExit) => {
    const failure = Exit.isFailure(exit) ? describeFailure(exit.cause) : null
    if (failure !== null) process.stderr.write(`${formatFailure("release", failure)}\n`)
    onExit(Exit.isSuccess(exit) ? 0 : 1)
  }
})
