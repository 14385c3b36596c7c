/** Places where people put credentials, keys and accounts: none of them may reach an image or a commit. */

/** Paths in the repository that .gitignore and .dockerignore must know. */
export const secretPaths: ReadonlyArray<string> = [
  "infra/compose/credentials.env",
  "infra/compose/credentials.env.bak",
  "infra/compose/credentials.env~",
  "infra/compose/production.env",
  "infra/compose/.env",
  "credentials.env",
  ".env",
  ".env.production",
  ".envrc",
  "shared/.env",
  "infra/cli/.env.local",
  "processors/normalizer/credentials.env",
  "connections.yaml",
  "connections.yml",
  "connections-production.yaml",
  "production.connections.yaml",
  "infra/compose/connections.yaml",
  "processors/mapper/connections.yaml",
  ".capi/credentials.json",
  ".capi/master-key",
  ".capi/environment.json",
  "processors/.capi/credentials.json",
  "shared/credentials/credentials.json",
  "credentials.production.json",
  "infra/local/credentials.yaml",
  "schemas/credentials.txt",
  "client_secret_1234.apps.googleusercontent.com.json",
  "infra/build/google-service-account.json",
  "secrets/meta",
  "infra/topics/secrets.json",
  "infra/helm/capi-relay/secrets.yaml",
  "infra/samples/meta.secret",
  "infra/cli/master-key",
  "master-key.txt",
  "schemas/broker.pem",
  "shared/kafka/client.key",
  "infra/images/tls.p12",
  "client.keystore",
  "truststore.jks",
  "id_rsa",
  "infra/local/id_ed25519"
]

/** Places that no list of names can know: such a file may be sent to the builder, but not end in the image. */
export const oddPaths: ReadonlyArray<string> = [
  "notes.txt",
  "tokens",
  "shared/tokens.txt",
  "schemas/token.json",
  "processors/health/meta-token",
  "infra/cli/paste.json",
  "infra/compose/keys.txt",
  "docs/token.md",
  "examples/token.json"
]
