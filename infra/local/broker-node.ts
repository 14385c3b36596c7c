/** One broker's JVM on its data folder and ports: started, stopped, killed, suspended and started again. */
import { existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs"
import path from "node:path"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { monotonicMillis } from "../../shared/model/monotonic.ts"
import { type NodeAddress, serverProperties } from "./broker-config.ts"
import { type ClassArchive, classArchive, firstTierCompiler } from "./class-archive.ts"
import { clusterId } from "./cluster-id.ts"
import { type Java, runCommand } from "./java.ts"
import { brokersKnownAt } from "./kafka-probe.ts"
import { type LocalError, problem } from "./problem.ts"
import { endProcess, type Launched, launch, logTail, removePidFile, shortPath, signal } from "./processes.ts"
import { inFolder, repository, type State } from "./state.ts"

export interface BrokerNode {
  readonly id: number
  /** `127.0.0.1:port`, the same for the life of the cluster. */
  readonly address: string
  /** The JVM's pid; null while it is down. */
  readonly pid: () => number | null
  /** Ends it in order, as an upgrade does. */
  readonly stop: Effect.Effect<void>
  /** kill -9. */
  readonly kill: Effect.Effect<void>
  /** Starts it again on its data and port and waits until it serves; does nothing if it runs. */
  readonly start: Effect.Effect<void, LocalError>
  /** SIGSTOP: alive, but silent. */
  readonly suspend: Effect.Effect<void>
  /** SIGCONT. */
  readonly resume: Effect.Effect<void>
}

export interface NodeOptions {
  readonly state: State
  readonly java: Java
  /** Folder of Kafka's jars. */
  readonly jars: string
  readonly address: NodeAddress
  /** All nodes of the quorum, this one among them. */
  readonly all: ReadonlyArray<NodeAddress>
  /** Settings of the broker beside ours, or instead of them. */
  readonly settings: Readonly<Record<string, string>>
  readonly jvmOptions: ReadonlyArray<string>
  /** From the root of the repository. */
  readonly logConfiguration: string
}

const heapMegabytes = 768
// A machine at work on other things takes a multiple of the usual five seconds.
const startDeadline = Duration.minutes(3)
// Enough for the first end, which leaves the class archive.
export const stopGrace = Duration.seconds(30)

/** Where a broker's things are in the state folder. */
export const brokerFiles = (state: State, id: number) => ({
  folder: path.join(state.directory, `broker-${id}`),
  pidFile: path.join(state.directory, `broker-${id}.pid`),
  logFile: path.join(state.logs, `broker-${id}.log`)
})

export const makeBrokerNode = (options: NodeOptions): BrokerNode => {
  const { state, address, java, jars } = options
  const { pidFile } = brokerFiles(state, address.id)
  const archive = classArchive(state, path.join(jars, `classes-${java.build}.jsa`))
  let current: Launched | null = null
  const pid = () => (current === null || current.hasEnded() ? null : current.pid)
  const withPid = (use: (running: number) => Effect.Effect<void>) =>
    Effect.suspend(() => {
      const running = pid()
      return running === null ? Effect.void : use(running)
    })
  const cleanUp = Effect.sync(() => {
    removePidFile(pidFile)
    archive.keep()
  })
  const end = (grace: Duration.Duration) =>
    Effect.andThen(
      withPid((running) => endProcess(running, grace)),
      cleanUp
    )
  return {
    id: address.id,
    address: `127.0.0.1:${address.brokerPort}`,
    pid,
    stop: end(stopGrace),
    kill: end(Duration.zero),
    suspend: withPid((running) => Effect.sync(() => signal(running, "SIGSTOP"))),
    resume: withPid((running) => Effect.sync(() => signal(running, "SIGCONT"))),
    start: Effect.gen(function* () {
      if (pid() !== null) return
      const configuration = yield* prepareData(options)
      current = yield* Effect.sync(() => launchBroker(options, configuration, archive))
      yield* untilServing(options, current)
    })
  }
}

// The data folder is formatted once; a later start keeps the log and takes the ports of the day.
const prepareData = ({
  state,
  java,
  jars,
  address,
  all,
  settings: more
}: NodeOptions): Effect.Effect<string, LocalError> =>
  Effect.gen(function* () {
    const { folder } = brokerFiles(state, address.id)
    const data = path.join(folder, "data")
    const configuration = path.join(folder, "server.properties")
    yield* inFolder(folder, () => {
      mkdirSync(data, { recursive: true })
      writeFileSync(configuration, serverProperties(address, all, data, more))
    })
    if (existsSync(path.join(data, "meta.properties"))) return configuration
    const { exitCode, text } = yield* runCommand(java.command, [
      ...["-Xmx128m", "-XX:+UseSerialGC", ...firstTierCompiler, "-cp", path.join(jars, "*"), "kafka.tools.StorageTool"],
      ...["format", "--cluster-id", clusterId(state), "--config", configuration]
    ])
    if (exitCode === 0) return configuration
    return yield* brokerProblem(state, address.id, text)
  })

const launchBroker = (options: NodeOptions, configuration: string, archive: ClassArchive): Launched => {
  const { state, java, jars, address, jvmOptions, logConfiguration } = options
  const { logFile, pidFile } = brokerFiles(state, address.id)
  rmSync(logFile, { force: true })
  return launch({
    command: java.command,
    arguments: [
      `-Xmx${heapMegabytes}m`,
      "-Xms192m",
      "-XX:+UseG1GC",
      "-XX:MaxGCPauseMillis=20",
      "-XX:+ExitOnOutOfMemoryError",
      ...(state.fastStart ? firstTierCompiler : []),
      ...archive.options,
      "-Djava.awt.headless=true",
      `-Dlog4j2.configurationFile=${path.join(repository, logConfiguration)}`,
      ...jvmOptions,
      "-cp",
      path.join(jars, "*"),
      "kafka.Kafka",
      configuration
    ],
    logFile,
    pidFile,
    needed: true
  })
}

const untilServing = ({ state, address }: NodeOptions, launched: Launched): Effect.Effect<void, LocalError> =>
  Effect.gen(function* () {
    const started = yield* monotonicMillis
    while (!(yield* brokersKnownAt(`127.0.0.1:${address.brokerPort}`))?.includes(address.id)) {
      const { logFile } = brokerFiles(state, address.id)
      if (launched.hasEnded()) {
        const tail = logTail(logFile, 400)
        return yield* brokerProblem(state, address.id, tail.trim() === "" ? launched.end() : tail)
      }
      if ((yield* monotonicMillis) - started > Duration.toMillis(startDeadline)) {
        yield* endProcess(launched.pid, Duration.zero)
        const seconds = Duration.toSeconds(startDeadline)
        return yield* problem(
          "broker_failed",
          `Kafka did not start within ${seconds} s.`,
          `Read ${shortPath(logFile)}.`
        )
      }
      yield* Effect.sleep("100 millis")
    }
  })

const brokerProblem = (state: State, id: number, text: string): LocalError => {
  const { logFile } = brokerFiles(state, id)
  if (/No space left on device/.test(text)) {
    return problem(
      "disk_full",
      "The disk is full: Kafka cannot write its log.",
      "Free some space and start again; the log is kept."
    )
  }
  if (/Address already in use/.test(text)) {
    return problem(
      "port_in_use",
      "Kafka's port was taken by another program while it started.",
      "Start again: free ports are then chosen."
    )
  }
  return problem(
    "broker_failed",
    `Kafka did not start: ${tellingLine(text).slice(0, 300)}`,
    `Read ${shortPath(logFile)}; \`make clean\` starts from an empty log.`
  )
}

// The last exception of a log says more than the line that announces it.
const tellingLine = (text: string): string => {
  const lines = text.split("\n")
  return (
    lines.findLast((line) => /^(Caused by: )?[\w.$]+(Exception|Error)\b/.test(line)) ??
    lines.find((line) => /ERROR|FATAL|Error/.test(line)) ??
    lines.at(-1) ??
    ""
  )
}
