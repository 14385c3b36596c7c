/** What the demonstration's processors see: the local broker and registry, and the sandboxes in the platforms' places. */
import { randomBytes } from "node:crypto"
import { existsSync, readFileSync, writeFileSync } from "node:fs"
import path from "node:path"
import { environment } from "../../shared/config/settings.ts"
import { defaultStateDirectory, repository } from "../local/state.ts"
import type { Sandbox } from "../sandbox/sandbox.ts"

export const sampleConnections = path.join(repository, "examples/connections.yaml")

export interface Addresses {
  readonly brokers: string
  readonly registryUrl: string
  readonly sandbox: Sandbox
  /** Where the WhatsApp processor takes the sandbox's statuses. */
  readonly webhookPort: number
  /** Where the indexer answers. */
  readonly indexerPort: number
}

/**
 * Environment variables for a processor; `CAPI_CONNECTIONS` and `CAPI_MASTER_KEY` are those of the caller's environment, else the
 * example and a key that is made once and kept in the state folder.
 */
export const demoEnvironment = (
  addresses: Addresses,
  caller: Readonly<Record<string, string>> = environment()
): Readonly<Record<string, string>> => {
  const { brokers, registryUrl, sandbox, webhookPort, indexerPort } = addresses
  return {
    KAFKA_BROKERS: brokers,
    SCHEMA_REGISTRY_URL: registryUrl,
    CAPI_CONNECTIONS: caller["CAPI_CONNECTIONS"] ?? sampleConnections,
    CAPI_MASTER_KEY: caller["CAPI_MASTER_KEY"] ?? masterKey(),
    CAPI_WEBHOOK_PORT: String(webhookPort),
    CAPI_INDEXER_FILE: path.join(defaultStateDirectory, "event-index.sqlite"),
    CAPI_INDEXER_PORT: String(indexerPort),
    CAPI_INDEXER_URL: `http://127.0.0.1:${indexerPort}`,
    ...sandbox.environment
  }
}

// What one run sealed, the next one opens: the key is made once and stays in the state folder.
const masterKey = (): string => {
  const file = path.join(defaultStateDirectory, "master-key")
  if (!existsSync(file)) writeFileSync(file, randomBytes(32).toString("base64"), { mode: 0o600 })
  return readFileSync(file, "utf8").trim()
}
