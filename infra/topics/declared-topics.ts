/** The declared topics (`schemas/topics.json`) as the broker is asked for them. */
import topicTable from "../../schemas/topics.json" with { type: "json" }
import { expandPlatforms } from "../../shared/codec/schemas.ts"
import type { EventLog } from "../../shared/config/settings.ts"
import type { TopicDeclaration } from "../../shared/kafka/client.ts"

const replicationMax = 3

/**
 * Every declared topic with its prefix, one for each platform where the table says `{platform}`.
 *
 * @param brokers of the cluster, with those that are away for a while: copies are not added to a topic later
 * @param partitions of the topics that events pass through, instead of the table's: all need the same number, since the ids of
 * a partition of one are kept in that of another
 * @param eventLog where raw events are sealed, those in clear and dead letters are kept for a shorter time
 */
export const declaredTopics = (
  prefix: string,
  brokers: number,
  partitions?: number,
  eventLog: EventLog = "raw-events"
): ReadonlyArray<TopicDeclaration> =>
  topicTable.topics.flatMap((row) =>
    expandPlatforms(row.name).map((name) => ({
      name: `${prefix}${name}`,
      partitions: row.partitions === 1 ? 1 : (partitions ?? row.partitions),
      replication: replicationOf(brokers),
      config: {
        // What one broker alone has acknowledged goes with its disk; Kafka's own default would be content with that.
        "min.insync.replicas": String(Math.max(1, replicationOf(brokers) - 1)),
        "cleanup.policy": row.cleanup,
        "max.message.bytes": String(row.max_message_bytes),
        ...timesOf(row, eventLog)
      }
    }))
  )

/** How long records stay, and what bounds it: a segment that is open too long keeps its oldest record as long as its newest. */
const timesOf = (row: Row, eventLog: EventLog): Record<string, string> => {
  const isSealed = eventLog === "sealed-events"
  const retention = (isSealed ? row.retention_ms_sealed : undefined) ?? row.retention_ms
  const segment = (isSealed ? row.segment_ms_sealed : undefined) ?? row.segment_ms
  const config: Record<string, string> = { "retention.ms": String(retention) }
  if (segment !== undefined) config["segment.ms"] = String(segment)
  if (row.max_compaction_lag_ms !== undefined) config["max.compaction.lag.ms"] = String(row.max_compaction_lag_ms)
  if (row.delete_retention_ms !== undefined) config["delete.retention.ms"] = String(row.delete_retention_ms)
  return config
}

/** A row of the table; milliseconds. Absent times are Kafka's defaults. */
interface Row {
  readonly retention_ms: number
  readonly segment_ms?: number
  readonly retention_ms_sealed?: number
  readonly segment_ms_sealed?: number
  readonly max_compaction_lag_ms?: number
  readonly delete_retention_ms?: number
}

/** Names of the topics that events pass through, with prefix: those that have more than one partition. */
export const eventTopics = (prefix: string): ReadonlyArray<string> =>
  topicTable.topics
    .filter((row) => row.partitions > 1)
    .flatMap((row) => expandPlatforms(row.name).map((name) => `${prefix}${name}`))

/** Copies of each topic, in a cluster of so many brokers. */
export const replicationOf = (brokers: number): number => Math.max(1, Math.min(replicationMax, brokers))
