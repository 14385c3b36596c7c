/** One demonstration at a time on the state folder: two would share groups and ends. */
import { mkdirSync, rmSync } from "node:fs"
import path from "node:path"
import process from "node:process"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { LocalError } from "./problem.ts"
import { type PidFile, runningProcess } from "./processes.ts"
import type { Starter } from "./start-local.ts"
import { defaultStateDirectory, inFolder, writeJson } from "./state.ts"

class AlreadyRunning extends Data.TaggedError("AlreadyRunning")<{
  readonly code: "already_running"
  readonly message: string
  readonly nextStep: string
}> {}

/** For those who find the broker of a demonstration running. */
export const demoStarter: Starter = { startedBy: "make run", howToEnd: "End it with Ctrl-C in its terminal." }

/** The demonstration that runs on the state folder; null where none does. */
export const runningDemo = (): PidFile | null => runningProcess(pidFile, path.join("infra", "demo", "main.ts"))

/** Holds the place until the scope closes; a place whose holder was killed is free. */
export const beOnlyOne: Effect.Effect<void, AlreadyRunning | LocalError, Scope.Scope> = Effect.gen(function* () {
  const other = runningDemo()
  if (other !== null && other.pid !== process.pid) {
    return yield* new AlreadyRunning({
      code: "already_running",
      message: `\`make run\` is running already (pid ${other.pid}).`,
      nextStep: "End it with Ctrl-C, or look at it with `./capi results` and `./capi health`."
    })
  }
  yield* Effect.acquireRelease(
    inFolder(defaultStateDirectory, () => {
      mkdirSync(defaultStateDirectory, { recursive: true })
      writeJson(pidFile, { pid: process.pid, owner: process.pid })
    }),
    () => Effect.sync(() => rmSync(pidFile, { force: true }))
  )
})

const pidFile = path.join(defaultStateDirectory, "demo.pid")
