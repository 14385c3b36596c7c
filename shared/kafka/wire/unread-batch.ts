/** A batch that is not read at once: what it holds is more than a portion, or it is damaged (decision 87). */
import type { FetchedRecord } from "../client.ts"
import { batchBytesMax, portionBytesMax, recordsMax } from "./batch-bounds.ts"
import { type BatchEnd, endBehind } from "./batch-end.ts"
import { decompressedParts } from "./compression.ts"
import { TooFarBack } from "./decompression-output.ts"
import {
  type BatchContext,
  codecOf,
  compressedRecords,
  contextOf,
  countOf,
  noHeaders,
  type RecordView,
  readBatch
} from "./record-batch-reader.ts"
import { RecordScan } from "./record-scan.ts"
import { recordTime } from "./record-time.ts"

/** A message for kafkajs in the place of the records. */
export class UnreadBatch {
  readonly offset: number
  readonly isControlRecord = false
  readonly #bytes: Buffer

  /** @param bytes of the whole batch, in memory that is not used again */
  constructor(bytes: Buffer) {
    this.#bytes = bytes
    this.offset = Number(contextOf(bytes, 0).firstOffset)
  }

  /**
   * The records from the offset on, as many as are a portion of so many bytes, but one at least; whoever wants those behind it fetches the batch again. Of a record that is too
   * large, and of what lies behind the bytes that are looked at or cannot be decompressed, there is no value. Where the batch ends behind its last record, its
   * end comes too.
   */
  async read(from: number, bytesMax = portionBytesMax): Promise<ReadonlyArray<RecordView | OmittedRecord | BatchEnd>> {
    const bytes = this.#bytes
    const context = contextOf(bytes, 0)
    const fromDelta = Math.max(0, from - this.offset)
    const scan = new RecordScan(countOf(bytes, 0), fromDelta, bytesMax)
    const codec = codecOf(bytes, 0)
    const end = await scanParts(scan, decompressedParts(codec, compressedRecords(bytes, 0)))
    const isDamaged = end === "damaged" && scan.isEmpty
    const unknown = (delta: number) => new OmittedRecord(context, unknownRecord(delta), isDamaged ? codec : null)
    const records = [
      ...readBatch(bytes, 0, scan.keptBytes(), scan.keptRecords).records,
      ...scan.large.map((large) => new OmittedRecord(context, large))
    ].sort((left, right) => left.offset - right.offset)
    const endDelta = end === "beyond" || isDamaged ? context.lastOffsetDelta + 1 : 0
    for (let delta = Math.max(fromDelta, scan.nextDelta); delta < endDelta && records.length < recordsMax; delta++)
      records.push(unknown(delta))
    const batchEnd = scan.isRead || records.length === 0 ? endBehind(context, records.at(-1)?.offset) : null
    return batchEnd === null ? records : [...records, batchEnd]
  }
}

/** Until the portion is full or the batch ends; `beyond`: the records behind are not looked at. */
const scanParts = async (
  scan: RecordScan,
  parts: AsyncIterable<Buffer>
): Promise<"complete" | "damaged" | "beyond"> => {
  let bytes = 0
  // It has no records.
  if (scan.isDone) return "complete"
  try {
    for await (const part of parts) {
      scan.push(part)
      if (scan.isDone) return "complete"
      bytes += part.length
      if (bytes > batchBytesMax) return "beyond"
    }
    return "damaged"
  } catch (error) {
    return error instanceof TooFarBack ? "beyond" : "damaged"
  }
}

const unknownRecord = (offsetDelta: number) => ({ offsetDelta, timestampDelta: 0, key: null, bytes: 0 })

/** A record whose value is not kept. */
export class OmittedRecord implements FetchedRecord {
  topic = ""
  partition = 0
  readonly offset: number
  readonly timestamp: number
  readonly key: Buffer | null
  /** Not null, which would be a tombstone. */
  readonly value: Buffer = noValue
  readonly headers = noHeaders
  readonly omittedBytes: number
  readonly bufferRef = null
  readonly isControlRecord = false
  readonly batchContext: BatchContext
  /** The compression that the batch says it has, where it is damaged from this record on. */
  readonly damagedCodec: number | null

  constructor(
    context: BatchContext,
    {
      offsetDelta,
      timestampDelta,
      key,
      bytes
    }: {
      readonly offsetDelta: number
      readonly timestampDelta: number
      readonly key: Buffer | null
      readonly bytes: number
    },
    damagedCodec: number | null = null
  ) {
    this.offset = Number(context.firstOffset) + offsetDelta
    this.timestamp = recordTime(
      context.timestampType === 1 ? Number(context.maxTimestamp) : Number(context.firstTimestamp) + timestampDelta
    )
    this.key = key
    this.omittedBytes = damagedCodec === null ? bytes : -1
    this.damagedCodec = damagedCodec
    this.batchContext = context
  }
}

const noValue = Buffer.alloc(0)
