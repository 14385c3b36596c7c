/** Decodes an uncompressed record batch in one pass. kafkajs makes a buffer and 64-bit objects for each field of each record. */
import { batchBytes, isCompressed, readBatch } from "../../wire/record-batch-reader.ts"

interface Decoder {
  readonly buffer: Buffer
  offset: number
}

type DecodeBatch = (decoder: Decoder) => Promise<unknown>

/** What is compressed stays with kafkajs. */
export const decodeUncompressed =
  (original: DecodeBatch): DecodeBatch =>
  async (decoder) => {
    const { buffer, offset } = decoder
    const bytes = batchBytes(buffer, offset)
    // For a batch that was cut off by the fetch's limit kafkajs throws an error, by which its caller ends the reading.
    if (offset + bytes > buffer.length || isCompressed(buffer, offset)) return original(decoder)
    decoder.offset = offset + bytes
    return readBatch(buffer, offset)
  }
