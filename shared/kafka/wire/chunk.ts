/** Splits records into produce requests by bytes, because kafkajs doesn't and the broker refuses what is too large. */
import type { ProducedRecord } from "../client.ts"
import { encodedHeaders, textLength } from "./record-batch-writer.ts"

/** Chunks of at most `bytesMax` bytes, in order; a record above it is a chunk of its own. No records, no chunks. */
export const chunkByBytes = (
  records: ReadonlyArray<ProducedRecord>,
  bytesMax: number
): ReadonlyArray<ReadonlyArray<ProducedRecord>> => {
  const chunks: Array<Array<ProducedRecord>> = []
  let bytes = Number.POSITIVE_INFINITY
  for (const record of records) {
    const size = producedBytes(record)
    if (bytes + size > bytesMax) {
      chunks.push([])
      bytes = 0
    }
    chunks[chunks.length - 1]!.push(record)
    bytes += size
  }
  return chunks
}

/** An upper estimate of the bytes that a record takes in a request. */
export const producedBytes = (record: ProducedRecord): number => {
  let bytes = recordOverheadBytes + (record.value?.length ?? 0)
  if (record.key !== null) bytes += textLength(record.key)
  return record.headers === undefined ? bytes : bytes + encodedHeaders(record.headers).length
}

/** Varints of lengths, offset and time of a record, and its share of its batch's header if the batch holds few. */
const recordOverheadBytes = 90
