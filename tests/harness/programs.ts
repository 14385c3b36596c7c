/** The real programs as the image has them, each a process of its own that is started and stopped as an orchestrator would. */
import { readFileSync } from "node:fs"
import path from "node:path"
import process from "node:process"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { bundlePrograms } from "../../infra/build/bundle.ts"
import { freePort } from "../../infra/local/ports.ts"
import { endProcess, launch, logTail } from "../../infra/local/processes.ts"
import { bundleCommand, type ProgramName, programNames } from "../../infra/local/program-files.ts"
import { defaultStateDirectory } from "../../infra/local/state.ts"

export interface Programs {
  /** Starts these and waits until each is ready: it has joined its groups and has its partitions. */
  readonly start: (names: ReadonlyArray<ProgramName>) => Effect.Effect<void>
  /** Starts one with other variables (an empty text unsets one), and waits for nothing. */
  readonly launch: (name: ProgramName, variables: Readonly<Record<string, string>>) => Effect.Effect<void>
  /** The process of a running program; null where it does not run. */
  readonly pidOf: (name: ProgramName) => number | null
  /** Whether a program that was started has ended, by itself or by a signal. */
  readonly hasEnded: (name: ProgramName) => boolean
  /** What /readyz of a running program says; null where it does not answer. */
  readonly readiness: (name: ProgramName) => Effect.Effect<Answer | null>
  /** SIGTERM, and waits until they have ended. */
  readonly stop: (names: ReadonlyArray<ProgramName>) => Effect.Effect<void>
  /** Everything that the programs have written so far. */
  readonly logs: () => string
  /** What /metrics and /readyz of every running program say. */
  readonly metrics: Effect.Effect<string>
}

interface Running {
  readonly pid: number
  readonly url: string
  readonly hasEnded: () => boolean
}

/** All that still run are ended with the scope. `folder` takes their logs. */
export const startablePrograms = (
  folder: string,
  variables: Readonly<Record<string, string>>
): Effect.Effect<Programs, never, Scope.Scope> =>
  Effect.gen(function* () {
    const running = new Map<ProgramName, Running>()
    const bundled = path.join(defaultStateDirectory, "e2e-programs")
    yield* Effect.promise(() => bundlePrograms(bundled))
    const logOf = (name: ProgramName) => path.join(folder, `${name}.log`)
    const stopOne = (name: ProgramName) =>
      Effect.suspend(() => {
        const one = running.get(name)
        running.delete(name)
        return one === undefined ? Effect.void : endProcess(one.pid, Duration.seconds(30))
      })
    const stop = (names: ReadonlyArray<ProgramName>) =>
      Effect.forEach(names, stopOne, { concurrency: "unbounded", discard: true })
    yield* Effect.addFinalizer(() => stop([...running.keys()]))

    const launchOne = Effect.fnUntraced(function* (
      name: ProgramName,
      more: Readonly<Record<string, string | undefined>> = {}
    ) {
      const port = yield* freePort
      const launched = launch({
        command: process.execPath,
        arguments: bundleCommand(bundled, name),
        logFile: logOf(name),
        pidFile: path.join(folder, `${name}.pid`),
        environment: {
          NODE_COMPILE_CACHE: path.join(defaultStateDirectory, "compile-cache"),
          ...process.env,
          ...variables,
          ...more,
          HOST: "127.0.0.1",
          PORT: String(port),
          LOG_FORMAT: "json",
          LOG_LEVEL: "Debug"
        }
      })
      running.set(name, { ...launched, url: `http://127.0.0.1:${port}` })
    })
    const ready = Effect.fnUntraced(function* (name: ProgramName) {
      for (let waited = 0; waited < readyMillisMax; waited += 200) {
        const one = running.get(name)
        if (one === undefined || one.hasEnded())
          return yield* Effect.die(`${name} has ended: ${logTail(logOf(name), 5)}`)
        const answer = yield* Effect.promise(() => ask(`${one.url}/readyz`))
        if (answer?.ok === true) return
        yield* Effect.sleep("200 millis")
      }
      return yield* Effect.die(`${name} does not get ready: ${logTail(logOf(name), 5)}`)
    })

    return {
      start: Effect.fnUntraced(function* (names: ReadonlyArray<ProgramName>) {
        for (const name of names) yield* launchOne(name)
        yield* Effect.forEach(names, ready, { concurrency: "unbounded", discard: true })
      }),
      launch: (name, more) => launchOne(name, more),
      hasEnded: (name) => running.get(name)?.hasEnded() ?? false,
      pidOf: (name) => running.get(name)?.pid ?? null,
      readiness: (name) =>
        Effect.promise(async () => {
          const one = running.get(name)
          return one === undefined ? null : ask(`${one.url}/readyz`)
        }),
      stop,
      logs: () => programNames.map((name) => readFileSync(logOf(name), "utf8")).join("\n"),
      metrics: Effect.promise(async () => {
        const answers = [...running.values()].flatMap(({ url }) => [ask(`${url}/metrics`), ask(`${url}/readyz`)])
        return (await Promise.all(answers)).map((answer) => answer?.text ?? "").join("\n")
      })
    }
  })

const readyMillisMax = 180_000

export interface Answer {
  readonly ok: boolean
  readonly text: string
}

const ask = (url: string): Promise<Answer | null> =>
  fetch(url).then(
    async (response) => ({ ok: response.ok, text: await response.text() }),
    () => null
  )
