/** The last offset of a batch that has no record there: compaction removes records, up to all of a batch, and keeps the offsets that it covers. */
import type { BatchContext } from "./record-batch-reader.ts"

/**
 * A message for kafkajs that is not delivered, as a transaction's marker is not: whoever reads goes on behind it. Without it a batch that is
 * empty would be fetched for ever where the next one does not fit into the response, and one that ends in a gap once for each offset of that.
 */
export class BatchEnd {
  readonly offset: number
  readonly key = null
  readonly isControlRecord = true
  readonly batchContext: BatchContext

  constructor(batchContext: BatchContext) {
    this.batchContext = batchContext
    this.offset = lastOffsetOf(batchContext)
  }
}

/** The end of a batch whose last record has this offset; null where that is its end. */
export const endBehind = (context: BatchContext, lastRecord: number | undefined): BatchEnd | null =>
  lastRecord === undefined || lastRecord < lastOffsetOf(context) ? new BatchEnd(context) : null

const lastOffsetOf = ({ firstOffset, lastOffsetDelta }: BatchContext): number => Number(firstOffset) + lastOffsetDelta
