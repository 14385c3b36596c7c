/** The programs of a soak, each a process with the probe in it; one that ends by itself ends the soak. */
import { existsSync, readFileSync } from "node:fs"
import path from "node:path"
import { fileURLToPath } from "node:url"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import {
  logFileOf,
  type ProgramFailure,
  type RunningProgram,
  startProgram,
  stopProgram,
  untilReady,
  watchPrograms
} from "../../infra/local/run-programs.ts"
import { imageNodeOptions } from "../harness/image-heap.ts"
import type { Sample } from "./probe.ts"

export interface Fleet {
  /** Starts an instance and waits until it is ready. Its name is the program's where it has no other. */
  readonly start: (name: string, instance?: string) => Effect.Effect<void, ProgramFailure>
  /** SIGTERM, and waits until it has ended. */
  readonly stop: (instance: string) => Effect.Effect<void>
  readonly running: () => ReadonlyMap<string, RunningProgram>
  /** What an instance's probe has written, oldest first. */
  readonly samples: (instance: string) => ReadonlyArray<Sample>
  readonly log: (instance: string) => string
  /** Fails as soon as one that was not stopped has ended. */
  readonly watch: Effect.Effect<never, ProgramFailure>
}

const probe = fileURLToPath(new URL("probe.ts", import.meta.url))

/** All that run are ended with the scope. */
export const makeFleet = (
  folder: string,
  environment: Readonly<Record<string, string>>
): Effect.Effect<Fleet, never, Scope.Scope> =>
  Effect.gen(function* () {
    const running = new Map<string, RunningProgram>()
    const samplesFile = (instance: string) => path.join(folder, `${instance}.samples`)
    const stop = (instance: string) =>
      Effect.suspend(() => {
        const program = running.get(instance)
        running.delete(instance)
        return program === undefined ? Effect.void : stopProgram(program)
      })
    yield* Effect.addFinalizer(() => Effect.forEach([...running.keys()], stop, { concurrency: "unbounded" }))
    const start = Effect.fnUntraced(function* (name: string, instance = name) {
      const program = yield* startProgram({
        name,
        instance,
        folder,
        environment: { ...environment, NODE_OPTIONS: imageNodeOptions, SOAK_SAMPLES: samplesFile(instance) },
        nodeArguments: ["--import", probe]
      })
      running.set(instance, program)
      yield* untilReady(program)
    })
    return {
      start,
      stop,
      running: () => running,
      samples: (instance) => linesOf(samplesFile(instance)).map((line) => JSON.parse(line) as Sample),
      log: (instance) => linesOf(logFileOf(folder, instance)).join("\n"),
      watch: watchPrograms(() => running.values())
    }
  })

const linesOf = (file: string): ReadonlyArray<string> =>
  existsSync(file)
    ? readFileSync(file, "utf8")
        .split("\n")
        .filter((line) => line !== "")
    : []
