/** Connections with few keys, and a parser whose connectors all have the same account, for tests. */
import * as Duration from "effect/Duration"
import * as Result from "effect/Result"
import { parseConnections } from "../connections/connections.ts"
import type { ConnectorCatalog, ConnectorRules } from "../connections/connector-rules.ts"
import { connectorCatalog } from "../connectors/load-connections.ts"
import { connectorFor } from "../connectors/registry.ts"

const limits = {
  eventsPerRequest: 1_000,
  bytesPerRequest: 1_000_000,
  requestsPerWindow: null,
  eventsPerWindow: null,
  window: Duration.minutes(1),
  concurrency: 4
}
const rules = {
  account: { required: ["dataset_id"], optional: ["page_id"] },
  credential: { required: ["access_token"], optional: [] },
  endpoint: { host: "https://platform.example", version: "v1" },
  limits: { documented: limits, specification: limits }
}
/** The registered connectors with one form of account, credential, endpoint and limits. */
export const catalogWith = (overrides: Partial<ConnectorRules>): ConnectorCatalog => ({
  ...connectorCatalog,
  rulesOf: (kind) => ({ ...connectorFor(kind), ...rules, ...overrides })
})
export const catalog = catalogWith({})
export const variables = { META_HOST: "http://localhost:4001/", LIMIT: "250", ON: "true" }
export const parse = (text: string) => parseConnections("c.yaml", text, { catalog, variables })
export const loaded = (text: string) => Result.getOrThrow(parse(text))

export const minimal = `version: 1
connections:
  - id: shop
    platform: meta
    account: { dataset_id: 12345678901234567890 }
    credential: env:META_TOKEN
`

export const withKeys = (keys: string) => minimal + keys.replaceAll(/^/gm, "    ")
