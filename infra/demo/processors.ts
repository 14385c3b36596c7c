/** Every processor as a program of its own, as in production: its own process, port, log file and end. */
import { rmSync } from "node:fs"
import path from "node:path"
import process from "node:process"
import * as Data from "effect/Data"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { beforeEndingAtOnce } from "../../shared/runtime/exit.ts"
import { freePort } from "../local/ports.ts"
import { endProcess, launch, logTail, removePidFile, runningProcess, signal } from "../local/processes.ts"
import { type ProgramName, programNames, sourceCommand } from "../local/program-files.ts"
import { defaultStateDirectory } from "../local/state.ts"

export interface RunningProcessor {
  readonly name: ProgramName
  readonly pid: number
  /** Of /healthz, /readyz and /metrics. */
  readonly url: string
  readonly logFile: string
  readonly hasEnded: () => boolean
}

export class ProcessorEnded extends Data.TaggedError("ProcessorEnded")<{
  readonly code: "processor_ended"
  readonly message: string
  readonly nextStep: string
}> {}

/** How long a processor may take to finish what is in flight. */
const drainPatience = Duration.seconds(25)

/** Starts all processors; they are stopped with SIGTERM when the scope closes, so that each drains and commits. */
export const startProcessors = (
  environment: Readonly<Record<string, string>>
): Effect.Effect<ReadonlyArray<RunningProcessor>, never, Scope.Scope> =>
  Effect.gen(function* () {
    const running: Array<RunningProcessor> = []
    // Broker and registry, which hold data, are ended in order by their guard.
    const endThem = beforeEndingAtOnce(() => {
      for (const { pid } of running) signal(pid, "SIGKILL")
    })
    yield* Effect.addFinalizer(() =>
      Effect.andThen(Effect.forEach(running, stop, { concurrency: "unbounded", discard: true }), Effect.sync(endThem))
    )
    yield* Effect.forEach(programNames, endLeftover, { concurrency: "unbounded", discard: true })
    for (const name of programNames) running.push(startOne(name, yield* freePort, environment))
    return running
  })

const startOne = (name: ProgramName, port: number, environment: Readonly<Record<string, string>>): RunningProcessor => {
  const logFile = path.join(defaultStateDirectory, "logs", `${name}.log`)
  rmSync(logFile, { force: true })
  const launched = launch({
    command: process.execPath,
    arguments: sourceCommand(name),
    logFile,
    pidFile: pidFileOf(name),
    environment: {
      // The programs start at once from the same modules: what one has compiled, the others and the next run load.
      NODE_COMPILE_CACHE: path.join(defaultStateDirectory, "compile-cache"),
      ...process.env,
      ...environment,
      HOST: "127.0.0.1",
      PORT: String(port),
      LOG_FORMAT: "json"
    }
  })
  return { name, pid: launched.pid, url: `http://127.0.0.1:${port}`, logFile, hasEnded: launched.hasEnded }
}

const stop = ({ name, pid }: RunningProcessor): Effect.Effect<void> =>
  Effect.andThen(
    endProcess(pid, drainPatience),
    Effect.sync(() => removePidFile(pidFileOf(name)))
  )

/** A run that was killed may have left one, which its guard is about to end. */
const endLeftover = (name: ProgramName): Effect.Effect<void> =>
  Effect.suspend(() => {
    const leftover = runningProcess(pidFileOf(name), sourceCommand(name)[0]!)
    return leftover === null ? Effect.void : endProcess(leftover.pid, drainPatience)
  })

const pidFileOf = (name: ProgramName): string => path.join(defaultStateDirectory, `${name}.pid`)

/** Fails as soon as a processor ends by itself, with the last line of its log. */
export const watchProcessors = (running: ReadonlyArray<RunningProcessor>): Effect.Effect<never, ProcessorEnded> =>
  Effect.gen(function* () {
    for (;;) {
      const ended = running.find((one) => one.hasEnded())
      if (ended !== undefined) {
        return yield* new ProcessorEnded({
          code: "processor_ended",
          message: `The processor ${ended.name} ended by itself. ${logTail(ended.logFile, 1)}`,
          nextStep: `Its log is ${path.relative(process.cwd(), ended.logFile)}.`
        })
      }
      yield* Effect.sleep("200 millis")
    }
  })
