/** Processors as in production, for the demonstration and the tests: each a process with a port, a log and an end in order. */
import { mkdirSync } from "node:fs"
import path from "node:path"
import process from "node:process"
import * as Data from "effect/Data"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { monotonicMillis } from "../../shared/model/monotonic.ts"
import { freePort } from "./ports.ts"
import { endProcess, type Launched, launch, logTail, removePidFile } from "./processes.ts"
import { sourceCommand } from "./program-files.ts"
import { defaultStateDirectory } from "./state.ts"

export interface ProgramOptions {
  /** Such as `delivery-meta`: see `programNames`. */
  readonly name: string
  /** Takes its log (in `logs`) and its pid file. */
  readonly folder: string
  /** Beside this process's own variables. */
  readonly environment: Readonly<Record<string, string>>
  /** The name of its files, where several instances of a program run. Default: the program's. */
  readonly instance?: string
  /** Of /healthz, /readyz and /metrics. Default: a free one. */
  readonly port?: number
  /** What Node runs, with its arguments. Default: the processor's module. */
  readonly command?: ReadonlyArray<string>
  /** Arguments for Node, before the command. */
  readonly nodeArguments?: ReadonlyArray<string>
}

export interface RunningProgram extends Launched {
  readonly name: string
  readonly port: number
  /** Of /healthz, /readyz and /metrics. */
  readonly url: string
  readonly logFile: string
  readonly pidFile: string
}

export class ProgramFailure extends Data.TaggedError("ProgramFailure")<{
  readonly code: "processor_ended" | "processor_not_ready"
  readonly message: string
  readonly nextStep: string
}> {}

/** Starts a program; who starts it ends it with `stopProgram`. If we are killed, its guard ends it. */
export const startProgram = (options: ProgramOptions): Effect.Effect<RunningProgram> =>
  Effect.gen(function* () {
    const { name, folder, environment, instance = name } = options
    const port = options.port ?? (yield* freePort)
    const logFile = logFileOf(folder, instance)
    const pidFile = pidFileOf(folder, instance)
    mkdirSync(path.dirname(logFile), { recursive: true })
    const launched = launch({
      command: process.execPath,
      arguments: [...(options.nodeArguments ?? []), ...(options.command ?? sourceCommand(name))],
      logFile,
      pidFile,
      environment: {
        // Programs that start at once from the same modules load what one of them, or the run before, has compiled.
        NODE_COMPILE_CACHE: path.join(defaultStateDirectory, "compile-cache"),
        ...process.env,
        LOG_FORMAT: "json",
        ...environment,
        HOST: "127.0.0.1",
        PORT: String(port)
      }
    })
    return { ...launched, name, port, url: `http://127.0.0.1:${port}`, logFile, pidFile }
  })

export const logFileOf = (folder: string, instance: string): string => path.join(folder, "logs", `${instance}.log`)
export const pidFileOf = (folder: string, instance: string): string => path.join(folder, `${instance}.pid`)

/** How long a program may take to finish what is in flight. */
const drainTimeout = Duration.seconds(30)

/** SIGTERM, so that it drains and commits, and SIGKILL after `grace`. */
export const stopProgram = (
  { pid, pidFile }: Pick<RunningProgram, "pid" | "pidFile">,
  grace: Duration.Duration = drainTimeout
): Effect.Effect<void> =>
  Effect.andThen(
    endProcess(pid, grace),
    Effect.sync(() => removePidFile(pidFile))
  )

export interface HttpAnswer {
  readonly ok: boolean
  readonly text: string
}

/** What a program answers under a path such as `/readyz`; null where it does not answer. */
export const askProgram = ({ url }: Pick<RunningProgram, "url">, pathname: string): Effect.Effect<HttpAnswer | null> =>
  Effect.promise(() =>
    fetch(url + pathname, { signal: AbortSignal.timeout(5_000) }).then(
      async (response) => ({ ok: response.ok, text: await response.text() }),
      () => null
    )
  )

/** Waits until /readyz says so: the program has joined its groups and has its partitions. */
export const untilReady = (program: RunningProgram, deadlineMillis = 180_000): Effect.Effect<void, ProgramFailure> =>
  Effect.gen(function* () {
    const end = (yield* monotonicMillis) + deadlineMillis
    while ((yield* monotonicMillis) < end) {
      if (program.hasEnded()) return yield* ended(program)
      if ((yield* askProgram(program, "/readyz"))?.ok === true) return
      yield* Effect.sleep("100 millis")
    }
    return yield* new ProgramFailure({
      code: "processor_not_ready",
      message: `The processor ${program.name} is not ready after ${deadlineMillis / 1000} s. ${logTail(program.logFile, 5)}`,
      nextStep: nextStepOf(program)
    })
  })

/** Fails as soon as one of the programs ends by itself, with the last lines of its log. `running` is read each time. */
export const watchPrograms = (running: () => Iterable<RunningProgram>): Effect.Effect<never, ProgramFailure> =>
  Effect.gen(function* () {
    for (;;) {
      for (const program of running()) if (program.hasEnded()) return yield* ended(program)
      yield* Effect.sleep("200 millis")
    }
  })

const ended = (program: RunningProgram): ProgramFailure =>
  new ProgramFailure({
    code: "processor_ended",
    message: `The processor ${program.name} ended by itself. ${logTail(program.logFile, 1)}`,
    nextStep: nextStepOf(program)
  })

const nextStepOf = ({ logFile }: RunningProgram): string => `Its log is ${path.relative(process.cwd(), logFile)}.`
