/** A kind's rules and a parser with them, for the tests of this folder. */
import * as Duration from "effect/Duration"
import * as Result from "effect/Result"
import type { KindRules } from "./kind-rules.ts"
import { parseConnections } from "./load.ts"

const limits = {
  eventsPerRequest: 1_000,
  bytesPerRequest: 1_000_000,
  requestsPerWindow: null,
  eventsPerWindow: null,
  window: Duration.minutes(1),
  concurrency: 4
}
export const rules: KindRules = {
  account: { required: ["dataset_id"], optional: ["page_id"] },
  credential: { required: ["access_token"], optional: [] },
  endpoint: { host: "https://platform.example", version: "v1" },
  limits: { documented: limits, specification: limits }
}
export const variables = { META_HOST: "http://localhost:4001/", LIMIT: "250", ON: "true" }
export const parse = (text: string) => parseConnections("c.yaml", text, { rulesOf: () => rules, variables })
export const loaded = (text: string) => Result.getOrThrow(parse(text))

export const minimal = `version: 1
connections:
  - id: shop
    platform: meta
    account: { dataset_id: 12345678901234567890 }
    credential: env:META_TOKEN
`

export const withKeys = (keys: string) => minimal + keys.replaceAll(/^/gm, "    ")
