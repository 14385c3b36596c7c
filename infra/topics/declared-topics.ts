/** The declared topics (`schemas/topics.json`) as the broker is asked for them. */
import topicTable from "../../schemas/topics.json" with { type: "json" }
import { expandPlatforms } from "../../shared/avro/record-types.ts"
import type { TopicDeclaration } from "../../shared/kafka/port.ts"

const replicationMax = 3

/** Every declared topic with its prefix, one for each platform where the table says `{platform}`. */
export const declaredTopics = (prefix: string, brokers: number): ReadonlyArray<TopicDeclaration> =>
  topicTable.topics.flatMap((row) =>
    expandPlatforms(row.name).map((name) => ({
      name: `${prefix}${name}`,
      partitions: row.partitions,
      replication: Math.max(1, Math.min(replicationMax, brokers)),
      config: {
        "cleanup.policy": row.cleanup,
        "retention.ms": String(row.retention_ms),
        "max.message.bytes": String(row.max_message_bytes)
      }
    }))
  )
