/** The programs of a run, each a process that is started and stopped as an orchestrator would. */
import { randomUUID } from "node:crypto"
import { existsSync, lstatSync, readFileSync, rmSync, symlinkSync } from "node:fs"
import path from "node:path"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { bundlePrograms } from "../../infra/build/bundle.ts"
import { pageFile } from "../../infra/build/console-page.ts"
import { bundleCommand, programNames, sourceCommand } from "../../infra/local/program-files.ts"
import {
  askProgram,
  type HttpAnswer,
  logFileOf,
  type ProgramFailure,
  type RunningProgram,
  startProgram,
  stopProgram,
  untilReady,
  watchPrograms
} from "../../infra/local/run-programs.ts"
import { defaultStateDirectory } from "../../infra/local/state.ts"

export interface Programs {
  /** Starts these and waits until each is ready: it has joined its groups and has its partitions. */
  readonly start: (names: ReadonlyArray<string>) => Effect.Effect<void>
  /** Starts one with other variables (an empty text unsets one), and waits for nothing. */
  readonly launch: (name: string, variables: Readonly<Record<string, string>>) => Effect.Effect<void>
  /** The process of a running program; null where it does not run. */
  readonly pidOf: (name: string) => number | null
  /** Whether a program that was started has ended, by itself or by a signal. */
  readonly hasEnded: (name: string) => boolean
  /** What /readyz of a running program says; null where it does not answer. */
  readonly readiness: (name: string) => Effect.Effect<HttpAnswer | null>
  /** SIGTERM, and waits until they have ended. */
  readonly stop: (names: ReadonlyArray<string>) => Effect.Effect<void>
  /** Fails as soon as one that was started and not stopped has ended. */
  readonly watch: Effect.Effect<never, ProgramFailure>
  /** Everything that the programs have written so far. */
  readonly logs: () => string
  /** What /metrics and /readyz of every running program say. */
  readonly metrics: Effect.Effect<string>
}

export interface ProgramsOptions {
  /** Takes their logs. */
  readonly folder: string
  readonly environment: Readonly<Record<string, string>>
  /** Run what `make build` makes of them, as the image does, in the place of the modules. */
  readonly bundled?: boolean
}

/** All that still run are ended with the scope. */
export const startablePrograms = ({
  folder,
  environment,
  bundled = false
}: ProgramsOptions): Effect.Effect<Programs, never, Scope.Scope> =>
  Effect.gen(function* () {
    const running = new Map<string, RunningProgram>()
    const bundle = bundled ? yield* scopedBundle : undefined
    const stopOne = (name: string) =>
      Effect.suspend(() => {
        const program = running.get(name)
        running.delete(name)
        return program === undefined ? Effect.void : stopProgram(program)
      })
    const stop = (names: ReadonlyArray<string>) =>
      Effect.forEach(names, stopOne, { concurrency: "unbounded", discard: true })
    yield* Effect.addFinalizer(() => stop([...running.keys()]))

    const launch = Effect.fnUntraced(function* (name: string, more: Readonly<Record<string, string>> = {}) {
      const program = yield* startProgram({
        name,
        folder,
        environment: { LOG_LEVEL: "Debug", ...environment, ...more },
        command: bundle === undefined ? sourceCommand(name) : bundleCommand(bundle, name)
      })
      running.set(name, program)
      return program
    })

    return {
      start: Effect.fnUntraced(function* (names: ReadonlyArray<string>) {
        const started = yield* Effect.forEach(names, (name) => launch(name))
        yield* Effect.orDie(
          Effect.forEach(started, (one) => untilReady(one), { concurrency: "unbounded", discard: true })
        )
      }),
      launch: (name, more) => Effect.asVoid(launch(name, more)),
      hasEnded: (name) => running.get(name)?.hasEnded() ?? false,
      pidOf: (name) => running.get(name)?.pid ?? null,
      readiness: (name) =>
        Effect.suspend(() => {
          const program = running.get(name)
          return program === undefined ? Effect.succeed(null) : askProgram(program, "/readyz")
        }),
      stop,
      watch: watchPrograms(() => running.values()),
      logs: () =>
        programNames
          .map((name) => logFileOf(folder, name))
          .filter((file) => existsSync(file))
          .map((file) => readFileSync(file, "utf8"))
          .join("\n"),
      metrics: Effect.suspend(() =>
        Effect.map(
          Effect.forEach(
            [...running.values()].flatMap((program) => [
              askProgram(program, "/metrics"),
              askProgram(program, "/readyz")
            ]),
            (answer) => answer,
            { concurrency: "unbounded" }
          ),
          (answers) => answers.map((answer) => answer?.text ?? "").join("\n")
        )
      )
    }
  })

/** Built for this run alone, since runs side by side would replace each other's files; removed with the scope. */
const scopedBundle: Effect.Effect<string, never, Scope.Scope> = Effect.acquireRelease(
  Effect.promise(async () => {
    const folder = path.join(defaultStateDirectory, `programs-${randomUUID()}`)
    await bundlePrograms(folder)
    // The console looks for its page beside its folder, as in `dist`.
    const page = path.join(defaultStateDirectory, "console")
    if (lstatSync(page, { throwIfNoEntry: false }) === undefined) symlinkSync(path.dirname(pageFile), page)
    return folder
  }),
  (folder) => Effect.sync(() => rmSync(folder, { recursive: true, force: true }))
)
