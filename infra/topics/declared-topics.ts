/** The declared topics (`schemas/topics.json`) as the broker is asked for them. */
import topicTable from "../../schemas/topics.json" with { type: "json" }
import { expandPlatforms } from "../../shared/codec/schemas.ts"
import type { TopicDeclaration } from "../../shared/kafka/client.ts"

const replicationMax = 3

/**
 * Every declared topic with its prefix, one for each platform where the table says `{platform}`.
 *
 * @param partitions of the topics that events pass through, instead of the table's: all need the same number, since the ids of
 * a partition of one are kept in that of another
 */
export const declaredTopics = (prefix: string, brokers: number, partitions?: number): ReadonlyArray<TopicDeclaration> =>
  topicTable.topics.flatMap((row) =>
    expandPlatforms(row.name).map((name) => ({
      name: `${prefix}${name}`,
      partitions: row.partitions === 1 ? 1 : (partitions ?? row.partitions),
      replication: replicationOf(brokers),
      config: {
        // What one broker alone has acknowledged goes with its disk; Kafka's own default would be content with that.
        "min.insync.replicas": String(Math.max(1, replicationOf(brokers) - 1)),
        "cleanup.policy": row.cleanup,
        "retention.ms": String(row.retention_ms),
        "max.message.bytes": String(row.max_message_bytes)
      }
    }))
  )

/** Names of the topics that events pass through, with prefix: those that have more than one partition. */
export const eventTopics = (prefix: string): ReadonlyArray<string> =>
  topicTable.topics
    .filter((row) => row.partitions > 1)
    .flatMap((row) => expandPlatforms(row.name).map((name) => `${prefix}${name}`))

const replicationOf = (brokers: number): number => Math.max(1, Math.min(replicationMax, brokers))
