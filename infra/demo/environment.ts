/** What the demonstration's processors see: the local broker and registry, and the sandboxes in the platforms' places. */
import { randomBytes } from "node:crypto"
import { existsSync, readFileSync, writeFileSync } from "node:fs"
import path from "node:path"
import process from "node:process"
import { defaultStateDirectory, repository } from "../local/state.ts"
import { type Sandbox, sandboxDefaults } from "../sandbox/sandbox.ts"

export const sampleConnections = path.join(repository, "examples/connections.yaml")

export interface Addresses {
  readonly brokers: string
  readonly registryUrl: string
  readonly sandbox: Sandbox
  readonly webhook: { readonly port: number; readonly appSecret: string; readonly verifyToken: string }
}

/**
 * Environment variables for a processor; `CAPI_CONNECTIONS` and `CAPI_MASTER_KEY` are those of the caller's environment, else the
 * example and a key that is made once and kept in the state folder.
 */
export const demoEnvironment = (
  addresses: Addresses,
  caller: NodeJS.ProcessEnv = process.env
): Readonly<Record<string, string>> => {
  const { brokers, registryUrl, sandbox } = addresses
  return {
    KAFKA_BROKERS: brokers,
    SCHEMA_REGISTRY_URL: registryUrl,
    CAPI_CONNECTIONS: caller["CAPI_CONNECTIONS"] ?? sampleConnections,
    CAPI_MASTER_KEY: caller["CAPI_MASTER_KEY"] ?? masterKey(),
    META_HOST: sandbox.urls.meta,
    META_TOKEN: sandboxDefaults.meta.tokens[0]!,
    GOOGLE_HOST: sandbox.urls.google,
    GOOGLE_ADS_HOST: sandbox.urls["google-ads"],
    GOOGLE_OAUTH_HOST: sandbox.urls["google-oauth"],
    GOOGLE_CREDENTIAL: JSON.stringify(googleCredential()),
    GOOGLE_ADS_CREDENTIAL: JSON.stringify(googleCredential()),
    TIKTOK_HOST: sandbox.urls.tiktok,
    TIKTOK_TOKEN: sandboxDefaults.tiktok.tokens[0]!,
    SNAPCHAT_HOST: sandbox.urls.snapchat,
    SNAPCHAT_TOKEN: sandboxDefaults.snapchat.tokens[0]!,
    WHATSAPP_HOST: sandbox.urls.whatsapp,
    WHATSAPP_TOKEN: JSON.stringify({
      access_token: sandboxDefaults.whatsapp.tokens[0]!,
      app_secret: addresses.webhook.appSecret,
      verify_token: addresses.webhook.verifyToken
    }),
    CAPI_WEBHOOK_PORT: String(addresses.webhook.port)
  }
}

/** The application and the refresh token that Google's sandbox knows. */
export const googleCredential = () => ({
  client_id: sandboxDefaults.google.clientId,
  client_secret: sandboxDefaults.google.clientSecret,
  refresh_token: Object.keys(sandboxDefaults.google.refreshTokens)[0]!
})

// What one run sealed, the next one opens: the key is made once and stays in the state folder.
const masterKey = (): string => {
  const file = path.join(defaultStateDirectory, "master-key")
  if (!existsSync(file)) writeFileSync(file, randomBytes(32).toString("base64"), { mode: 0o600 })
  return readFileSync(file, "utf8").trim()
}
