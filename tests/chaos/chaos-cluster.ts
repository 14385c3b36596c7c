/** What the runs stand on: one broker or three, a registry and the sandbox, in a folder that is removed at the end. */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import path from "node:path"
import process from "node:process"
import { fileURLToPath } from "node:url"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { googleCredential } from "../../infra/demo/environment.ts"
import type { BrokerNode } from "../../infra/local/broker-node.ts"
import { startCluster } from "../../infra/local/cluster.ts"
import { type RegistryNode, startRegistry } from "../../infra/local/registry-jar.ts"
import { openState } from "../../infra/local/state.ts"
import { type Sandbox, sandboxDefaults, startSandbox } from "../../infra/sandbox/sandbox.ts"
import { platforms } from "../../shared/model/platform.ts"
import type { ProcessorName } from "./plan.ts"

export interface ChaosCluster {
  readonly folder: string
  readonly brokers: string
  readonly nodes: ReadonlyArray<BrokerNode>
  readonly registry: RegistryNode
  readonly sandbox: Sandbox
}

/** Milliseconds after which a silent instance loses its partitions. */
export const sessionTimeoutMillis = 8_000

export const startChaosCluster = (brokers: 1 | 3): Effect.Effect<ChaosCluster, unknown, Scope.Scope> =>
  Effect.gen(function* () {
    const folder = yield* Effect.acquireRelease(
      Effect.sync(() => mkdtempSync(path.join(tmpdir(), "capi-chaos-"))),
      (made) => Effect.sync(() => keepLogs(made))
    )
    const onProgress = (line: string) => void process.stderr.write(`${line}\n`)
    const state = yield* openState({ stateDirectory: folder, ending: "kill", quickStart: true, onProgress })
    const [cluster, registry] = yield* Effect.all([startCluster(state, { size: brokers }), startRegistry(state)], {
      concurrency: 2
    })
    const sandbox = yield* startSandbox({ store: { bodiesMax: 200_000, idsMax: 200_000 } })
    return { folder, brokers: cluster.brokers, nodes: cluster.nodes, registry, sandbox }
  })

/** What a processor is told by the environment; connections are there for the platforms whose processor runs. */
export const environmentOf = (
  { brokers, registry, sandbox }: ChaosCluster,
  prefix: string,
  running: ReadonlyArray<ProcessorName>
) => ({
  ...Object.fromEntries(
    platforms.map((platform) => [`RUN_${platform.toUpperCase()}`, String(running.includes(`delivery-${platform}`))])
  ),
  KAFKA_BROKERS: brokers,
  KAFKA_SESSION_TIMEOUT: `${sessionTimeoutMillis} millis`,
  SCHEMA_REGISTRY_URL: registry.url,
  CAPI_TOPIC_PREFIX: prefix,
  CAPI_CONNECTIONS: fileURLToPath(new URL("connections.yaml", import.meta.url)),
  CAPI_MASTER_KEY: "the chaos suite's master key",
  META_HOST: sandbox.urls.meta,
  META_TOKEN: sandboxDefaults.meta.tokens[0]!,
  GOOGLE_HOST: sandbox.urls.google,
  GOOGLE_OAUTH_HOST: sandbox.urls["google-oauth"],
  GOOGLE_CREDENTIAL: JSON.stringify(googleCredential()),
  TIKTOK_HOST: sandbox.urls.tiktok,
  TIKTOK_TOKEN: sandboxDefaults.tiktok.tokens[0]!,
  SNAPCHAT_HOST: sandbox.urls.snapchat,
  SNAPCHAT_TOKEN: sandboxDefaults.snapchat.tokens[0]!,
  // Often, so that it looks while things break.
  LEDGER_EVERY: "5 seconds",
  WHATSAPP_HOST: sandbox.urls.whatsapp,
  WHATSAPP_TOKEN: JSON.stringify({ access_token: sandboxDefaults.whatsapp.tokens[0]! })
})

// CHAOS_KEEP=1 leaves the folder, whose logs tell what a failed run did.
const keepLogs = (folder: string) => {
  if (process.env["CHAOS_KEEP"] === "1") process.stderr.write(`Logs are in ${folder}.\n`)
  else rmSync(folder, { recursive: true, force: true })
}
