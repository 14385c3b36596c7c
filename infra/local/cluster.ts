/** Brokers from Maven's jars: one, or several in one KRaft quorum. */
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { NodeAddress } from "./broker-config.ts"
import { type BrokerNode, brokerFiles, makeBrokerNode, stopGrace } from "./broker-node.ts"
import { kafkaJars } from "./jars.ts"
import { type Java, requireJava } from "./java.ts"
import { choosePorts, knownPorts } from "./ports.ts"
import type { LocalError } from "./problem.ts"
import { endProcess, hasLiveOwner, removePidFile, runningProcess } from "./processes.ts"
import type { State } from "./state.ts"

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
  /** Settings of the brokers beside ours, or instead of them: for tests of TLS and logins. */
  readonly settings?: (node: NodeAddress) => Readonly<Record<string, string>>
  /** Further options of the brokers' JVMs. */
  readonly jvmOptions?: ReadonlyArray<string>
  /** Log4j's configuration, from the root of the repository, instead of ours. */
  readonly logConfiguration?: string
}

/** Starts the brokers and ends them, by their pids, when the scope closes. */
export const startCluster = (
  state: State,
  options: ClusterOptions = {}
): Effect.Effect<Cluster, LocalError, Scope.Scope> =>
  Effect.gen(function* () {
    const size = options.size ?? 1
    const java = yield* requireJava(yield* javaHome)
    const jars = yield* kafkaJars(state)
    yield* Effect.forEach(nodeIds(size), (id) => endLeftover(state, id), { discard: true })
    yield* Effect.sync(() => state.progress(size === 1 ? "Starting Kafka." : `Starting ${size} Kafka brokers.`))
    // A port that was free when it was chosen may be taken when the broker asks for it: tried again, with others.
    return yield* startNodes(state, java, jars, options).pipe(
      Effect.retry({ times: 1, while: (error) => error.code === "port_in_use" && options.port === undefined })
    )
  })

/** The broker of this state folder that a live program (or this one) has started and will end; null if there is no such broker. */
export const runningBroker = (state: State): Effect.Effect<{ readonly brokers: string; readonly pid: number } | null> =>
  Effect.sync(() => {
    const { folder, pidFile } = brokerFiles(state, 1)
    const running = runningProcess(pidFile, folder)
    const port = knownPorts(state, "broker")[0]
    if (running === null || port === undefined || !hasLiveOwner(running)) return null
    return { brokers: `127.0.0.1:${port}`, pid: running.pid }
  })

/** `JAVA_HOME`, if it is set. */
export const javaHome: Effect.Effect<string | null> = Config.String("JAVA_HOME").pipe(Effect.orElseSucceed(() => null))

const nodeIds = (size: number): ReadonlyArray<number> => Array.from({ length: size }, (_, index) => index + 1)

const startNodes = (state: State, java: Java, jars: string, options: ClusterOptions) =>
  Effect.gen(function* () {
    const size = options.size ?? 1
    const ports = yield* choosePorts(state, size === 1 ? "broker" : `brokers-of-${size}`, 2 * size, options.port)
    const all = nodeIds(size).map(
      (id, index): NodeAddress => ({ id, brokerPort: ports[2 * index]!, controllerPort: ports[2 * index + 1]! })
    )
    const nodes = all.map((address) =>
      makeBrokerNode({
        state,
        java,
        jars,
        address,
        all,
        settings: options.settings?.(address) ?? {},
        jvmOptions: options.jvmOptions ?? [],
        logConfiguration: options.logConfiguration ?? "infra/local/log4j2.properties"
      })
    )
    const endAll = Effect.forEach(
      nodes,
      (node) => Effect.andThen(node.resume, state.ending === "kill" ? node.kill : node.stop),
      { concurrency: "unbounded", discard: true }
    )
    yield* Effect.addFinalizer(() => endAll)
    yield* Effect.forEach(nodes, (node) => node.start, { concurrency: "unbounded", discard: true }).pipe(
      Effect.tapError(() => endAll)
    )
    return { brokers: nodes.map((node) => node.address).join(","), nodes }
  })

// What an unclean end left behind: a broker of this folder that still runs is ended, a pid of a stranger is let alone.
const endLeftover = (state: State, id: number): Effect.Effect<void> => {
  const { folder, pidFile } = brokerFiles(state, id)
  return Effect.suspend(() => {
    const leftover = runningProcess(pidFile, folder)
    return leftover === null ? Effect.void : endProcess(leftover.pid, stopGrace)
  }).pipe(Effect.andThen(Effect.sync(() => removePidFile(pidFile))))
}
