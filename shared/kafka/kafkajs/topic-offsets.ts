/** The ends of topics' logs. What is asked for at the same time goes out in one request to each broker, however many topics it is. */
import type * as Effect from "effect/Effect"
import type { Cluster, PartitionOffset } from "kafkajs"
import type { KafkaError, PartitionOffsets } from "../client.ts"
import { type ClusterAccess, withCluster } from "./cluster.ts"

export const openTopicOffsets =
  (access: ClusterAccess) =>
  (topic: string): Effect.Effect<ReadonlyArray<PartitionOffsets>, KafkaError> =>
    withCluster(access, `read the offsets of ${topic}`, async (cluster) => {
      // Alone, so that a topic that does not exist fails no other.
      await cluster.addTargetTopic(topic)
      return (await askTogether(cluster, topic)).get(topic)!
    })

type Offsets = ReadonlyMap<string, ReadonlyArray<PartitionOffsets>>

/** What is about to be asked for. */
const batches = new WeakMap<Cluster, { readonly topics: Set<string>; readonly answer: Promise<Offsets> }>()

const askTogether = (cluster: Cluster, topic: string): Promise<Offsets> => {
  const known = batches.get(cluster)
  if (known !== undefined) {
    known.topics.add(topic)
    return known.answer
  }
  const topics = new Set([topic])
  const answer = new Promise<void>((resolve) => setImmediate(resolve)).then(() => {
    batches.delete(cluster)
    return offsetsOf(cluster, [...topics])
  })
  batches.set(cluster, { topics, answer })
  return answer
}

const offsetsOf = async (cluster: Cluster, topics: ReadonlyArray<string>): Promise<Offsets> => {
  await cluster.refreshMetadataIfNecessary()
  const asked = (fromBeginning: boolean) =>
    cluster.fetchTopicsOffset(
      topics.map((topic) => ({
        topic,
        fromBeginning,
        partitions: cluster.findTopicPartitionMetadata(topic).map(({ partitionId }) => ({ partition: partitionId }))
      }))
    )
  const [highs, lows] = await Promise.all([asked(false), asked(true)])
  const low = new Map(lows.map(({ topic, partitions }) => [topic, offsetsByPartition(partitions)]))
  return new Map(
    highs.map(({ topic, partitions }) => [
      topic,
      [...offsetsByPartition(partitions)]
        .map(([partition, high]) => ({ partition, low: low.get(topic)?.get(partition) ?? 0, high }))
        .sort((left, right) => left.partition - right.partition)
    ])
  )
}

const offsetsByPartition = (partitions: ReadonlyArray<PartitionOffset>) =>
  new Map(partitions.map(({ partition, offset }) => [partition, Number(offset)]))
