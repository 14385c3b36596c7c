/** Apicurio's registry from Maven's jar, its store on disk so that schema ids outlive a restart. */
import { mkdirSync, rmSync } from "node:fs"
import path from "node:path"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { monotonicMillis } from "../../shared/model/monotonic.ts"
import { type ClassArchive, classArchive, firstTierCompiler } from "./class-archive.ts"
import { javaHome } from "./cluster.ts"
import { registryJars, registryRunner } from "./jars.ts"
import { type Java, requireJava } from "./java.ts"
import { choosePorts, knownPorts } from "./ports.ts"
import { type LocalError, problem } from "./problem.ts"
import {
  endProcess,
  hasLiveOwner,
  type Launched,
  launch,
  logTail,
  removePidFile,
  runningProcess,
  shortPath,
  signal
} from "./processes.ts"
import { inFolder, type State } from "./state.ts"

export interface RegistryNode {
  /** Root of the Confluent API, such as `http://127.0.0.1:8081/apis/ccompat/v7`. */
  readonly url: string
  readonly pid: () => number | null
  readonly stop: Effect.Effect<void>
  readonly kill: Effect.Effect<void>
  /** Starts it again on its store and port and waits until it answers; does nothing if it runs. */
  readonly start: Effect.Effect<void, LocalError>
}

/** Apicurio speaks the Confluent API under this path. */
export const confluentPath = "/apis/ccompat/v7"
const startDeadline = Duration.minutes(3)
// Enough for the first end, which leaves the class archive.
const stopGrace = Duration.seconds(30)

/** Starts the registry and ends it, by its pid, when the scope closes. `port` fixed and in use is an error. */
export const startRegistry = (state: State, port?: number): Effect.Effect<RegistryNode, LocalError, Scope.Scope> =>
  Effect.gen(function* () {
    const java = yield* requireJava(yield* javaHome)
    const jars = yield* registryJars(state)
    yield* endLeftover(state)
    const [chosen = 0] = yield* choosePorts(state, "registry", 1, port)
    const node = makeNode(state, java, jars, chosen)
    yield* Effect.addFinalizer(() => (state.ending === "kill" ? node.kill : node.stop))
    yield* Effect.sync(() => state.progress("Starting the schema registry."))
    yield* node.start
    return node
  })

/** The registry of this state folder that a live program (or this one) has started and will end; null if there is no such registry. */
export const runningRegistry = (state: State): Effect.Effect<{ readonly url: string; readonly pid: number } | null> =>
  Effect.sync(() => {
    const { folder, pidFile } = registryFiles(state)
    const running = runningProcess(pidFile, folder)
    const port = knownPorts(state, "registry")[0]
    if (running === null || port === undefined || !hasLiveOwner(running)) return null
    return { url: `http://127.0.0.1:${port}${confluentPath}`, pid: running.pid }
  })

/** Whether a Confluent-compatible registry answers at the URL. */
export const registryAnswers = (url: string, timeoutMillis = 2_000): Effect.Effect<boolean> =>
  Effect.tryPromise(() =>
    fetch(`${url}/subjects`, { signal: AbortSignal.timeout(timeoutMillis) }).then(async (response) => {
      await response.arrayBuffer()
      return response.ok
    })
  ).pipe(Effect.orElseSucceed(() => false))

/** Where a registry's things are in the state folder. */
export const registryFiles = (state: State) => ({
  folder: path.join(state.directory, "registry"),
  pidFile: path.join(state.directory, "registry.pid"),
  logFile: path.join(state.logs, "registry.log")
})

const makeNode = (state: State, java: Java, jars: string, port: number): RegistryNode => {
  const { pidFile } = registryFiles(state)
  const url = `http://127.0.0.1:${port}${confluentPath}`
  const archive = classArchive(state, path.join(jars, `classes-${java.build}.jsa`))
  let current: Launched | null = null
  const pid = () => (current === null || current.hasEnded() ? null : current.pid)
  const end = (grace: Duration.Duration) =>
    Effect.suspend(() => {
      const running = pid()
      if (running === null) return Effect.void
      signal(running, "SIGCONT")
      return endProcess(running, grace)
    }).pipe(
      Effect.andThen(
        Effect.sync(() => {
          removePidFile(pidFile)
          archive.keep()
        })
      )
    )
  return {
    url,
    pid,
    stop: end(stopGrace),
    kill: end(Duration.zero),
    start: Effect.gen(function* () {
      if (pid() !== null) return
      current = yield* inFolder(state.directory, () => launchRegistry(state, java, jars, port, archive))
      yield* untilAnswering(state, url, current)
    })
  }
}

const launchRegistry = (state: State, java: Java, jars: string, port: number, archive: ClassArchive): Launched => {
  const { folder, logFile, pidFile } = registryFiles(state)
  mkdirSync(folder, { recursive: true })
  rmSync(logFile, { force: true })
  return launch({
    command: java.command,
    arguments: [
      "-Xmx320m",
      "-Xms64m",
      "-XX:+UseSerialGC",
      "-XX:+ExitOnOutOfMemoryError",
      // It serves few requests: the time for a better compiler is never earned back.
      ...firstTierCompiler,
      ...archive.options,
      "-Dquarkus.http.host=127.0.0.1",
      `-Dquarkus.http.port=${port}`,
      // Without WRITE_DELAY=0 a kill -9 loses the last half second, and with it ids that Kafka's log already names.
      `-Dquarkus.datasource.jdbc.url=jdbc:h2:file:${path.join(folder, "store")};WRITE_DELAY=0`,
      "-Dquarkus.log.level=WARN",
      "-jar",
      registryRunner(jars)
    ],
    logFile,
    pidFile,
    needed: true
  })
}

const untilAnswering = (state: State, url: string, launched: Launched): Effect.Effect<void, LocalError> =>
  Effect.gen(function* () {
    const { logFile } = registryFiles(state)
    const started = yield* monotonicMillis
    while (!(yield* registryAnswers(url))) {
      if (launched.hasEnded()) return yield* registryProblem(logTail(logFile), logFile)
      if ((yield* monotonicMillis) - started > Duration.toMillis(startDeadline)) {
        yield* endProcess(launched.pid, Duration.zero)
        return yield* problem(
          "registry_failed",
          `The schema registry did not start within ${Duration.toSeconds(startDeadline)} s.`,
          `Read ${shortPath(logFile)}.`
        )
      }
      yield* Effect.sleep("100 millis")
    }
  })

const registryProblem = (text: string, logFile: string): LocalError => {
  if (/No space left on device/.test(text)) {
    return problem(
      "disk_full",
      "The disk is full: the schema registry cannot write its store.",
      "Free some space and start again."
    )
  }
  if (/already bound|Address already in use/.test(text)) {
    return problem(
      "port_in_use",
      "The schema registry's port was taken by another program while it started.",
      "Start again: a free one is then chosen."
    )
  }
  const line = text.split("\n").find((candidate) => /ERROR|Exception/.test(candidate)) ?? ""
  return problem(
    "registry_failed",
    `The schema registry did not start. ${line.slice(0, 300)}`.trim(),
    `Read ${shortPath(logFile)}.`
  )
}

const endLeftover = (state: State): Effect.Effect<void> => {
  const { folder, pidFile } = registryFiles(state)
  return Effect.suspend(() => {
    const leftover = runningProcess(pidFile, folder)
    return leftover === null ? Effect.void : endProcess(leftover.pid, stopGrace)
  }).pipe(Effect.andThen(Effect.sync(() => removePidFile(pidFile))))
}
