/**
 * A broker as production has it: TLS, client certificates and every login, and an authorizer that refuses what no ACL allows. Its
 * plaintext listener is the administrator's.
 */
import path from "node:path"
import process from "node:process"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import { startCluster } from "../../infra/local/cluster.ts"
import { kafkaJars } from "../../infra/local/jars.ts"
import { requireJava, runCommand } from "../../infra/local/java.ts"
import { choosePorts } from "../../infra/local/ports.ts"
import { openState, type State } from "../../infra/local/state.ts"
import { type Authority, makeAuthority } from "./certificates.ts"
import { startTokenEndpoint } from "./token-endpoint.ts"

const javaHome = process.env["JAVA_HOME"]
/** Docker's broker has no such listeners. */
export const jarsOnly = ConfigProvider.layer(
  ConfigProvider.fromEnv({ env: { CAPI_DOCKER: "never", ...(javaHome ? { JAVA_HOME: javaHome } : {}) } })
)

export interface SecuredBrokerOptions {
  readonly folder: string
  /** Passwords by user: for SASL/PLAIN and SCRAM, and client secrets of the token endpoint. */
  readonly users: Readonly<Record<string, string>>
  /** Users that get SCRAM credentials too, which takes a JVM. */
  readonly scram?: ReadonlyArray<string>
  /** A log of what the authorizer allowed and denied, from its debug level. */
  readonly logsDecisions?: boolean
}

/** Starts it and its token endpoint until the scope closes; without ACLs only the administrator may do anything. */
export const startSecuredBroker = Effect.fnUntraced(function* (options: SecuredBrokerOptions) {
  const { folder, users } = options
  const state = yield* openState({ stateDirectory: folder, ending: "kill", fastStart: true })
  const authority = makeAuthority(folder)
  const tokens = yield* startTokenEndpoint({
    folder,
    certificate: authority.issue("login"),
    clients: users,
    audience: "kafka"
  })
  const ports = yield* choosePorts(state, "secured", 4)
  const jwks = `file://${tokens.jwksFile}`
  const cluster = yield* startCluster(state, {
    settings: () => settingsOf(authority, users, ports, jwks),
    jvmOptions: [`-Dorg.apache.kafka.sasl.oauthbearer.allowed.urls=${jwks}`],
    ...(options.logsDecisions === true ? { logConfiguration: "tests/harness/authorizer-log4j2.properties" } : {})
  })
  for (const user of options.scram ?? []) yield* addScram(state, cluster.brokers, user, users[user] ?? "")
  return {
    /** Plaintext; whoever connects there may do everything. */
    administrator: cluster.brokers,
    /** TLS with a client certificate, whose common name is the user. */
    mutualTls: `127.0.0.1:${ports[0]}`,
    /** TLS with a login. */
    login: `127.0.0.1:${ports[1]}`,
    /** Plaintext; the broker answers here and advertises an address where nothing listens. */
    misadvertised: `127.0.0.1:${ports[2]}`,
    authority,
    tokens,
    logFile: path.join(state.logs, "broker-1.log")
  }
})

const settingsOf = (
  authority: Authority,
  users: Readonly<Record<string, string>>,
  ports: ReadonlyArray<number>,
  jwks: string
): Readonly<Record<string, string>> => {
  const listenersAt = (last: number | undefined) =>
    `MUTUAL://127.0.0.1:${ports[0]},LOGIN://127.0.0.1:${ports[1]},LOST://127.0.0.1:${last}`
  const plain = Object.entries(users).map(([user, password]) => `user_${user}="${password}"`)
  const security = "org.apache.kafka.common.security"
  return {
    listeners: listenersAt(ports[2]),
    "advertised.listeners": listenersAt(ports[3]),
    "listener.security.protocol.map": "MUTUAL:SSL,LOGIN:SASL_SSL,LOST:PLAINTEXT",
    "ssl.keystore.type": "PEM",
    "ssl.keystore.location": authority.issue("broker").both,
    "ssl.truststore.type": "PEM",
    "ssl.truststore.location": authority.ca,
    "ssl.principal.mapping.rules": "RULE:^CN=([^,]+).*$/$1/",
    "listener.name.mutual.ssl.client.auth": "required",
    "listener.name.login.sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER",
    "listener.name.login.plain.sasl.jaas.config": `${security}.plain.PlainLoginModule required ${plain.join(" ")};`,
    "listener.name.login.scram-sha-256.sasl.jaas.config": `${security}.scram.ScramLoginModule required;`,
    "listener.name.login.scram-sha-512.sasl.jaas.config": `${security}.scram.ScramLoginModule required;`,
    "listener.name.login.oauthbearer.sasl.jaas.config": `${security}.oauthbearer.OAuthBearerLoginModule required;`,
    "listener.name.login.oauthbearer.sasl.server.callback.handler.class": `${security}.oauthbearer.OAuthBearerValidatorCallbackHandler`,
    "sasl.oauthbearer.jwks.endpoint.url": jwks,
    "sasl.oauthbearer.expected.audience": "kafka",
    "sasl.oauthbearer.expected.issuer": "capi-tests",
    "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
    "super.users": "User:ANONYMOUS"
  }
}

const addScram = Effect.fnUntraced(function* (state: State, brokers: string, user: string, password: string) {
  const java = yield* requireJava(javaHome ?? null)
  const jars = yield* kafkaJars(state)
  // Kafka refuses both in one request.
  for (const mechanism of ["SCRAM-SHA-256", "SCRAM-SHA-512"]) {
    const { exitCode, text } = yield* runCommand(java.command, [
      ...["-Xmx128m", "-XX:+UseSerialGC", "-cp", path.join(jars, "*"), "kafka.admin.ConfigCommand"],
      ...["--bootstrap-server", brokers, "--alter", "--entity-type", "users", "--entity-name", user],
      ...["--add-config", `${mechanism}=[password=${password}]`]
    ])
    if (exitCode !== 0) return yield* Effect.die(new Error(`The SCRAM credentials were not written: ${text}`))
  }
})
