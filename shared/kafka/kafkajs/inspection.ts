/** `ClusterInspection` on kafkajs. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { Broker, Cluster, Kafka } from "kafkajs"
import { type BrokerAbilities, ClusterInspection, type TopicCopies } from "../client.ts"
import type { KafkaOptions } from "../options.ts"
import { resolveKafkaOptions } from "../options.ts"
import { makeKafkaJs } from "./adapter.ts"
import { apiVersions } from "./api-versions.ts"
import { openCluster, withCluster } from "./cluster.ts"
import { authorizedOnGroups, type DescribedTopic, describeTopics } from "./descriptions.ts"
import { sendRaw } from "./raw-request.ts"

/** Connects at the first use, by itself: what it waits for holds up no other client. */
export const layerInspection = (given: KafkaOptions): Layer.Layer<ClusterInspection> =>
  Layer.effect(
    ClusterInspection,
    Effect.gen(function* () {
      const kafka: Kafka = makeKafkaJs(resolveKafkaOptions(given), yield* Effect.context<never>())
      const access = yield* openCluster(kafka)
      const ask = <A>(operation: string, run: (cluster: Cluster) => Promise<A>) => withCluster(access, operation, run)
      return ClusterInspection.of({
        brokers: ask("list the brokers", async (cluster) =>
          (await seedOf(cluster).metadata([])).brokers.map(({ nodeId, host, port }) => ({ id: nodeId, host, port }))
        ),
        abilities: ask("read what the broker can do", async (cluster): Promise<BrokerAbilities> => {
          const { newestVersions, supportedFeatures } = await sendRaw(seedOf(cluster), apiVersions)
          const metadataVersion = supportedFeatures.get("metadata.version")
          return { release: metadataVersion === undefined ? null : releaseOf(metadataVersion), newestVersions }
        }),
        copies: (topics) =>
          ask("look up the copies of topics", async (cluster) => {
            const described = await describeTopics(seedOf(cluster), topics)
            return new Map(
              [...described]
                .filter(([, { partitions }]) => partitions.length > 0)
                .map(([topic, { partitions }]) => [topic, copiesOf(partitions)])
            )
          }),
        groupOperations: (groups) =>
          ask("look up the rights on groups", (cluster) => authorizedOnGroups(cluster, groups)),
        seeTransactionalId: (id) =>
          ask(`find the coordinator of ${id}`, async (cluster) => {
            await cluster.refreshMetadataIfNecessary()
            await findTransactionCoordinator(cluster, id)
          })
      })
    })
  )

/** The broker of the bootstrap address; kafkajs's type lacks it. */
const seedOf = (cluster: Cluster): Broker =>
  (cluster as Cluster & { readonly brokerPool: { readonly seedBroker: Broker } }).brokerPool.seedBroker

const copiesOf = (partitions: DescribedTopic["partitions"]): TopicCopies => ({
  partitions: partitions.length,
  replicas: Math.min(...partitions.map(({ replicas }) => replicas.length)),
  inSync: Math.min(...partitions.map(({ inSync }) => inSync)),
  leaderless: partitions.filter(({ leader }) => leader < 0).length
})

/** kafkajs's type of `findGroupCoordinator` lacks the kind of coordinator. */
const findTransactionCoordinator = async (cluster: Cluster, id: string): Promise<void> => {
  const find = cluster.findGroupCoordinator as (given: {
    readonly groupId: string
    readonly coordinatorType: number
  }) => Promise<Broker>
  await find.call(cluster, { groupId: id, coordinatorType: transactionCoordinator })
}
const transactionCoordinator = 1

/** The first metadata version of each release (Kafka's `MetadataVersion`). */
const releases: ReadonlyArray<readonly [first: number, release: string]> = [
  [1, "3.0"],
  [2, "3.1"],
  [3, "3.2"],
  [4, "3.3"],
  [8, "3.4"],
  [9, "3.5"],
  [12, "3.6"],
  [15, "3.7"],
  [20, "3.8"],
  [21, "3.9"],
  [22, "4.0"],
  [26, "4.1"],
  [28, "4.2"],
  [30, "4.3"],
  [31, "4.4"]
]

const releaseOf = (metadataVersion: number): string =>
  releases.findLast(([first]) => first <= metadataVersion)?.[1] ?? "3.0"
