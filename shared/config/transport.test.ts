import { execFileSync } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import os from "node:os"
import path from "node:path"
import { afterAll, assert, describe, it } from "@effect/vitest"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { environmentProvider, loadSettings } from "./settings.ts"

const folder = mkdtempSync(path.join(os.tmpdir(), "transport-"))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** A self-signed certificate and its key, as files. */
const makePair = (name: string) => {
  const [cert, key] = [path.join(folder, `${name}.pem`), path.join(folder, `${name}.key`)]
  execFileSync(
    "openssl",
    [
      ...["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "1"],
      ...["-subj", `/CN=${name}`, "-keyout", key, "-out", cert]
    ],
    { stdio: "ignore" }
  )
  return { cert, key }
}
const client = makePair("client")
const other = makePair("other")

const load = (variables: Record<string, string>) =>
  Effect.provide(
    loadSettings,
    ConfigProvider.layer(
      environmentProvider({ KAFKA_BROKERS: "a:9093", SCHEMA_REGISTRY_URL: "https://registry.example", ...variables })
    )
  )
const ssl = { KAFKA_SSL: "true" }
const login = { KAFKA_SASL_USERNAME: "capi", KAFKA_SASL_PASSWORD: "secret-of-capi" }
const oauth = {
  KAFKA_SASL_MECHANISM: "oauthbearer",
  KAFKA_OAUTH_TOKEN_URL: "https://login.example/token",
  KAFKA_OAUTH_CLIENT_ID: "capi",
  KAFKA_OAUTH_CLIENT_SECRET: "secret-of-capi"
}
const clientPair = { KAFKA_SSL_CERT: client.cert, KAFKA_SSL_KEY: client.key }
const http = { SCHEMA_REGISTRY_URL: "http://registry.example" }
const registryLogin = { SCHEMA_REGISTRY_USERNAME: "capi", SCHEMA_REGISTRY_PASSWORD: "secret-of-capi" }

describe("what is secret over plaintext", () => {
  const refused: ReadonlyArray<[string, Record<string, string>, string]> = [
    ["KAFKA_SSL_CA", { KAFKA_SSL_CA: client.cert }, "KAFKA_ALLOW_PLAINTEXT"],
    ["KAFKA_SSL_CERT", clientPair, "KAFKA_ALLOW_PLAINTEXT"],
    ["KAFKA_SASL_PASSWORD", login, "KAFKA_ALLOW_PLAINTEXT"],
    ["KAFKA_SASL_PASSWORD", { ...login, KAFKA_SASL_MECHANISM: "scram-sha-512" }, "KAFKA_ALLOW_PLAINTEXT"],
    ["oauthbearer", oauth, "KAFKA_ALLOW_PLAINTEXT"],
    [
      "KAFKA_OAUTH_CLIENT_SECRET",
      { ...ssl, ...oauth, KAFKA_OAUTH_TOKEN_URL: "http://login.example/token" },
      "KAFKA_ALLOW_PLAINTEXT"
    ],
    ["SCHEMA_REGISTRY_PASSWORD", { ...http, ...registryLogin }, "SCHEMA_REGISTRY_ALLOW_PLAINTEXT"],
    [
      "SCHEMA_REGISTRY_URL",
      { SCHEMA_REGISTRY_URL: "http://capi:secret-of-capi@registry.example" },
      "SCHEMA_REGISTRY_ALLOW_PLAINTEXT"
    ],
    ["SCHEMA_REGISTRY_CA", { ...http, SCHEMA_REGISTRY_CA: client.cert }, "SCHEMA_REGISTRY_ALLOW_PLAINTEXT"],
    [
      "SCHEMA_REGISTRY_CERT",
      { ...http, SCHEMA_REGISTRY_CERT: client.cert, SCHEMA_REGISTRY_KEY: client.key },
      "SCHEMA_REGISTRY_ALLOW_PLAINTEXT"
    ]
  ]
  it.effect.each(refused)("refuses %s, unless it is allowed by name", ([name, variables, allow]) =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(load(variables))
      assert.strictEqual(error.code, "plaintext")
      assert.include(error.message, name)
      assert.include(error.nextStep, `${allow}=true`)
      assert.notInclude(error.message + error.nextStep, "secret-of-capi")
      yield* load({ ...variables, [allow]: "true" })
      const other = allow === "KAFKA_ALLOW_PLAINTEXT" ? "SCHEMA_REGISTRY_ALLOW_PLAINTEXT" : "KAFKA_ALLOW_PLAINTEXT"
      assert.strictEqual((yield* Effect.flip(load({ ...variables, [other]: "true" }))).code, "plaintext")
    })
  )

  it.effect("needs nothing allowed where nothing secret is sent, or where TLS is on", () =>
    Effect.gen(function* () {
      yield* load(http)
      yield* load({ ...ssl, ...login, KAFKA_SSL_CA: client.cert, ...clientPair })
      yield* load({ ...ssl, ...oauth })
      yield* load({ ...registryLogin, SCHEMA_REGISTRY_CA: client.cert })
    })
  )
})

describe("certificates and logins", () => {
  it.effect("are read from their files, and the key is never printed", () =>
    Effect.gen(function* () {
      const { kafka, registry } = yield* load({
        ...ssl,
        KAFKA_SSL_CA: other.cert,
        ...clientPair,
        SCHEMA_REGISTRY_CA: other.cert
      })
      assert(typeof kafka.ssl === "object")
      assert.include(kafka.ssl.ca ?? "", "BEGIN CERTIFICATE")
      assert.include(Redacted.value(kafka.ssl.key!), "PRIVATE KEY")
      assert.notInclude(JSON.stringify(kafka), "PRIVATE KEY")
      assert.include(registry.tls.ca ?? "", "BEGIN CERTIFICATE")
    })
  )

  it.effect("of OAuth have everything that a token endpoint asks for", () =>
    Effect.gen(function* () {
      const { kafka } = yield* load({
        ...ssl,
        ...oauth,
        KAFKA_OAUTH_SCOPE: "kafka",
        KAFKA_OAUTH_EXTENSIONS: "logicalCluster=lkc-1, identityPoolId=pool-1"
      })
      assert(kafka.sasl?.mechanism === "oauthbearer")
      assert.deepStrictEqual(kafka.sasl.extensions, { logicalCluster: "lkc-1", identityPoolId: "pool-1" })
      assert.strictEqual(kafka.sasl.scope, "kafka")
      assert.notInclude(JSON.stringify(kafka), "secret-of-capi")
    })
  )

  const wrong: ReadonlyArray<[string, Record<string, string>]> = [
    ["KAFKA_SSL_KEY", { KAFKA_SSL_CERT: client.cert }],
    ["KAFKA_SSL_CERT", { KAFKA_SSL_KEY: client.key }],
    ["KAFKA_SSL_KEY", { KAFKA_SSL_CERT: client.cert, KAFKA_SSL_KEY: other.key }],
    ["KAFKA_SSL_CA", { KAFKA_SSL_CA: client.key }],
    ["KAFKA_OAUTH_TOKEN_URL", { KAFKA_SASL_MECHANISM: "oauthbearer" }],
    ["SCHEMA_REGISTRY_KEY", { SCHEMA_REGISTRY_CERT: client.cert }]
  ]
  it.effect.each(wrong)("name %s where they do not fit", ([name, variables]) =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(load({ ...ssl, ...variables }))
      assert.include(error.message + error.nextStep, name)
    })
  )
})
