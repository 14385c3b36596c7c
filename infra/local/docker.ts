/** Broker and registry as containers, where a Docker engine answers. Their data lives in volumes named after the state folder. */
import { hash } from "node:crypto"
import { existsSync } from "node:fs"
import { request } from "node:http"
import { homedir } from "node:os"
import path from "node:path"
import * as Clock from "effect/Clock"
import * as Config from "effect/Config"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { GenericContainer, StartedTestContainer } from "testcontainers"
import { brokersKnownAt } from "./kafka-probe.ts"
import { choosePorts } from "./ports.ts"
import { type LocalError, problem } from "./problem.ts"
import { confluentPath, registryAnswers } from "./registry-jar.ts"
import type { State } from "./state.ts"

export const brokerImage = "apache/kafka:4.1.0"
export const registryImage = "apicurio/apicurio-registry-mem:2.6.13.Final"
const startDeadline = Duration.seconds(120)
// Any 22 characters of base64url do: a volume is formatted once and keeps it.
const clusterId = "Y2FwaS1yZWxheS1sb2NhbA"

/** Whether a Docker engine answers here. `CAPI_DOCKER=never` says no without asking. */
export const dockerAnswers: Effect.Effect<boolean> = Effect.gen(function* () {
  const wish = yield* Config.String("CAPI_DOCKER").pipe(Effect.orElseSucceed(() => "auto"))
  if (wish === "never") return false
  const host = yield* Config.String("DOCKER_HOST").pipe(Effect.orElseSucceed(() => ""))
  return yield* ping(host)
})

/** Starts Kafka in a container and removes the container when the scope closes; the volume stays. Gives `host:port`. */
export const dockerBroker = (state: State, fixedPort?: number): Effect.Effect<string, LocalError, Scope.Scope> =>
  Effect.gen(function* () {
    const [port = 0] = yield* choosePorts(state, "broker", 1, fixedPort)
    const host = yield* engineHost
    yield* startContainer(state, brokerImage, (container) =>
      container
        .withExposedPorts({ container: 9092, host: port })
        .withBindMounts([{ source: volume(state, "broker"), target: "/var/lib/kafka/data" }])
        .withEnvironment(brokerEnvironment(`${host}:${port}`))
    )
    const address = `${host}:${port}`
    yield* until(
      brokersKnownAt(address).pipe(Effect.map((ids) => ids !== null && ids.length > 0)),
      "Kafka's container did not start."
    )
    return address
  })

/** Starts Apicurio in a container, its H2 store in a volume. Gives the root of its Confluent API. */
export const dockerRegistry = (state: State, fixedPort?: number): Effect.Effect<string, LocalError, Scope.Scope> =>
  Effect.gen(function* () {
    const [port = 0] = yield* choosePorts(state, "registry", 1, fixedPort)
    const host = yield* engineHost
    yield* startContainer(state, registryImage, (container) =>
      container
        .withExposedPorts({ container: 8080, host: port })
        .withBindMounts([{ source: volume(state, "registry"), target: "/store" }])
        // The volume belongs to root, and a local registry has nothing to guard from itself.
        .withUser("0")
        .withEnvironment({
          QUARKUS_DATASOURCE_JDBC_URL: "jdbc:h2:file:/store/registry;WRITE_DELAY=0",
          JAVA_OPTIONS: "-Xmx320m"
        })
    )
    const url = `http://${host}:${port}${confluentPath}`
    yield* until(registryAnswers(url), "The schema registry's container did not start.")
    return url
  })

const brokerEnvironment = (advertised: string): Record<string, string> => ({
  CLUSTER_ID: clusterId,
  KAFKA_NODE_ID: "1",
  KAFKA_PROCESS_ROLES: "broker,controller",
  KAFKA_CONTROLLER_QUORUM_VOTERS: "1@localhost:9093",
  KAFKA_LISTENERS: "PLAINTEXT://:9092,CONTROLLER://:9093",
  KAFKA_ADVERTISED_LISTENERS: `PLAINTEXT://${advertised}`,
  KAFKA_LISTENER_SECURITY_PROTOCOL_MAP: "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
  KAFKA_CONTROLLER_LISTENER_NAMES: "CONTROLLER",
  KAFKA_INTER_BROKER_LISTENER_NAME: "PLAINTEXT",
  KAFKA_LOG_DIRS: "/var/lib/kafka/data",
  KAFKA_AUTO_CREATE_TOPICS_ENABLE: "false",
  KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR: "1",
  KAFKA_OFFSETS_TOPIC_NUM_PARTITIONS: "10",
  KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR: "1",
  KAFKA_TRANSACTION_STATE_LOG_MIN_ISR: "1",
  KAFKA_TRANSACTION_STATE_LOG_NUM_PARTITIONS: "10",
  KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS: "0",
  KAFKA_GROUP_MIN_SESSION_TIMEOUT_MS: "1000",
  KAFKA_HEAP_OPTS: "-Xmx768m -Xms192m"
})

const volume = (state: State, service: string): string =>
  `capi-${hash("sha256", state.directory, "hex").slice(0, 12)}-${service}`

const engineHost: Effect.Effect<string, LocalError> = Effect.tryPromise({
  try: async () => {
    const { getContainerRuntimeClient } = await import("testcontainers")
    const client = await getContainerRuntimeClient()
    // kafkajs and the broker must agree on one name; "localhost" may be IPv6 to one and IPv4 to the other.
    return client.info.containerRuntime.host === "localhost" ? "127.0.0.1" : client.info.containerRuntime.host
  },
  catch: (cause) => dockerProblem(cause)
})

const startContainer = (
  state: State,
  image: string,
  configure: (container: GenericContainer) => GenericContainer
): Effect.Effect<StartedTestContainer, LocalError, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.tryPromise({
      try: async () => {
        state.progress(`Starting ${image} in Docker (its image is fetched once).`)
        const { GenericContainer, Wait } = await import("testcontainers")
        const container = configure(new GenericContainer(image))
        return await container
          .withWaitStrategy(Wait.forListeningPorts())
          .withStartupTimeout(Duration.toMillis(startDeadline))
          .start()
      },
      catch: (cause) => dockerProblem(cause)
    }),
    (container) =>
      Effect.ignore(
        Effect.tryPromise(() => container.stop({ timeout: state.ending === "kill" ? 0 : 20_000, removeVolumes: false }))
      )
  )

const dockerProblem = (cause: unknown): LocalError =>
  problem(
    "docker_failed",
    `Docker answers, but the container cannot be started: ${String(cause).slice(0, 300)}`,
    "Repair Docker, or set CAPI_DOCKER=never to use Java and Maven instead.",
    cause
  )

const until = (condition: Effect.Effect<boolean>, message: string): Effect.Effect<void, LocalError> =>
  Effect.gen(function* () {
    const started = yield* Clock.currentTimeMillis
    while (!(yield* condition)) {
      if ((yield* Clock.currentTimeMillis) - started > Duration.toMillis(startDeadline)) {
        return yield* problem("docker_failed", message, "Look at its log (`docker logs`), or set CAPI_DOCKER=never.")
      }
      yield* Effect.sleep("200 millis")
    }
  })

const sockets = (): ReadonlyArray<string> => [
  "/var/run/docker.sock",
  path.join(homedir(), ".docker/run/docker.sock"),
  path.join(homedir(), ".docker/desktop/docker.sock"),
  path.join(homedir(), ".colima/default/docker.sock")
]

// `GET /_ping` costs milliseconds; loading testcontainers to ask the same costs a second.
const ping = (host: string): Effect.Effect<boolean> =>
  Effect.callback<boolean>((resume) => {
    const socketPath = host.startsWith("unix://")
      ? host.slice("unix://".length)
      : sockets().find((file) => existsSync(file))
    const done = (answer: boolean) => resume(Effect.succeed(answer))
    if (host.startsWith("tcp://") === false && socketPath === undefined) return done(false)
    const target = host.startsWith("tcp://")
      ? { host: new URL(host).hostname, port: new URL(host).port }
      : { socketPath }
    const asked = request({ ...target, path: "/_ping", timeout: 2_000 }, (response) => {
      response.resume()
      done(response.statusCode === 200)
    })
    asked.once("timeout", () => asked.destroy())
    asked.once("error", () => done(false))
    asked.end()
    return Effect.sync(() => asked.destroy())
  })
