/** Waits for topics that were just made, or got more partitions: each broker hears of them, and of their leaders, at a time of its own. */
import type * as Effect from "effect/Effect"
import type { Broker, Cluster } from "kafkajs"
import type { KafkaError } from "../client.ts"
import { type ClusterAccess, withCluster } from "./patches/cluster.ts"
import { isConnectionLost } from "./retriable.ts"

/** Succeeds once every broker that can be reached knows so many partitions of the topics at least, and a leader of each. */
export const untilKnownEverywhere = (
  access: ClusterAccess,
  topics: ReadonlyArray<string>,
  partitions = 1
): Effect.Effect<void, KafkaError> =>
  withCluster(access, "wait for the new topics", async (cluster) => {
    // The first metadata tells which brokers there are.
    await cluster.refreshMetadata()
    for (const nodeId of cluster.getNodeIds()) {
      const known = await leadersKnown(cluster, String(nodeId), topics, partitions)
      if (!known) return Promise.reject(new TopicIsNew(`broker ${nodeId} does not know the new topics yet`))
    }
  })

/** It hears of its own return by itself: a broker that is away doesn't count. */
const leadersKnown = async (
  cluster: Cluster,
  nodeId: string,
  topics: ReadonlyArray<string>,
  partitions: number
): Promise<boolean> =>
  cluster
    .findBroker({ nodeId })
    .then((broker: Broker) => broker.metadata([...topics]))
    .then(
      ({ topicMetadata }) =>
        topicMetadata.length === topics.length &&
        topicMetadata.every(
          ({ partitionMetadata }) =>
            partitionMetadata.length >= partitions && partitionMetadata.every(({ leader }) => leader >= 0)
        ),
      (error: unknown) => isConnectionLost(error)
    )

/** Looks like a leader that isn't elected yet, which is waited for. */
class TopicIsNew extends Error {
  readonly type = "LEADER_NOT_AVAILABLE"
}
