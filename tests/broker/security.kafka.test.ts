/** TLS and a login: the whole port works over them, and what is wrong with either is named. */
import { readFileSync } from "node:fs"
import path from "node:path"
import process from "node:process"
import { assert, it } from "@effect/vitest"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import type { NodeAddress } from "../../infra/local/broker-config.ts"
import { startCluster } from "../../infra/local/cluster.ts"
import { requireJava, runCommand } from "../../infra/local/java.ts"
import { choosePorts } from "../../infra/local/ports.ts"
import { openState } from "../../infra/local/state.ts"
import { KafkaClient } from "../../shared/kafka/client.ts"
import { layerKafka } from "../../shared/kafka/kafkajs/adapter.ts"
import type { KafkaOptions } from "../../shared/kafka/options.ts"
import { copyProcessor } from "../../shared/testing/copy-program.ts"
import { until } from "../../shared/testing/kafka-probe.ts"
import { makeCopyHarness } from "../../shared/testing/runtime-harness.ts"
import { temporaryFolder } from "../harness/temporary-folder.ts"

const javaHome = process.env["JAVA_HOME"]
const jarsOnly = ConfigProvider.layer(
  ConfigProvider.fromEnv({ env: { CAPI_DOCKER: "never", ...(javaHome ? { JAVA_HOME: javaHome } : {}) } })
)
const storePassword = "only-for-tests"
const password = "secret-of-capi"

/** A key store with a self-signed certificate for 127.0.0.1, and that certificate as PEM. */
const makeCertificate = (folder: string) =>
  Effect.gen(function* () {
    const java = yield* requireJava(javaHome ?? null)
    const store = path.join(folder, "broker.p12")
    const pem = path.join(folder, "ca.pem")
    const common = ["-alias", "broker", "-keystore", store, "-storepass", storePassword, "-storetype", "PKCS12"]
    const keytool = (args: ReadonlyArray<string>) =>
      Effect.map(runCommand(path.join(path.dirname(java.command), "keytool"), args), ({ exitCode, text }) =>
        assert.strictEqual(exitCode, 0, text)
      )
    yield* keytool([
      ...["-genkeypair", ...common, "-keyalg", "RSA", "-dname", "CN=localhost", "-validity", "2"],
      ...["-ext", "SAN=ip:127.0.0.1,dns:localhost"]
    ])
    yield* keytool(["-exportcert", "-rfc", ...common, "-file", pem])
    return { store, ca: readFileSync(pem, "utf8") }
  })

const secured = (store: string, ports: ReadonlyArray<number>) => (_node: NodeAddress) => {
  const listeners = `TLS://127.0.0.1:${ports[0]},LOGIN://127.0.0.1:${ports[1]}`
  return {
    listeners,
    "advertised.listeners": listeners,
    "listener.security.protocol.map": "TLS:SSL,LOGIN:SASL_SSL",
    "ssl.keystore.location": store,
    "ssl.keystore.type": "PKCS12",
    "ssl.keystore.password": storePassword,
    "ssl.key.password": storePassword,
    "listener.name.login.sasl.enabled.mechanisms": "PLAIN",
    "listener.name.login.plain.sasl.jaas.config": `org.apache.kafka.common.security.plain.PlainLoginModule required user_capi="${password}";`
  }
}

const copiesOver = (options: KafkaOptions, prefix: string) =>
  Effect.gen(function* () {
    const copies = yield* makeCopyHarness({ prefix, partitions: 2 })
    yield* copies.write(200)
    yield* copies.start(copyProcessor)
    yield* until("all is copied", () => copies.done, 60_000)
    yield* copies.assertExactlyOnce
  }).pipe(Effect.provide(layerKafka(options)))

const refusalOf = (options: KafkaOptions) =>
  KafkaClient.use((client) => Effect.flip(client.listTopics)).pipe(Effect.provide(layerKafka(options)))

it.live(
  "works over TLS and with a login, and reports a wrong password and an unknown authority",
  () =>
    Effect.gen(function* () {
      const folder = temporaryFolder()
      const state = yield* openState({ stateDirectory: folder, ending: "kill", fastStart: true })
      const { store, ca } = yield* makeCertificate(folder)
      const ports = yield* choosePorts(state, "secured", 2)
      yield* startCluster(state, { settings: secured(store, ports) })
      const tls = [`127.0.0.1:${ports[0]}`]
      const login = [`127.0.0.1:${ports[1]}`]
      const sasl = { mechanism: "plain", username: "capi", password: Redacted.make(password) } as const

      yield* copiesOver({ brokers: tls, ssl: { ca } }, "tls.")
      yield* copiesOver({ brokers: login, ssl: { ca }, sasl }, "login.")

      const wrong = { ...sasl, password: Redacted.make("wrong-secret") }
      const refused = yield* refusalOf({ brokers: login, ssl: { ca }, sasl: wrong })
      assert.strictEqual(refused.code, "unauthorized")
      assert.notInclude(`${refused.message} ${String(refused.cause)}`, "wrong-secret")
      const unknown = yield* refusalOf({ brokers: tls, ssl: true })
      assert.strictEqual(unknown.code, "unreachable")
      assert.match(unknown.message, /certificate/)
    }).pipe(Effect.scoped, Effect.provide(jarsOnly)),
  400_000
)
