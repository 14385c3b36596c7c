/** Which records go into one produce request. */
import { producedBytes, type RecordContent } from "./record-batch-writer.ts"

export interface ChunkLimits {
  /** Of a batch of the topic, before compression. */
  readonly batchBytesMax: (topic: string) => number
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
  let requestBytes = 0
  const topics = new Map<string, TopicBytes>()
  for (const record of records) {
    const size = producedBytes(record)
    const partition = partitionOf(record)
    let topic = topics.get(record.topic)
    if (topic === undefined) {
      topic = { batchBytesMax: batchBytesMax(record.topic), batches: [] }
      topics.set(record.topic, topic)
    }
    const before = topic.batches[partition] ?? 0
    const isFull = requestBytes + size > requestBytesMax || (before > 0 && before + size > topic.batchBytesMax)
    if (isFull || chunks.length === 0) {
      chunks.push([])
      requestBytes = 0
      for (const each of topics.values()) each.batches = []
    }
    chunks[chunks.length - 1]!.push(record)
    requestBytes += size
    topic.batches[partition] = (topic.batches[partition] ?? 0) + size
  }
  return chunks
}

interface TopicBytes {
  readonly batchBytesMax: number
  /** Bytes of the batch for each partition, of the request that is being filled. */
  batches: Array<number>
}

/** A chunk's records for one partition. */
interface Batch<A> {
  readonly topic: string
  readonly partition: number | undefined
  readonly bytes: number
  readonly records: ReadonlyArray<A>
}

/** The batches of a chunk, whose records go to these partitions; the largest first. */
export const batchesOf = <A extends RecordContent & { readonly partition?: number }>(
  chunk: ReadonlyArray<A>
): ReadonlyArray<Batch<A>> =>
  [...Map.groupBy(chunk, ({ topic, partition }) => `${topic} ${partition ?? ""}`).values()]
    .map((records) => ({
      topic: records[0]!.topic,
      partition: records[0]!.partition,
      bytes: records.reduce((bytes, record) => bytes + producedBytes(record), 0),
      records
    }))
    .sort((one, other) => other.bytes - one.bytes)
