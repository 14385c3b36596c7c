/** The one ignored folder that holds everything a local run leaves: jars, logs, data, pids and ports. */
import { mkdirSync, readFileSync, renameSync, statfsSync, writeFileSync } from "node:fs"
import path from "node:path"
import { fileURLToPath } from "node:url"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { type LocalError, problem } from "./problem.ts"

export const repository = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../..")

/**
 * `.capi` in the repository: state of `make run`, and the jars that every other state folder shares. An installed package's folder is
 * not its user's to write to: the folder is then `.capi` of the working directory, where the credential store is as well.
 */
export const defaultStateDirectory = repository.split(path.sep).includes("node_modules")
  ? path.resolve(".capi")
  : path.join(repository, ".capi")

/** Where and how a local broker or registry runs. */
export interface LocalOptions {
  /** Data, logs, pids and ports; kept for the next start. Default: `.capi` in the repository. */
  readonly stateDirectory?: string
  /** Cache of what Maven brings. Default: `.capi/jars` in the repository, whatever the state folder. */
  readonly jarsDirectory?: string
  /** Called with one line for each thing that takes long. Default: no progress is shown. */
  readonly onProgress?: (line: string) => void
  /** At the end: `terminate` lets the JVMs close their files, `kill` is for folders that are thrown away. */
  readonly ending?: "terminate" | "kill"
  /** The broker's JVM compiles less: it starts sooner and serves slower. For tests, not for measurements. */
  readonly fastStart?: boolean
  /** Settings of a broker from Maven's jars beside ours, or instead of them. */
  readonly brokerSettings?: Readonly<Record<string, string>>
  /** How long Docker may take for each thing. Tests shorten it. */
  readonly docker?: Partial<DockerLimits>
}

export interface State {
  readonly directory: string
  readonly jars: string
  readonly logs: string
  readonly progress: (line: string) => void
  readonly ending: "terminate" | "kill"
  readonly fastStart: boolean
  readonly docker: DockerLimits
}

/** How long an engine may take before the other way is taken. */
export interface DockerLimits {
  /** For an answer to a small question. */
  readonly answer: Duration.Duration
  /** Without any news of an image that is being pulled. */
  readonly silence: Duration.Duration
  /** For the whole of a pull. */
  readonly pull: Duration.Duration
  /** For a container to be created and run. */
  readonly start: Duration.Duration
}

export const dockerLimits: DockerLimits = {
  answer: Duration.seconds(10),
  silence: Duration.seconds(30),
  pull: Duration.minutes(3),
  start: Duration.seconds(90)
}

const bytesFreeMin = 256 * 1024 * 1024

/** Does what writes to a folder, such as making it. Where its files cannot be used, the failure names one, and whose it may be. */
export const inFolder = <A>(folder: string, work: () => A | Promise<A>): Effect.Effect<A, LocalError> =>
  Effect.tryPromise({ try: async () => work(), catch: (cause) => cause }).pipe(
    Effect.catch((cause) => (isOfFiles(cause) ? Effect.fail(unusable(folder, cause)) : Effect.die(cause)))
  )

const isOfFiles = (cause: unknown): cause is NodeJS.ErrnoException => cause instanceof Error && "syscall" in cause

const unusable = (folder: string, cause: NodeJS.ErrnoException): LocalError =>
  cause.code === "ENOSPC"
    ? problem("disk_full", `The disk is full: nothing can be written to ${folder}.`, "Free some space.", cause)
    : problem(
        "not_writable",
        `The folder ${folder} cannot be used: ${cause.code} at ${cause.path ?? folder}.`,
        "Run it as the user to whom the folder belongs, or in a checkout of your own.",
        cause
      )

/** Makes the folders; fails if they cannot be written or the disk is nearly full. */
export const openState = (options: LocalOptions): Effect.Effect<State, LocalError> =>
  Effect.suspend(() => {
    const directory = path.resolve(options.stateDirectory ?? defaultStateDirectory)
    return inFolder(directory, () => openFolders(directory, options))
  }).pipe(
    Effect.flatMap(({ state, bytesFree }) =>
      bytesFree >= bytesFreeMin
        ? Effect.succeed(state)
        : Effect.fail(
            problem(
              "disk_full",
              `Only ${Math.floor(bytesFree / 1024 / 1024)} MB are free under ${state.directory}; a broker needs ${bytesFreeMin / 1024 / 1024} MB.`,
              "Free some space, or run `make clean` if the old state is not needed."
            )
          )
    )
  )

const openFolders = (directory: string, options: LocalOptions) => {
  const state: State = {
    directory,
    jars: path.resolve(options.jarsDirectory ?? path.join(defaultStateDirectory, "jars")),
    logs: path.join(directory, "logs"),
    progress: options.onProgress ?? (() => undefined),
    ending: options.ending ?? "terminate",
    fastStart: options.fastStart ?? false,
    docker: { ...dockerLimits, ...options.docker }
  }
  for (const folder of [state.directory, state.jars, state.logs]) mkdirSync(folder, { recursive: true })
  const disk = statfsSync(directory)
  return { state, bytesFree: disk.bavail * disk.bsize }
}

/** A small JSON file of the state folder; `fallback` if it is missing or was cut off by a crash. */
export const readJson = <A>(file: string, fallback: A): A => {
  try {
    return JSON.parse(readFileSync(file, "utf8"))
  } catch {
    return fallback
  }
}

/** Replaces the file in one step, so that a crash leaves the old or the new one. */
export const writeJson = (file: string, value: unknown): void => {
  const next = `${file}.${process.pid}.new`
  writeFileSync(next, `${JSON.stringify(value, null, 2)}\n`)
  renameSync(next, file)
}
