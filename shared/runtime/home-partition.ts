/**
 * State by key in a topic that may get more partitions. A key's home is the partition that its topic's number of partitions
 * gives it; only the home decides on the key. A record that lies elsewhere was written before partitions were added: it is
 * written again to its home, in its step's transaction. Records of a changelog say for how many partitions they were written.
 */
import type { Inbound, Outbound } from "./contract.ts"

/** Header of a changelog's records: how many partitions the input had for the task that wrote them. */
export const partitionsHeader = "partitions"

/** The record for its home: a copy, since the record's memory ends with its step. */
export const movedRecord = (record: Inbound, key: string, home: number): Outbound => ({
  topic: record.topic,
  partition: home,
  key,
  value: record.value === null ? null : Buffer.from(record.value),
  headers: record.headers
})
