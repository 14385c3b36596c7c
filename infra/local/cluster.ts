/**
 * Brokers from Maven's jars: one, or several in one KRaft quorum. Each can be stopped, killed, suspended and started again
 * on the same data and the same port.
 */
import { randomUUID } from "node:crypto"
import { existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs"
import path from "node:path"
import { Clock, Config, Duration, Effect, type Scope } from "effect"
import { type NodeAddress, serverProperties } from "./broker-config.ts"
import { kafkaJars } from "./jars.ts"
import { requireJava, runCommand } from "./java.ts"
import { brokersKnownAt } from "./kafka-probe.ts"
import { choosePorts } from "./ports.ts"
import { type LocalError, problem } from "./problem.ts"
import {
  endProcess,
  type Launched,
  launch,
  logTail,
  removePidFile,
  runningProcess,
  shortPath,
  signal
} from "./processes.ts"
import { readJson, repository, type State, writeJson } from "./state.ts"

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

export interface Cluster {
  /** `host:port` of each, joined by commas. */
  readonly brokers: string
  readonly nodes: ReadonlyArray<BrokerNode>
}

export interface ClusterOptions {
  /** Brokers of the cluster. Default 1. */
  readonly size?: number
  /** Fixed port of the first broker; in use is an error. Default: a free one. */
  readonly port?: number
}

const heapMegabytes = 768
const startDeadline = Duration.seconds(90)
const stopGrace = Duration.seconds(20)

/** Starts the brokers and ends them, by their pids, when the scope closes. */
export const startCluster = (
  state: State,
  options: ClusterOptions = {}
): Effect.Effect<Cluster, LocalError, Scope.Scope> =>
  Effect.gen(function* () {
    const size = options.size ?? 1
    const java = yield* requireJava(yield* javaHome)
    const jars = yield* kafkaJars(state)
    yield* Effect.forEach(ids(size), (id) => endLeftover(state, id), { discard: true })
    const ports = yield* choosePorts(state, size === 1 ? "broker" : `brokers-of-${size}`, 2 * size, options.port)
    const addresses = ids(size).map(
      (id, index): NodeAddress => ({ id, brokerPort: ports[2 * index]!, controllerPort: ports[2 * index + 1]! })
    )
    const nodes = addresses.map((address) => makeNode({ state, java, jars, address, all: addresses }))
    yield* Effect.addFinalizer(() =>
      Effect.forEach(nodes, (node) => Effect.andThen(node.resume, state.ending === "kill" ? node.kill : node.stop), {
        concurrency: "unbounded",
        discard: true
      })
    )
    yield* Effect.sync(() => state.progress(size === 1 ? "Starting Kafka." : `Starting ${size} Kafka brokers.`))
    yield* Effect.forEach(nodes, (node) => node.start, { concurrency: "unbounded", discard: true })
    return { brokers: nodes.map((node) => node.address).join(","), nodes }
  })

/** `JAVA_HOME`, if it is set. */
export const javaHome: Effect.Effect<string | null> = Config.String("JAVA_HOME").pipe(Effect.orElseSucceed(() => null))

const ids = (size: number): ReadonlyArray<number> => Array.from({ length: size }, (_, index) => index + 1)

interface NodeOptions {
  readonly state: State
  readonly java: string
  readonly jars: string
  readonly address: NodeAddress
  readonly all: ReadonlyArray<NodeAddress>
}

const filesOf = (state: State, id: number) => ({
  folder: path.join(state.directory, `broker-${id}`),
  pidFile: path.join(state.directory, `broker-${id}.pid`),
  logFile: path.join(state.logs, `broker-${id}.log`)
})

const makeNode = (options: NodeOptions): BrokerNode => {
  const { state, address } = options
  const { pidFile } = filesOf(state, address.id)
  let current: Launched | null = null
  const pid = () => (current === null || current.hasEnded() ? null : current.pid)
  const end = (grace: Duration.Duration) =>
    Effect.suspend(() => {
      const running = pid()
      return running === null ? Effect.void : endProcess(running, grace)
    }).pipe(Effect.andThen(Effect.sync(() => removePidFile(pidFile))))
  const send = (name: NodeJS.Signals) =>
    Effect.sync(() => {
      const running = pid()
      if (running !== null) signal(running, name)
    })
  return {
    id: address.id,
    address: `127.0.0.1:${address.brokerPort}`,
    pid,
    stop: end(stopGrace),
    kill: end(Duration.zero),
    suspend: send("SIGSTOP"),
    resume: send("SIGCONT"),
    start: Effect.gen(function* () {
      if (pid() !== null) return
      const configuration = yield* prepareData(options)
      current = yield* Effect.sync(() => launchBroker(options, configuration))
      yield* untilServing(options, current)
    })
  }
}

// The data folder is formatted once; a later start keeps the log and takes the ports of the day.
const prepareData = ({ state, java, jars, address, all }: NodeOptions): Effect.Effect<string, LocalError> =>
  Effect.gen(function* () {
    const { folder } = filesOf(state, address.id)
    const data = path.join(folder, "data")
    const configuration = path.join(folder, "server.properties")
    yield* Effect.sync(() => {
      mkdirSync(data, { recursive: true })
      writeFileSync(configuration, serverProperties(address, all, data))
    })
    if (existsSync(path.join(data, "meta.properties"))) return configuration
    const tool = [
      "-Xmx128m",
      "-XX:+UseSerialGC",
      "-XX:TieredStopAtLevel=1",
      "-cp",
      path.join(jars, "*"),
      "kafka.tools.StorageTool"
    ]
    const { exitCode, text } = yield* runCommand(java, [
      ...tool,
      "format",
      "--cluster-id",
      clusterId(state),
      "--config",
      configuration
    ])
    if (exitCode === 0) return configuration
    return yield* brokerProblem(state, address.id, text)
  })

// One id for the cluster, kept: every node is formatted with it, also one that joins after a crash.
const clusterId = (state: State): string => {
  const file = path.join(state.directory, "cluster.json")
  const known = readJson<{ readonly id?: string }>(file, {}).id
  if (known !== undefined) return known
  const id = Buffer.from(randomUUID().replaceAll("-", ""), "hex").toString("base64url")
  writeJson(file, { id })
  return id
}

const launchBroker = ({ state, java, jars, address }: NodeOptions, configuration: string): Launched => {
  const { logFile, pidFile } = filesOf(state, address.id)
  rmSync(logFile, { force: true })
  const jvm = [
    `-Xmx${heapMegabytes}m`,
    "-Xms192m",
    "-XX:+UseG1GC",
    "-XX:MaxGCPauseMillis=20",
    "-XX:+ExitOnOutOfMemoryError"
  ]
  const logging = `-Dlog4j2.configurationFile=${path.join(repository, "infra/local/log4j2.properties")}`
  return launch({
    command: java,
    arguments: [...jvm, "-Djava.awt.headless=true", logging, "-cp", path.join(jars, "*"), "kafka.Kafka", configuration],
    logFile,
    pidFile
  })
}

const untilServing = ({ state, address }: NodeOptions, launched: Launched): Effect.Effect<void, LocalError> =>
  Effect.gen(function* () {
    const started = yield* Clock.currentTimeMillis
    while (!((yield* brokersKnownAt(`127.0.0.1:${address.brokerPort}`))?.includes(address.id) ?? false)) {
      const { logFile } = filesOf(state, address.id)
      if (launched.hasEnded()) return yield* brokerProblem(state, address.id, logTail(logFile))
      if ((yield* Clock.currentTimeMillis) - started > Duration.toMillis(startDeadline)) {
        yield* endProcess(launched.pid, Duration.zero)
        return yield* problem(
          "broker_failed",
          `Kafka did not start within ${Duration.toSeconds(startDeadline)} s.`,
          `Read ${shortPath(logFile)}.`
        )
      }
      yield* Effect.sleep("100 millis")
    }
  })

const brokerProblem = (state: State, id: number, text: string): LocalError => {
  const { logFile } = filesOf(state, id)
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
  const line =
    text.split("\n").find((candidate) => /ERROR|FATAL|Exception|Error/.test(candidate)) ?? text.split("\n").at(-1) ?? ""
  return problem(
    "broker_failed",
    `Kafka did not start: ${line.slice(0, 300)}`,
    `Read ${shortPath(logFile)}; \`make clean\` starts from an empty log.`
  )
}

// What an unclean end left behind: a broker of this folder that still runs is ended, a pid of a stranger is let alone.
const endLeftover = (state: State, id: number): Effect.Effect<void> => {
  const { folder, pidFile } = filesOf(state, id)
  return Effect.suspend(() => {
    const leftover = runningProcess(pidFile, folder)
    return leftover === null ? Effect.void : endProcess(leftover.pid, stopGrace)
  }).pipe(Effect.andThen(Effect.sync(() => removePidFile(pidFile))))
}
