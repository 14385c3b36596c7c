/** Every processor of the demonstration, started and ended together. */
import { rmSync } from "node:fs"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { beforeForcedExit } from "../../shared/runtime/exit.ts"
import { endProcess, runningProcess, signal } from "../local/processes.ts"
import { programNames, sourceCommand } from "../local/program-files.ts"
import { logFileOf, pidFileOf, type RunningProgram, startProgram, stopProgram } from "../local/run-programs.ts"
import { defaultStateDirectory } from "../local/state.ts"

/** How long a processor may take to finish what is in flight. */
const drainTimeout = Duration.seconds(25)

/** Starts all processors; they are stopped with SIGTERM when the scope closes, so that each drains and commits. */
export const startProcessors = (
  environment: Readonly<Record<string, string>>
): Effect.Effect<ReadonlyArray<RunningProgram>, never, Scope.Scope> =>
  Effect.gen(function* () {
    const running: Array<RunningProgram> = []
    // Broker and registry, which hold data, are ended in order by their guard.
    const endAll = beforeForcedExit(() => {
      for (const { pid } of running) signal(pid, "SIGKILL")
    })
    const stop = (program: RunningProgram) => stopProgram(program, drainTimeout)
    yield* Effect.addFinalizer(() =>
      Effect.andThen(Effect.forEach(running, stop, { concurrency: "unbounded", discard: true }), Effect.sync(endAll))
    )
    yield* Effect.forEach(programNames, endLeftover, { concurrency: "unbounded", discard: true })
    for (const name of programNames) {
      rmSync(logFileOf(defaultStateDirectory, name), { force: true })
      running.push(yield* startProgram({ name, folder: defaultStateDirectory, environment }))
    }
    return running
  })

/** A run that was killed may have left one, which its guard is about to end. */
const endLeftover = (name: string): Effect.Effect<void> =>
  Effect.suspend(() => {
    const leftover = runningProcess(pidFileOf(defaultStateDirectory, name), sourceCommand(name)[0]!)
    return leftover === null ? Effect.void : endProcess(leftover.pid, drainTimeout)
  })
