/** What a soak runs on: broker, registry and sandboxes as processes and servers of this run alone, and the files that programs read. */
import { renameSync, writeFileSync } from "node:fs"
import path from "node:path"
import process from "node:process"
import * as Effect from "effect/Effect"
import { startCluster } from "../../infra/local/cluster.ts"
import { freePort } from "../../infra/local/ports.ts"
import { startRegistry } from "../../infra/local/registry-jar.ts"
import { openState } from "../../infra/local/state.ts"
import { startSandbox } from "../../infra/sandbox/sandbox.ts"
import { environmentFor } from "../harness/environment.ts"
import { sandboxControl } from "../harness/sandbox-control.ts"
import { scopedFolder } from "../harness/scoped-folder.ts"
import { webhookRecorder } from "../harness/webhook-recorder.ts"
import { type Accounts, connectionsText } from "./connections.ts"

export const prefix = "soak."
const webhookSecret = "soak-secret"

/** Starts them; they end with the scope. */
export const startSystem = Effect.fnUntraced(function* (accounts: number) {
  const folder = yield* scopedFolder("soak")
  const onProgress = (line: string) => void process.stderr.write(`${line}\n`)
  const state = yield* openState({ stateDirectory: folder, ending: "kill", onProgress })
  const [cluster, registry] = yield* Effect.all([startCluster(state), startRegistry(state)], { concurrency: 2 })
  const [webhookPort, indexerPort, consolePort] = yield* Effect.all([freePort, freePort, freePort])
  // The sandbox looks at this list at each request: the first token is for all accounts but one, whose token is renewed.
  const metaTokens = ["sandbox-meta-token", "renewed-0"]
  const url = `http://127.0.0.1:${webhookPort}/webhooks/whatsapp/whatsapp-orders`
  const sandbox = yield* startSandbox({
    store: { bodiesMax: 0, idsMax: 0 },
    meta: { tokens: metaTokens },
    whatsapp: { webhook: { url, appSecret: webhookSecret }, pairWindowMillis: 0 }
  })
  const files = {
    connections: path.join(folder, "connections.yaml"),
    notifications: path.join(folder, "notifications.yaml"),
    metaToken: path.join(folder, "meta-token")
  }
  const connect = (given: Omit<Accounts, "count" | "host" | "tokenFile">) =>
    replace(
      files.connections,
      connectionsText({ ...given, count: accounts, host: sandbox.urls.meta, tokenFile: files.metaToken })
    )
  const receiver = yield* webhookRecorder()
  writeFileSync(
    files.notifications,
    `version: 1\nreceivers:\n  - { id: hook, kind: webhook, url: "${receiver.url}", secret: env:SOAK_SECRET }\nroutes:\n  - { receivers: [hook] }\n`
  )
  replace(files.metaToken, metaTokens[1]!)
  connect({ added: false, paused: false })
  const { brokers } = cluster
  const environment = environmentFor(
    { brokers, registryUrl: registry.url, prefix, connections: files.connections, sandbox },
    {
      CAPI_CONNECTIONS_EVERY: "2 seconds",
      CAPI_SECRETS_EVERY: "5 seconds",
      CAPI_NOTIFICATIONS: files.notifications,
      CAPI_WEBHOOK_PORT: String(webhookPort),
      CAPI_INDEXER_FILE: path.join(folder, "event-index.sqlite"),
      CAPI_INDEXER_PORT: String(indexerPort),
      CAPI_INDEXER_URL: `http://127.0.0.1:${indexerPort}`,
      CAPI_CONSOLE_PORT: String(consolePort),
      BENCH_TOKEN: metaTokens[0]!,
      SOAK_SECRET: webhookSecret
    }
  )
  return {
    folder,
    brokers,
    broker: cluster.nodes[0]!,
    registry,
    control: sandboxControl(sandbox.controlUrl),
    environment,
    connect,
    consoleUrl: `http://127.0.0.1:${consolePort}`,
    /** The platform knows only the new token from now on. */
    expireMetaToken: (token: string) => void metaTokens.splice(1, 1, token),
    renewMetaToken: () => replace(files.metaToken, metaTokens[1]!)
  }
})

export type System = Effect.Success<ReturnType<typeof startSystem>>

/** As orchestrators do: a reader never sees half of a file. */
const replace = (file: string, text: string): void => {
  writeFileSync(`${file}.new`, text, { mode: 0o600 })
  renameSync(`${file}.new`, file)
}
