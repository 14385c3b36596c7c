/** What the runs stand on: one broker or three that can be killed, a registry and the sandbox. */
import process from "node:process"
import { fileURLToPath } from "node:url"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { BrokerNode } from "../../infra/local/broker-node.ts"
import { startCluster } from "../../infra/local/cluster.ts"
import { type RegistryNode, startRegistry } from "../../infra/local/registry-jar.ts"
import { openState } from "../../infra/local/state.ts"
import { type Sandbox, startSandbox } from "../../infra/sandbox/sandbox.ts"
import { platforms } from "../../shared/model/platform.ts"
import { environmentFor } from "../harness/environment.ts"
import { type SandboxControl, sandboxControl } from "../harness/sandbox-control.ts"
import { scopedFolder } from "../harness/scoped-folder.ts"
import type { ProcessorName } from "./plan.ts"

export interface ChaosCluster {
  readonly folder: string
  readonly brokers: string
  readonly nodes: ReadonlyArray<BrokerNode>
  readonly registry: RegistryNode
  readonly sandbox: Sandbox
  readonly control: SandboxControl
}

/** Milliseconds after which a silent instance loses its partitions. */
export const sessionTimeoutMillis = 8_000

export const startChaosCluster = (brokers: 1 | 3): Effect.Effect<ChaosCluster, unknown, Scope.Scope> =>
  Effect.gen(function* () {
    const folder = yield* scopedFolder("chaos")
    const onProgress = (line: string) => void process.stderr.write(`${line}\n`)
    const state = yield* openState({ stateDirectory: folder, ending: "kill", fastStart: true, onProgress })
    const [cluster, registry] = yield* Effect.all([startCluster(state, { size: brokers }), startRegistry(state)], {
      concurrency: 2
    })
    const sandbox = yield* startSandbox({ store: { bodiesMax: 200_000, idsMax: 200_000 } })
    const control = sandboxControl(sandbox.controlUrl)
    return { folder, brokers: cluster.brokers, nodes: cluster.nodes, registry, sandbox, control }
  })

/** The programs' environment; connections are enabled for the platforms whose processor runs. */
export const chaosEnvironment = (
  { brokers, registry, sandbox }: ChaosCluster,
  prefix: string,
  running: ReadonlyArray<ProcessorName>
) =>
  environmentFor(
    {
      brokers,
      registryUrl: registry.url,
      prefix,
      connections: fileURLToPath(new URL("connections.yaml", import.meta.url)),
      sandbox
    },
    {
      ...Object.fromEntries(
        platforms.map((platform) => [
          `RUN_${platform.toUpperCase()}`,
          String(running.some((name) => name === `delivery-${platform}`))
        ])
      ),
      KAFKA_SESSION_TIMEOUT: `${sessionTimeoutMillis} millis`,
      // Often, so that it looks while things break.
      LEDGER_EVERY: "5 seconds"
    }
  )
