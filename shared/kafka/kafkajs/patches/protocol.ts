/** Patches of kafkajs's `protocol`: a request's frame, the record batches that are read, and the produce request. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import { BufferPool, type BufferRef, bufferRefOf } from "../../wire/buffer-pool.ts"
import { batchBytes, isCompressed, readBatch } from "../../wire/record-batch-reader.ts"
import {
  type BatchHeader,
  type BatchRecord,
  type SizedBatch,
  sizeBatch,
  writeBatch
} from "../../wire/record-batch-writer.ts"

/** What `protocol/request` gets of a request's encoder. */
export interface EncodedRequest {
  /** The request is the first `offset` bytes. One in a pooled buffer begins after `headroomBytes` free ones. */
  readonly buf: Buffer
  readonly offset: number
}

/** What kafkajs writes to the socket. */
interface FramedRequest {
  readonly buffer: Buffer
}

type CreateRequest = (given: {
  readonly correlationId: number
  readonly clientId: string | null
  readonly request: {
    readonly apiKey: number
    readonly apiVersion: number
    readonly encode: () => Promise<EncodedRequest>
  }
}) => Promise<FramedRequest>

/** The free bytes in front of a request in a pooled buffer: enough for a header with a client id of 498 bytes. */
const headroomBytes = 512

/**
 * Puts the header in front of a request without copying the request, if its encoder has left room for it. kafkajs copies each
 * request twice for that. The header has version 1 (Kafka protocol, "Request Header v1") and follows the request's size.
 */
export const frameRequest: CreateRequest = async ({ correlationId, clientId, request }) => {
  const payload = await request.encode()
  const headerBytes = 4 + 8 + nullableStringBytes(clientId)
  const pooled = headerBytes <= headroomBytes ? (bufferRefOf(payload.buf)?.buffer ?? null) : null
  const buffer =
    pooled === null
      ? Buffer.allocUnsafeSlow(headerBytes + payload.offset)
      : pooled.subarray(headroomBytes - headerBytes, headroomBytes + payload.offset)
  let at = buffer.writeInt32BE(buffer.length - 4, 0)
  at = buffer.writeInt16BE(request.apiKey, at)
  at = buffer.writeInt16BE(request.apiVersion, at)
  at = buffer.writeInt32BE(correlationId, at)
  at = writeNullableString(buffer, at, clientId ?? null)
  if (pooled === null) payload.buf.copy(buffer, at, 0, payload.offset)
  return { buffer }
}

/** Bytes of a NULLABLE_STRING: a length of two bytes, then UTF-8. */
const nullableStringBytes = (text: string | null): number =>
  2 + (text === null || text === undefined ? 0 : Buffer.byteLength(text))

/** Writes a NULLABLE_STRING and gives the position after it. */
const writeNullableString = (into: Buffer, at: number, text: string | null): number => {
  if (text === null) return into.writeInt16BE(-1, at)
  const start = into.writeInt16BE(Buffer.byteLength(text), at)
  return start + into.write(text, start)
}

interface Decoder {
  readonly buffer: Buffer
  offset: number
}

type DecodeBatch = (decoder: Decoder) => Promise<unknown>

/**
 * Decodes an uncompressed record batch in one pass; what is compressed stays with kafkajs, which makes a buffer and 64-bit
 * objects for each field of each record.
 */
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

interface ProduceOptions {
  readonly acks: number
  readonly timeout: number
  readonly transactionalId?: string | null
  readonly producerId?: { readonly toString: () => string }
  readonly producerEpoch?: number
  readonly compression?: number
  readonly topicData: ReadonlyArray<{
    readonly topic: string
    readonly partitions: ReadonlyArray<{
      readonly partition: number
      readonly firstSequence?: number
      readonly messages: ReadonlyArray<BatchRecord>
    }>
  }>
}

interface ProduceCall {
  readonly request: { readonly encode: () => Promise<EncodedRequest> }
  readonly response: {
    readonly decode: (payload: Buffer) => Promise<unknown>
    /** Rejects if the broker refused the records of a partition. */
    readonly parse: (decoded: unknown) => Promise<unknown>
  }
}

/** kafkajs's Produce API: for each version, a function that makes the request and the reader of its response. */
export interface ProduceApi {
  protocol: (of: { readonly version: number }) => (options: ProduceOptions) => ProduceCall
}

/**
 * Encodes an uncompressed produce request in one pass into a pooled buffer, and releases the buffer when the broker has
 * answered. kafkajs writes a buffer for each record and copies the whole five times.
 * Versions 3 and later have record batches; what is compressed stays with kafkajs.
 */
export const poolProduceRequests = (api: ProduceApi): ProduceApi => {
  const { protocol } = api
  api.protocol = ({ version }) => {
    const create = protocol({ version })
    return (options) => {
      const call = create(options)
      return version < 3 || (options.compression ?? 0) !== 0 ? call : pooled(call, options)
    }
  }
  return api
}

const pooled = ({ request, response }: ProduceCall, options: ProduceOptions): ProduceCall => {
  let sent: BufferRef | null = null
  return {
    request: {
      ...request,
      encode: async () => {
        const encoded = encode(options, Effect.runSync(Clock.currentTimeMillis))
        sent = encoded.ref
        return encoded
      }
    },
    response: {
      ...response,
      // Not after an error: the socket may still hold the request.
      parse: async (decoded) => {
        const parsed = await response.parse(decoded)
        sent?.release()
        sent = null
        return parsed
      }
    }
  }
}

const requestBuffers = new BufferPool({ stepBytes: 128 * 1024, freeBytesMax: 8 * 1024 * 1024 })

interface PooledRequest extends EncodedRequest {
  readonly ref: BufferRef
}

/** The request (Kafka protocol, "Produce Request", versions 3 to 7) after the room for its header. */
const encode = (options: ProduceOptions, now: number): PooledRequest => {
  const { acks, timeout, topicData } = options
  const transactionalId = options.transactionalId ?? null
  const batches: Array<SizedBatch> = []
  let bytes = nullableStringBytes(transactionalId) + 2 + 4 + 4
  for (const { topic, partitions } of topicData) {
    bytes += nullableStringBytes(topic) + 4
    for (const { messages } of partitions) {
      const batch = sizeBatch(messages, now)
      batches.push(batch)
      bytes += 8 + batch.bytes
    }
  }
  const ref = requestBuffers.acquire(headroomBytes + bytes).retain()
  const into = ref.buffer.subarray(headroomBytes, headroomBytes + bytes)
  let at = writeNullableString(into, 0, transactionalId)
  at = into.writeInt16BE(acks, at)
  at = into.writeInt32BE(timeout, at)
  at = into.writeInt32BE(topicData.length, at)
  let next = 0
  for (const { topic, partitions } of topicData) {
    at = writeNullableString(into, at, topic)
    at = into.writeInt32BE(partitions.length, at)
    for (const { partition, firstSequence } of partitions) {
      const batch = batches[next++]!
      const head: BatchHeader = {
        now,
        transactional: transactionalId !== null && transactionalId !== "",
        producerId: BigInt((options.producerId ?? -1).toString()),
        producerEpoch: options.producerEpoch ?? 0,
        firstSequence: firstSequence ?? 0
      }
      at = into.writeInt32BE(partition, at)
      at = into.writeInt32BE(batch.bytes, at)
      at = writeBatch(into, at, batch, head)
    }
  }
  return { buf: into, offset: bytes, ref }
}
