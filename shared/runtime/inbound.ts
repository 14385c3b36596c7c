/** A fetched record under the logical name of its topic. */
import type { FetchedRecord } from "../kafka/client.ts"
import type { Inbound } from "./contract.ts"

/**
 * The record as it is where the names are the same. Else a copy, field by field: a client's records may make key, value and
 * headers when they are asked for, which a spread leaves out.
 */
export const inboundOf = (record: FetchedRecord, topic: string): Inbound => {
  if (record.topic === topic) return record
  const { partition, offset, timestamp, key, value, headers, bufferRef: lease } = record
  return { topic, partition, offset, timestamp, key, value, headers, bufferRef: lease ?? null }
}
