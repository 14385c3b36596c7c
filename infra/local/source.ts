/** Where a local broker and registry come from: Docker's images or Maven's jars, and the other where the one cannot be had. */
import { existsSync } from "node:fs"
import path from "node:path"
import * as Config from "effect/Config"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import { brokerFiles } from "./broker-node.ts"
import { javaHome } from "./cluster.ts"
import { askEngine } from "./docker-engine.ts"
import { requireJava } from "./java.ts"
import { LocalError, type LocalProblem, problem } from "./problem.ts"
import { registryFiles } from "./registry-jar.ts"
import type { State } from "./state.ts"

export type LocalSource = "docker" | "jars"

/** Values of `CAPI_DOCKER`. */
const dockerModes = ["auto", "never", "always"] as const
type DockerMode = (typeof dockerModes)[number]

/**
 * Starts something from Docker, or from jars where Docker is not there or cannot do it; from jars at once where the state
 * folder holds what jars have made. What a failed try had started is ended before the other begins. `CAPI_DOCKER` set to
 * `never` or `always` allows the one alone.
 */
export const fromDockerOrJars = <A, E, R>(
  state: State,
  start: (source: LocalSource, state: State) => Effect.Effect<A, E | LocalError, R | Scope.Scope>
): Effect.Effect<A, E | LocalError, R | Scope.Scope> =>
  Effect.gen(function* () {
    const mode = yield* dockerMode
    if (mode === "always") return yield* start("docker", patient(state))
    if (mode === "never") return yield* start("jars", state)
    return yield* isMadeByJars(state) ? jarsFirst(state, start) : dockerFirst(state, start)
  })

/** Whether jars have kept a log or schemas in the state folder. What Docker keeps is in its volumes. */
const isMadeByJars = (state: State): boolean =>
  existsSync(brokerFiles(state, 1).folder) || existsSync(registryFiles(state).folder)

/** A variable's value; empty where it is not set. */
export const namedSetting = (name: string): Effect.Effect<string> =>
  Config.String(name).pipe(
    Effect.map((value) => value.trim()),
    Effect.orElseSucceed(() => "")
  )

const dockerMode: Effect.Effect<DockerMode, LocalError> = Effect.gen(function* () {
  const given = yield* namedSetting("CAPI_DOCKER")
  const mode = given === "" ? "auto" : dockerModes.find((known) => known === given)
  return (
    mode ??
    (yield* problem(
      "invalid_setting",
      `CAPI_DOCKER is ${JSON.stringify(given)}.`,
      `Set it to ${dockerModes.join(", ")}, or not at all.`
    ))
  )
})

type Start<A, E, R> = (source: LocalSource, state: State) => Effect.Effect<A, E | LocalError, R | Scope.Scope>

const dockerFirst = <A, E, R>(state: State, start: Start<A, E, R>) =>
  Effect.gen(function* () {
    const { answers, trouble } = yield* askEngine
    if (!answers) {
      if (trouble !== null) yield* announce(state, `Docker ${trouble}.`)
      return yield* start("jars", state)
    }
    // Without Java the images are the only way, and worth a longer wait.
    const hasJava = Exit.isSuccess(yield* Effect.exit(Effect.flatMap(javaHome, requireJava)))
    return yield* endedOnFailure(start("docker", hasJava ? state : patient(state))).pipe(
      Effect.catchIf(isDockers, (refused) =>
        announce(state, refused.message).pipe(
          Effect.andThen(start("jars", state)),
          Effect.mapError((error) => (isJars(error) ? both(error, refused.message) : error))
        )
      )
    )
  })

const jarsFirst = <A, E, R>(state: State, start: Start<A, E, R>) =>
  endedOnFailure(start("jars", state)).pipe(
    Effect.catchIf(isJars, (missing) =>
      Effect.gen(function* () {
        const { answers } = yield* askEngine
        if (!answers) return yield* missing
        yield* Effect.sync(() =>
          state.progress(
            `${missing.message} Docker brings Kafka and the registry instead; what jars have kept is not in them.`
          )
        )
        return yield* start("docker", patient(state))
      })
    )
  )

const announce = (state: State, trouble: string): Effect.Effect<void> =>
  Effect.sync(() => {
    const lost = existsSync(path.join(state.directory, "schema-ids-docker.json"))
      ? " What earlier runs kept is in Docker's volumes, and not there."
      : ""
    state.progress(
      `${trouble} Kafka and the registry come from Maven's jars instead (CAPI_DOCKER=never leaves Docker out).${lost}`
    )
  })

/** What a failed try has started ends with it, not with the whole run. */
const endedOnFailure = <A, E, R>(effect: Effect.Effect<A, E, R | Scope.Scope>): Effect.Effect<A, E, R | Scope.Scope> =>
  Effect.gen(function* () {
    const scope = yield* Scope.fork(yield* Effect.scope)
    return yield* effect.pipe(
      Scope.provide(scope),
      Effect.onError((cause) => Scope.close(scope, Exit.failCause(cause)))
    )
  })

const patient = (state: State): State => ({ ...state, docker: { ...state.docker, pull: Duration.minutes(30) } })

const isDockers = (error: unknown): error is LocalError => error instanceof LocalError && error.code === "docker_failed"

const unobtainable: ReadonlyArray<LocalProblem> = ["no_java", "java_too_old", "no_maven", "download_failed"]
const isJars = (error: unknown): error is LocalError => error instanceof LocalError && unobtainable.includes(error.code)

const both = (jars: LocalError, docker: string): LocalError =>
  problem(jars.code, `${docker} Without Docker: ${jars.message}`, jars.nextStep, jars.cause)
