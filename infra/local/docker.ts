/** Broker and registry as containers of a Docker engine. Their data lives in volumes named after the state folder. */
import { hash } from "node:crypto"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { monotonicMillis } from "../../shared/model/monotonic.ts"
import { dockerProblem, engineHost, obtainImage, startContainer } from "./docker-engine.ts"
import { brokersKnownAt } from "./kafka-probe.ts"
import { choosePorts } from "./ports.ts"
import type { LocalError } from "./problem.ts"
import { confluentPath, registryAnswers } from "./registry-jar.ts"
import type { State } from "./state.ts"

export const brokerImage = "apache/kafka:4.1.0"
export const registryImage = "apicurio/apicurio-registry-mem:2.6.13.Final"
const readyDeadline = Duration.seconds(120)
// Any 22 characters of base64url do: a volume is formatted once and keeps it.
const clusterId = "Y2FwaS1yZWxheS1sb2NhbA"

/** Starts Kafka in a container and removes the container when the scope closes; the volume stays. Gives `host:port`. */
export const dockerBroker = (state: State, fixedPort?: number): Effect.Effect<string, LocalError, Scope.Scope> =>
  Effect.gen(function* () {
    const host = yield* engineHost(state)
    yield* obtainImage(state, brokerImage)
    const [port = 0] = yield* choosePorts(state, "broker", 1, fixedPort)
    yield* Effect.sync(() => state.progress(`Starting ${brokerImage} in Docker.`))
    const address = `${host}:${port}`
    yield* startContainer(state, brokerImage, (container) =>
      container
        .withExposedPorts({ container: 9092, host: port })
        .withBindMounts([{ source: volume(state, "broker"), target: "/var/lib/kafka/data" }])
        .withEnvironment(brokerEnvironment(address))
    )
    yield* until(
      brokersKnownAt(address).pipe(Effect.map((ids) => ids !== null && ids.length > 0)),
      `runs ${brokerImage}, but Kafka does not come up in it`
    )
    return address
  })

/** Starts Apicurio in a container, its H2 store in a volume. Gives the root of its Confluent API. */
export const dockerRegistry = (state: State, fixedPort?: number): Effect.Effect<string, LocalError, Scope.Scope> =>
  Effect.gen(function* () {
    const host = yield* engineHost(state)
    yield* obtainImage(state, registryImage)
    const [port = 0] = yield* choosePorts(state, "registry", 1, fixedPort)
    yield* Effect.sync(() => state.progress(`Starting ${registryImage} in Docker.`))
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
    yield* until(registryAnswers(url), `runs ${registryImage}, but the registry does not come up in it`)
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

const until = (condition: Effect.Effect<boolean>, trouble: string): Effect.Effect<void, LocalError> =>
  Effect.gen(function* () {
    const started = yield* monotonicMillis
    while (!(yield* condition)) {
      if ((yield* monotonicMillis) - started > Duration.toMillis(readyDeadline))
        return yield* dockerProblem(`${trouble} in ${Duration.format(readyDeadline)}`)
      yield* Effect.sleep("200 millis")
    }
  })
