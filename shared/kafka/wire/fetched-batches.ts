/** The records of a partition in a fetch response, batch by batch. */
import { recordsMax, responseBytesMax } from "./batch-bounds.ts"
import { codecs } from "./compression.ts"
import { decompressedRecords } from "./decompressed-records.ts"
import { batchBytes, codecOf, countOf, headerBytes, type RecordView, readBatch } from "./record-batch-reader.ts"
import { UnreadBatch } from "./unread-batch.ts"

/**
 * The records between the two positions, without the last batch if the fetch's limit cut it off, and without those that are too much for one
 * response. A batch that is too much by itself is there as such, if nothing is before it.
 */
export const readBatches = (
  buffer: Buffer,
  start: number,
  end: number,
  response: ReadResponse
): ReadonlyArray<RecordView | UnreadBatch> => {
  const all: Array<RecordView | UnreadBatch> = []
  for (let at = start, next = at; end - at >= headerBytes; at = next) {
    next = at + batchBytes(buffer, at)
    if (next > end || response.bytes >= responseBytesMax || response.records >= recordsMax) break
    const isCompressed = codecOf(buffer, at) !== codecs.none
    const isLong = countOf(buffer, at) > recordsMax
    const decompressed = isCompressed && !isLong ? decompressedRecords(buffer, at) : null
    if (isLong || (isCompressed && decompressed === null)) {
      if (all.length > 0 || response.hasUnread) break
      response.hasUnread = true
      return [new UnreadBatch(Buffer.from(buffer.subarray(at, next)))]
    }
    for (const record of readBatch(buffer, at, decompressed).records) all.push(record)
    response.records += countOf(buffer, at)
    response.bytes += decompressed?.length ?? 0
  }
  return all
}

/** What was read of a response so far. */
export class ReadResponse {
  records = 0
  bytes = 0
  hasUnread = false
}
