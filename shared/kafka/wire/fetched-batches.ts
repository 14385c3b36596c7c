/** The records of a partition in a fetch response, batch by batch. */
import { recordsMax, responseBytesMax } from "./batch-bounds.ts"
import { type BatchEnd, endBehind } from "./batch-end.ts"
import { codecs } from "./compression.ts"
import { decompressedRecords } from "./decompressed-records.ts"
import {
  batchBytes,
  codecOf,
  contextOf,
  countOf,
  headerBytes,
  lastOffsetDeltaOf,
  type RecordView,
  readBatch
} from "./record-batch-reader.ts"
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
): ReadonlyArray<RecordView | UnreadBatch | BatchEnd> => {
  const all: Array<RecordView | UnreadBatch | BatchEnd> = []
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
    const { records } = readBatch(buffer, at, decompressed)
    for (const record of records) all.push(record)
    // As many as there are offsets, but for compaction.
    if (records.length <= lastOffsetDeltaOf(buffer, at)) {
      const end = endBehind(contextOf(buffer, at), records.at(-1)?.offset)
      if (end !== null) all.push(end)
    }
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
