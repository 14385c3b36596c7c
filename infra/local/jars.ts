/** Kafka's and the registry's jars through Maven: downloaded once, complete or not there at all. */
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from "node:fs"
import path from "node:path"
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import { requireMaven, runCommand } from "./java.ts"
import { type LocalError, problem } from "./problem.ts"
import { isAlive } from "./processes.ts"
import { defaultStateDirectory, repository, type State } from "./state.ts"

/** Of the pom and of Compose; `CAPI_LOCAL_KAFKA` names another. */
export const kafkaVersion = "4.1.0"
export const apicurioVersion = "2.6.13.Final"

/** The folder with the broker's jars. */
export const kafkaJars = (state: State): Effect.Effect<string, LocalError> =>
  Effect.gen(function* () {
    const version = yield* Config.String("CAPI_LOCAL_KAFKA").pipe(Effect.orElseSucceed(() => kafkaVersion))
    return yield* obtain(state, {
      what: `Kafka ${version} (about 60 MB)`,
      folder: `kafka-${version}`,
      fetch: (into) => maven(state, "dependency:copy-dependencies@kafka", into, [`-Dkafka.version=${version}`])
    })
  })

/** Where the broker's jars of `make run` and `./capi up` are, once they were downloaded. */
export const localJarsFolder = path.join(defaultStateDirectory, "jars", `kafka-${kafkaVersion}`)

/** The folder with the registry's runner jar and its `lib`. */
export const registryJars = (state: State): Effect.Effect<string, LocalError> =>
  obtain(state, {
    what: `the schema registry, Apicurio ${apicurioVersion} (136 MB)`,
    folder: `apicurio-${apicurioVersion}`,
    fetch: (into) =>
      Effect.gen(function* () {
        yield* maven(state, "dependency:copy@registry", into)
        const archive = path.join(into, `apicurio-registry-app-${apicurioVersion}-all.tar.gz`)
        const { exitCode, text } = yield* runCommand("tar", ["-xzf", archive, "-C", into])
        if (exitCode !== 0) {
          return yield* problem(
            "download_failed",
            `The registry's archive cannot be unpacked: ${lastLine(text)}`,
            retryHint
          )
        }
        rmSync(archive)
      })
  })

/** The registry's runner, inside its folder. */
export const registryRunner = (folder: string): string =>
  path.join(folder, readdirSync(folder).find((file) => file.endsWith("-runner.jar")) ?? "runner.jar")

interface Download {
  readonly what: string
  readonly folder: string
  readonly fetch: (into: string) => Effect.Effect<void, LocalError>
}

// Fetched beside its place and renamed at the end: a folder that is there is whole, also after a kill in the middle.
const obtain = (state: State, download: Download): Effect.Effect<string, LocalError> =>
  Effect.gen(function* () {
    const folder = path.join(state.jars, download.folder)
    if (existsSync(folder)) return folder
    yield* requireMaven
    const part = `${folder}.${process.pid}.part`
    yield* Effect.sync(() => {
      state.progress(`Downloading ${download.what} through Maven. This happens once.`)
      for (const left of leftParts(state.jars, download.folder)) remove(left)
      remove(part)
      mkdirSync(part, { recursive: true })
    })
    yield* download.fetch(part).pipe(Effect.onError(() => Effect.sync(() => remove(part))))
    yield* Effect.sync(() => {
      if (existsSync(folder)) remove(part)
      else renameSync(part, folder)
    })
    return folder
  })

/** What processes that were killed had of a download. */
const leftParts = (jars: string, folder: string): ReadonlyArray<string> =>
  readdirSync(jars).flatMap((name) => {
    const [, pid] = name.startsWith(`${folder}.`) ? (/\.(\d+)\.part$/.exec(name) ?? []) : []
    return pid === undefined || isAlive(Number(pid)) ? [] : [path.join(jars, name)]
  })

/** A Maven that was just ended may still write a file. */
const remove = (folder: string): void =>
  rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 })

const retryHint =
  "Check the network and Maven's settings (~/.m2/settings.xml), then run the command again: what was downloaded is kept."

const filesBetweenLines = 10

const maven = (
  state: State,
  goal: string,
  into: string,
  properties: ReadonlyArray<string> = []
): Effect.Effect<void, LocalError> =>
  Effect.gen(function* () {
    let files = 0
    const hear = (line: string) => {
      if (!line.includes("Downloaded from ") || !/\.(jar|tar\.gz)/.test(line)) return
      files += 1
      if (files % filesBetweenLines === 0) state.progress(`Downloaded ${files} files.`)
    }
    const pom = path.join(repository, "infra/local/pom.xml")
    const { exitCode, text } = yield* runCommand(
      "mvn",
      ["-B", "-f", pom, goal, `-DoutputDirectory=${into}`, "-Dmdep.useBaseVersion=true", ...properties],
      hear
    )
    if (exitCode === 0) return
    const why = /\[ERROR\] (\S.*)/.exec(text)?.[1] ?? lastLine(text)
    if (/No space left on device/.test(text)) {
      return yield* problem(
        "disk_full",
        "The disk is full: the jars cannot be stored.",
        "Free some space and run the command again."
      )
    }
    return yield* problem("download_failed", `Maven could not download: ${why.slice(0, 300)}`, retryHint)
  })

const lastLine = (text: string): string => text.trimEnd().split("\n").at(-1) ?? ""
