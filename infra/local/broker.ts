/** A broker to work with: the one that is named, else Docker's, else one from Maven's jars. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { BrokerNode } from "./broker-node.ts"
import { runningBroker, startCluster } from "./cluster.ts"
import { dockerBroker } from "./docker.ts"
import { accepts } from "./kafka-probe.ts"
import { type LocalError, problem } from "./problem.ts"
import { fromDockerOrJars, type LocalSource, namedSetting } from "./source.ts"
import { type LocalOptions, openState, type State } from "./state.ts"

export interface LocalBrokerOptions extends LocalOptions {
  /** A fixed port; in use is an error. Default: a free one, the same again at the next start. */
  readonly port?: number
  /** The only way to start one. Default: Docker where it can, else jars. */
  readonly source?: LocalSource
}

export interface LocalBroker {
  /** `host:port`, several joined by commas. */
  readonly brokers: string
  /** Of the JVM of a local broker; null for one that is not of this machine's jars. */
  readonly pid: number | null
  readonly source: "env" | "docker" | "jars"
  /** The process that we started from jars, to be stopped, killed and started again; null otherwise. */
  readonly node: BrokerNode | null
}

/**
 * `KAFKA_BROKERS`, else Docker, else Maven's jars; what we started ends when the scope closes. A broker that runs
 * on the same state folder already is shared.
 */
export const localBroker = (options: LocalBrokerOptions = {}): Effect.Effect<LocalBroker, LocalError, Scope.Scope> =>
  Effect.gen(function* () {
    const named = yield* namedSetting("KAFKA_BROKERS")
    if (named !== "") return yield* namedBroker(named)
    const state = yield* openState(options)
    const other = yield* runningBroker(state)
    if (other !== null) return { ...other, source: "jars", node: null } as const
    const { source } = options
    return yield* source === undefined
      ? fromDockerOrJars(state, (chosen, state) => startBroker(state, chosen, options))
      : startBroker(state, source, options)
  })

const startBroker = (
  state: State,
  source: LocalSource,
  { port, brokerSettings = {} }: LocalBrokerOptions
): Effect.Effect<LocalBroker, LocalError, Scope.Scope> =>
  Effect.gen(function* () {
    if (source === "docker")
      return { brokers: yield* dockerBroker(state, port), pid: null, source, node: null } as const
    const cluster = yield* startCluster(state, {
      ...(port === undefined ? {} : { port }),
      settings: () => brokerSettings
    })
    const node = cluster.nodes[0]!
    return { brokers: cluster.brokers, pid: node.pid(), source, node } as const
  })

const namedBroker = (brokers: string): Effect.Effect<LocalBroker, LocalError> =>
  Effect.gen(function* () {
    const answers = yield* Effect.forEach(brokers.split(","), (address) => accepts(address), { concurrency: 4 })
    if (answers.some((answer) => answer)) return { brokers, pid: null, source: "env", node: null } as const
    return yield* problem(
      "broker_unreachable",
      `No broker of KAFKA_BROKERS (${brokers}) can be reached.`,
      "Start it or correct the address; without KAFKA_BROKERS a local one is started."
    )
  })
