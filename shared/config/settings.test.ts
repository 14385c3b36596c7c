import { assert, describe, it } from "@effect/vitest"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { environmentProvider, loadSettings } from "./settings.ts"
import { settingsTable } from "./settings-table.ts"

const load = (variables: Record<string, string>) =>
  Effect.provide(loadSettings, ConfigProvider.layer(environmentProvider(variables)))
const minimal = { KAFKA_BROKERS: "localhost:9092", SCHEMA_REGISTRY_URL: "http://localhost:8081/" }

describe("settings", () => {
  it.effect("decode the minimal example", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* load(minimal), {
        kafka: {
          brokers: ["localhost:9092"],
          clientId: "capi-relay",
          ssl: false,
          sasl: null,
          sessionTimeoutMillis: 30_000,
          compression: "zstd"
        },
        registry: { url: "http://localhost:8081", username: null, password: null, tls: {} },
        topicPrefix: "",
        eventLog: "raw-events",
        connectionsFile: "connections.yaml",
        connectionsEvery: Duration.zero,
        credentialsFile: ".capi/credentials.json",
        masterKey: null,
        previousMasterKeys: [],
        secretsEvery: Duration.seconds(30),
        vault: null,
        startupTimeout: Duration.minutes(1),
        health: { host: "127.0.0.1", port: 0 },
        telemetry: null,
        log: { level: "Info", format: "auto" }
      })
    })
  )

  it.effect("decode the fully spelled example", () =>
    Effect.gen(function* () {
      const settings = yield* load({
        KAFKA_BROKERS: "a:9092, b:9092,",
        KAFKA_CLIENT_ID: "relay",
        KAFKA_SSL: "true",
        KAFKA_SASL_MECHANISM: "scram-sha-512",
        KAFKA_SASL_USERNAME: "user",
        KAFKA_SASL_PASSWORD: "broker-password",
        KAFKA_SESSION_TIMEOUT: "10 seconds",
        SCHEMA_REGISTRY_URL: "https://registry.example",
        SCHEMA_REGISTRY_USERNAME: "reader",
        SCHEMA_REGISTRY_PASSWORD: "registry-password",
        CAPI_TOPIC_PREFIX: "prod.",
        CAPI_CONNECTIONS: "/etc/capi/connections.yaml",
        CAPI_CREDENTIALS_FILE: "/etc/capi/credentials.json",
        CAPI_MASTER_KEY: "a-master-key-of-some-length",
        STARTUP_TIMEOUT: "5 seconds",
        HOST: "127.0.0.1",
        PORT: "9464",
        LOG_LEVEL: "Debug",
        LOG_FORMAT: "json"
      })
      assert.deepStrictEqual(settings.kafka.brokers, ["a:9092", "b:9092"])
      assert.strictEqual(settings.kafka.ssl, true)
      assert.strictEqual(settings.kafka.sessionTimeoutMillis, 10_000)
      const { sasl } = settings.kafka
      assert(sasl !== null && sasl.mechanism !== "oauthbearer")
      assert.strictEqual(sasl.mechanism, "scram-sha-512")
      assert.strictEqual(Redacted.value(sasl.password), "broker-password")
      assert.strictEqual(Redacted.value(settings.registry.password!), "registry-password")
      assert.strictEqual(Redacted.value(settings.masterKey!), "a-master-key-of-some-length")
      assert.strictEqual(settings.topicPrefix, "prod.")
      assert.strictEqual(Duration.toSeconds(settings.startupTimeout), 5)
      assert.deepStrictEqual(settings.health, { host: "127.0.0.1", port: 9464 })
      assert.deepStrictEqual(settings.log, { level: "Debug", format: "json" })
      const printed = JSON.stringify(settings)
      for (const secret of ["broker-password", "registry-password", "a-master-key"]) assert.notInclude(printed, secret)
    })
  )

  it.effect("count an empty variable as absent", () =>
    Effect.gen(function* () {
      const settings = yield* load({ ...minimal, CAPI_MASTER_KEY: "", PORT: " ", KAFKA_SASL_USERNAME: "" })
      assert.strictEqual(settings.masterKey, null)
      assert.strictEqual(settings.health.port, 0)
      assert.strictEqual(settings.kafka.sasl, null)
    })
  )

  it.effect("come without the carriage return that a shell leaves of a file with Windows line endings", () =>
    Effect.gen(function* () {
      const given = {
        ...minimal,
        KAFKA_BROKERS: "a:1",
        SCHEMA_REGISTRY_URL: "http://r/x",
        LOG_LEVEL: "Debug",
        PORT: "9464"
      }
      const settings = yield* load(
        Object.fromEntries(Object.entries(given).map(([name, value]) => [name, `${value}\r`]))
      )
      assert.deepStrictEqual(settings.kafka.brokers, ["a:1"])
      assert.strictEqual(settings.registry.url, "http://r/x")
      assert.deepStrictEqual([settings.log.level, settings.health.port], ["Debug", 9464])
    })
  )

  it.effect("take port 0 for a free one", () =>
    Effect.gen(function* () {
      assert.strictEqual((yield* load({ ...minimal, PORT: "0" })).health.port, 0)
    })
  )

  const wrong: ReadonlyArray<[string, Record<string, string>, "missing" | "invalid"]> = [
    ["KAFKA_BROKERS", { SCHEMA_REGISTRY_URL: "http://r" }, "missing"],
    ["SCHEMA_REGISTRY_URL", { KAFKA_BROKERS: "a:1" }, "missing"],
    ["KAFKA_BROKERS", { ...minimal, KAFKA_BROKERS: "a:1,b" }, "invalid"],
    ["KAFKA_BROKERS", { ...minimal, KAFKA_BROKERS: "PLAINTEXT://a:1" }, "invalid"],
    ["KAFKA_BROKERS", { ...minimal, KAFKA_BROKERS: "a:65536" }, "invalid"],
    ["PORT", { ...minimal, PORT: "65536" }, "invalid"],
    ["PORT", { ...minimal, PORT: "http" }, "invalid"],
    ["LOG_FORMAT", { ...minimal, LOG_FORMAT: "xml" }, "invalid"],
    ["LOG_LEVEL", { ...minimal, LOG_LEVEL: "loud" }, "invalid"],
    ["KAFKA_SSL", { ...minimal, KAFKA_SSL: "perhaps" }, "invalid"],
    ["KAFKA_SSL_CA", { ...minimal, KAFKA_SSL: "true", KAFKA_SSL_CA: "/nowhere/ca.pem" }, "invalid"],
    ["CAPI_TOPIC_PREFIX", { ...minimal, CAPI_TOPIC_PREFIX: "prod/" }, "invalid"],
    ["KAFKA_SASL_PASSWORD", { ...minimal, KAFKA_SASL_USERNAME: "user" }, "missing"],
    ["KAFKA_SASL_USERNAME", { ...minimal, KAFKA_SASL_PASSWORD: "secret" }, "invalid"],
    ["SCHEMA_REGISTRY_USERNAME", { ...minimal, SCHEMA_REGISTRY_PASSWORD: "secret" }, "invalid"],
    ["SCHEMA_REGISTRY_URL", { ...minimal, SCHEMA_REGISTRY_URL: "registry:8081" }, "invalid"],
    ["SCHEMA_REGISTRY_URL", { ...minimal, SCHEMA_REGISTRY_URL: "10.0.0.1:8081" }, "invalid"]
  ]
  it.effect.each(wrong)("name %s when it is wrong", ([name, variables, code]) =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(load(variables))
      assert.strictEqual(error._tag, "SettingsError")
      assert.strictEqual(error.code, code)
      assert.include(error.message, name)
      assert.include(error.nextStep, name)
      assert.notInclude(error.message, "\n")
    })
  )

  it("has a description and an example for each row", () => {
    for (const row of settingsTable) {
      assert.isNotEmpty(row.description)
      if (row.default !== "") assert.isNotEmpty(row.example, row.name)
    }
  })
})
