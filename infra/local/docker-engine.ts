/** The Docker engine of this machine: whether it answers, its images and its containers. Nothing here waits without end. */
import { existsSync } from "node:fs"
import { type RequestOptions, request } from "node:http"
import { homedir } from "node:os"
import path from "node:path"
import * as Clock from "effect/Clock"
import * as Config from "effect/Config"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { ContainerRuntimeClient, GenericContainer, StartedTestContainer } from "testcontainers"
import { monotonicMillis, monotonicMillisUnsafe } from "../../shared/model/monotonic.ts"
import { type LocalError, problem } from "./problem.ts"
import type { State } from "./state.ts"

export interface EngineAnswer {
  readonly answers: boolean
  /** What is wrong with an engine that is there and does not answer as it should; null if there is no engine, or all is well. */
  readonly trouble: string | null
}

const pingLimit = Duration.seconds(2)

/** `GET /_ping`: it costs milliseconds, where loading testcontainers to ask the same costs a second. */
export const askEngine: Effect.Effect<EngineAnswer> = get("/_ping", pingLimit).pipe(
  Effect.map((status) =>
    status === 200 ? { answers: true, trouble: null } : { answers: false, trouble: `answers with status ${status}` }
  ),
  // No socket, or none behind it that listens, is no engine; anything else is one with a trouble.
  Effect.catch(({ code, message }) =>
    Effect.succeed({ answers: false, trouble: code === "absent" ? null : `does not answer (${message})` })
  )
)

/** The name under which this machine reaches the ports that containers publish. */
export const engineHost = (state: State): Effect.Effect<string, LocalError> =>
  Effect.map(engineClient(state), (client) =>
    // kafkajs and the broker must agree on one name; "localhost" may be IPv6 to one and IPv4 to the other.
    client.info.containerRuntime.host === "localhost" ? "127.0.0.1" : client.info.containerRuntime.host
  )

/** Makes sure that the engine has the image: pulls it where it is missing, in the time of `docker.pull`. */
export const obtainImage = (state: State, image: string): Effect.Effect<void, LocalError> =>
  Effect.gen(function* () {
    if ((yield* question(state, `/images/${image}/json`)) === 200) return
    yield* Effect.sync(() => state.progress(`Fetching ${image} through Docker. This happens once.`))
    yield* pulled(state, yield* engineClient(state), image)
  })

/** Runs a container of an image that is there, and removes it when the scope closes; its volumes stay. */
export const startContainer = (
  state: State,
  image: string,
  configure: (container: GenericContainer) => GenericContainer
): Effect.Effect<StartedTestContainer, LocalError, Scope.Scope> =>
  Effect.acquireRelease(
    bounded(state.docker.start, `does not run ${image}`, async (signal) => {
      const { GenericContainer } = await import("testcontainers")
      const started = configure(new GenericContainer(image))
        .withStartupTimeout(Duration.toMillis(state.docker.start))
        .start()
      // One that comes up after the wait has ended is taken down again.
      started.then(
        (container) => (signal.aborted ? stopContainer(state, container) : undefined),
        () => undefined
      )
      return await started
    }),
    (container) => Effect.ignore(Effect.tryPromise(() => stopContainer(state, container)))
  )

const stopContainer = (state: State, container: StartedTestContainer) =>
  container.stop({ timeout: state.ending === "kill" ? 0 : 20_000, removeVolumes: false })

/** An error of Docker's, in words that follow "Docker". */
export const dockerProblem = (what: string, cause: unknown = null): LocalError =>
  problem(
    "docker_failed",
    `Docker ${what}${cause === null ? "" : `: ${reasonOf(cause)}`}.`,
    "Repair Docker, or set CAPI_DOCKER=never to use Java and Maven instead.",
    cause
  )

const reasonOf = (cause: unknown): string =>
  (cause instanceof Error ? cause.message : String(cause))
    .replaceAll(/\s+/g, " ")
    .trim()
    .replace(/\.$/, "")
    .slice(0, 300)

const bounded = <A>(
  limit: Duration.Duration,
  what: string,
  work: (signal: AbortSignal) => Promise<A>
): Effect.Effect<A, LocalError> =>
  Effect.tryPromise({ try: work, catch: (cause) => dockerProblem(what, cause) }).pipe(
    Effect.timeoutOrElse({
      duration: limit,
      orElse: () => Effect.fail(dockerProblem(`${what}, which has taken ${Duration.format(limit)}`))
    })
  )

// Asked first in our way, which leaves no open socket behind where the engine does not answer: it would keep us alive.
const engineClient = (state: State): Effect.Effect<ContainerRuntimeClient, LocalError> =>
  Effect.gen(function* () {
    yield* question(state, "/info")
    const { getContainerRuntimeClient } = yield* testcontainers
    return yield* bounded(state.docker.answer, "does not answer", () => getContainerRuntimeClient())
  })

// Half of a second that is not the engine's; an installation without the development's packages has none.
const testcontainers = Effect.tryPromise({
  try: () => import("testcontainers"),
  catch: (cause) => dockerProblem("cannot be used without the package testcontainers", cause)
})

const question = (state: State, route: string): Effect.Effect<number, LocalError> =>
  Effect.mapError(get(route, state.docker.answer), ({ message }) => dockerProblem(`does not answer (${message})`))

/** One line of the engine's report on a pull. */
interface PullNews {
  readonly error?: string
}

const pulled = (state: State, client: ContainerRuntimeClient, image: string): Effect.Effect<void, LocalError> =>
  Effect.gen(function* () {
    let heardAt = yield* monotonicMillis
    const clock = yield* Clock.Clock
    const pull = bounded(state.docker.pull, `cannot pull ${image}`, async (abortSignal) => {
      const { getAuthConfig } = await import("testcontainers/build/container-runtime/auth/get-auth-config.js")
      const authconfig = await getAuthConfig(client.info.containerRuntime.indexServerAddress)
      const { dockerode } = client.container
      const stream = await dockerode.pull(image, { authconfig, abortSignal })
      await new Promise<void>((resolve, reject) => {
        dockerode.modem.followProgress(
          stream,
          (error) => (error === null ? resolve() : reject(error)),
          (news: PullNews) => {
            heardAt = monotonicMillisUnsafe(clock)
            if (news.error !== undefined) reject(new Error(news.error))
          }
        )
      })
    })
    const silence = Duration.toMillis(state.docker.silence)
    const giveUp = Effect.gen(function* () {
      for (;;) {
        yield* Effect.sleep(Math.min(silence, 1_000))
        if ((yield* monotonicMillis) - heardAt >= silence)
          return yield* dockerProblem(
            `cannot pull ${image}: no news of it for ${Duration.format(state.docker.silence)}`
          )
      }
    })
    yield* Effect.raceFirst(pull, giveUp)
  })

const sockets = (): ReadonlyArray<string> => [
  "/var/run/docker.sock",
  path.join(homedir(), ".docker/run/docker.sock"),
  path.join(homedir(), ".docker/desktop/docker.sock"),
  path.join(homedir(), ".colima/default/docker.sock")
]

interface NoAnswer {
  readonly code: "absent" | "failed"
  readonly message: string
}

/** Status of the engine's answer. */
function get(route: string, limit: Duration.Duration): Effect.Effect<number, NoAnswer> {
  return Effect.gen(function* () {
    const host = yield* Config.String("DOCKER_HOST").pipe(Effect.orElseSucceed(() => ""))
    const socketPath = host.startsWith("unix://")
      ? host.slice("unix://".length)
      : sockets().find((file) => existsSync(file))
    const target = host.startsWith("tcp://")
      ? { host: new URL(host).hostname, port: new URL(host).port }
      : { socketPath }
    if (!host.startsWith("tcp://") && socketPath === undefined)
      return yield* Effect.fail<NoAnswer>({ code: "absent", message: "there is no socket" })
    return yield* answered({ ...target, path: route }).pipe(
      Effect.timeoutOrElse({
        duration: limit,
        orElse: () => Effect.fail<NoAnswer>({ code: "failed", message: `in ${Duration.format(limit)}` })
      })
    )
  })
}

const answered = (options: RequestOptions): Effect.Effect<number, NoAnswer> =>
  Effect.callback((resume) => {
    const asked = request(options, (response) => {
      response.resume()
      resume(Effect.succeed(response.statusCode ?? 0))
    })
    asked.once("error", ({ code = "", message }: NodeJS.ErrnoException) =>
      resume(Effect.fail({ code: ["ENOENT", "ECONNREFUSED"].includes(code) ? "absent" : "failed", message }))
    )
    asked.end()
    return Effect.sync(() => asked.destroy())
  })
