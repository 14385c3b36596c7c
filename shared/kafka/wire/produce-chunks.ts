/** Which records go into one produce request. */
import { producedBytes, type RecordContent } from "./record-batch-writer.ts"

export interface ChunkLimits {
  /** Of a batch: below the broker's `message.max.bytes`. */
  readonly batchBytesMax: number
  readonly requestBytesMax: number
}

/**
 * Divides records into chunks, in order, for one produce request each: kafkajs does not, and the broker refuses a batch that is too large.
 * `partitionOf` is a record's partition where it is known, and else any number for all of a topic. A larger record is alone in its batch. No
 * records, no chunks.
 */
export const chunkByBytes = <A extends RecordContent>(
  records: ReadonlyArray<A>,
  { batchBytesMax, requestBytesMax }: ChunkLimits,
  partitionOf: (record: A) => number
): ReadonlyArray<ReadonlyArray<A>> => {
  const chunks: Array<Array<A>> = []
  let requestBytes = Number.POSITIVE_INFINITY
  let batches = new Map<string, Array<number>>()
  for (const record of records) {
    const size = producedBytes(record)
    const partition = partitionOf(record)
    const before = batches.get(record.topic)?.[partition] ?? 0
    if (requestBytes + size > requestBytesMax || (before > 0 && before + size > batchBytesMax)) {
      chunks.push([])
      requestBytes = 0
      batches = new Map()
    }
    chunks[chunks.length - 1]!.push(record)
    requestBytes += size
    let ofTopic = batches.get(record.topic)
    if (ofTopic === undefined) {
      ofTopic = []
      batches.set(record.topic, ofTopic)
    }
    ofTopic[partition] = (ofTopic[partition] ?? 0) + size
  }
  return chunks
}
